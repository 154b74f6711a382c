"""Old steps are thinned out in a real InfluxDB: what stays is exact, all else is untouched, and panels show it."""

from __future__ import annotations

import fcntl
import signal
import time

import pytest
from kit.history.grafana_files import filled_in, queries
from kit.history.history_chain import Chain, bits, need
from kit.history.line_parser import Point, parse
from kit.machine.child_process import Process, run, until

from monty_mqtt.errors import ServiceError
from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import Hypothesis, LearningModuleEpisode, LearningModuleStep, Target
from monty_mqtt_core.influx.line_protocol import Misfits
from monty_mqtt_core.influx.points import lines_of
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.commands import thin as thinning
from monty_mqtt_stack.commands.thin import thin
from monty_mqtt_stack.services.influxdb import InfluxDB, query, write_points
from monty_mqtt_stack.services.influxdb_setup import provision

DAY = 86_400
KEEP_DAYS = 90
TODAY = int(time.time()) // DAY * DAY
OLD = TODAY - 100 * DAY
RECENT = TODAY - 80 * DAY
STEPS_PER_SEC = 2
SECS = 200
MODULES = ("LM_0", 'LM "1", = x')
OBJECTS = ("mug", "a,b=c d", "100% ünï\\")


def step(run: str, worker: str, number: int, day: int) -> schema.Step:
    """A step of day's 23:58:00 and after; its last ones are of the next day."""
    second = day + DAY - 120
    modules = {
        name: LearningModuleStep(
            evidence={known: number + at / 3 for at, known in enumerate(OBJECTS)},
            most_likely=Hypothesis(object=OBJECTS[number % 3], evidence=number / 7, location=[0.0] * 3,
                                   rotation=[0.0, 0.0, 0.0, 1.0], scale=1.0),
            is_correct=bool(number % 2),
            possible_matches=list(OBJECTS),
            terminal_state="match" if number % 50 == 7 else None,
            margin=-number * 0.1,
            rotation_error_degs=number / 3,
            hypothesis_counts={"mug": number},
        )
        for name in MODULES
    }  # fmt: skip
    return schema.Step(
        run=run, worker=worker, seq=number, time_unix_nanos=second * 10**9 + number * 10**9 // STEPS_PER_SEC,
        mode="eval", epoch=0, episode=number // 100, step=number % 100, total_step=number, learning_modules=modules,
        step_secs=0.04, monitor_micros=50.0, target_object="mug",
    )  # fmt: skip


def episode(run: str, worker: str, number: int, day: int) -> schema.EpisodeEnded:
    results = {name: LearningModuleEpisode(outcome="correct", detected_object="mug", steps=9) for name in MODULES}
    return schema.EpisodeEnded(
        run=run, worker=worker, seq=9000 + number, time_unix_nanos=(day + DAY - 60 + number) * 10**9 + 7, mode="eval",
        epoch=0, episode=number, outcome="correct", correct=1, used_mlh=0, steps=100, elapsed_secs=9.5,
        target=Target(object="mug"), learning_modules=results,
    )  # fmt: skip


def history(day: int, run: str = "r") -> list[str]:
    """Lines of two workers."""
    messages: list[schema.Message] = []
    for worker in ("main", "other worker"):
        messages += [step(run, worker, number, day) for number in range(SECS * STEPS_PER_SEC)]
        messages += [episode(run, worker, number, day) for number in range(5)]
    return [line for message in messages for line in lines_of(message, "an experiment", Misfits())]


def thinned(points: list[Point]) -> list[Point]:
    """The last value of each field in each minute of a series, at its own time."""
    last: dict[tuple, tuple[int, object]] = {}
    for point in points:
        for name, value in point.fields.items():
            at = (tuple(sorted(point.tags.items())), point.time // (60 * 10**9), name)
            if at not in last or last[at][0] < point.time:
                last[at] = (point.time, value)
    whole: dict[tuple, dict[str, object]] = {}
    for (tags, _, name), (stamp, value) in last.items():
        whole.setdefault((tags, stamp), {})[name] = value
    return [Point(points[0].measurement, dict(tags), fields, stamp) for (tags, stamp), fields in whole.items()]


def canonical(points):
    return sorted(
        (sorted(point.tags.items()), point.time, sorted((name, bits(v)) for name, v in point.fields.items()))
        for point in points
    )


def of(points: list[Point], measurement: str) -> list[Point]:
    return [point for point in points if point.measurement == measurement]


def until_midnight(points: list[Point], day: int) -> tuple[list[Point], list[Point]]:
    """Points before and after the end of a day."""
    end = (day + DAY) * 10**9
    return [point for point in points if point.time < end], [point for point in points if point.time >= end]


@pytest.fixture
def chain(tmp_path):
    need("influxd")
    with Chain(tmp_path / "chain", "influxdb") as running:
        provision(running.state, running.influxdb)
        yield running


def store(chain: Chain, lines: list[str]) -> list[Point]:
    text = "\n".join(lines) + "\n"
    write_points(chain.influxdb, chain.token("influxdb_admin_token"), text)
    return parse(text.encode())


def everything_else(chain: Chain) -> dict[str, list]:
    names = {row[0] for series in chain.query("SHOW MEASUREMENTS") for row in series.rows}
    assert names >= {"episode", "confusion", "outcome", "timeline", "object"}
    return {name: canonical(chain.points(name)) for name in names - {"step", "evidence", "thinned"}}


@pytest.mark.timeout(180)
def test_of_old_steps_the_last_of_each_minute_stays_and_all_else_is_untouched(chain):
    old, recent = store(chain, history(OLD)), store(chain, history(RECENT))
    untouched = everything_else(chain)
    lines = list(thin(chain.state, chain.influxdb, KEEP_DAYS))
    assert len(lines) == 2, "the last steps are of the day after"
    assert all("points thinned out to" in line for line in lines)
    for measurement in ("step", "evidence"):
        first, second = until_midnight(of(old, measurement), OLD)
        wanted = [*thinned(first), *thinned(second), *of(recent, measurement)]
        assert len(thinned(first)) < len(first) / 10
        assert canonical(chain.points(measurement)) == canonical(wanted), measurement
    assert everything_else(chain) == untouched
    assert list(thin(chain.state, chain.influxdb, KEEP_DAYS)) == [], "there is no more to do"


@pytest.mark.timeout(180)
def test_what_is_restored_of_that_day_later_is_thinned_out_too(chain):
    first = store(chain, history(OLD, "r"))
    assert len(list(thin(chain.state, chain.influxdb, KEEP_DAYS))) == 2
    later = store(chain, history(OLD, "restored later"))
    assert len(list(thin(chain.state, chain.influxdb, KEEP_DAYS))) == 2
    for measurement in ("step", "evidence"):
        parts = [part for points in (first, later) for part in until_midnight(of(points, measurement), OLD)]
        assert canonical(chain.points(measurement)) == canonical([point for part in parts for point in thinned(part)])


@pytest.mark.timeout(300)
def test_interrupted_anywhere_the_next_time_completes_it(chain, monkeypatch):
    """Each way to InfluxDB is cut in turn, before its work and after it, on a day of its own."""

    class Cut(Exception):  # noqa: N818 - no error
        pass

    calls = 0

    def cutting(work, *, before: int = -1, after: int = -1):
        def counted(*arguments):
            nonlocal calls
            calls += 1
            if calls == before:
                raise Cut
            result = work(*arguments)
            if calls == after:
                raise Cut
            return result

        return counted

    names = ("run_flux", "delete_points", "write_points")
    real = {name: getattr(thinning, name) for name in names}
    days, written = [], []
    for number in range(1, 10):
        for when in ("before", "after"):
            day = OLD - 3 * DAY * len(days)
            days.append(day)
            written += [(day, store(chain, history(day)))]
            calls = 0
            for name, work in real.items():
                monkeypatch.setattr(thinning, name, cutting(work, **{when: number}))
            with pytest.raises(Cut):
                thinning._Days(chain.influxdb, chain.token("influxdb_admin_token")).thin(day)
            for name, work in real.items():
                monkeypatch.setattr(thinning, name, work)
    assert list(thin(chain.state, chain.influxdb, KEEP_DAYS))
    for measurement in ("step", "evidence"):
        parts = [part for day, points in written for part in until_midnight(of(points, measurement), day)]
        wanted = [point for part in parts for point in thinned(part)]
        assert canonical(chain.points(measurement)) == canonical(wanted), measurement
        assert chain.points(f"aside_{measurement}") == []


@pytest.mark.timeout(180)
def test_every_panel_that_shows_steps_shows_an_old_run_too(chain):
    store(chain, history(OLD, "old run"))
    list(thin(chain.state, chain.influxdb, KEEP_DAYS))
    values = {"run": "old run", "worker": "main", "learning_module": list(MODULES), "mode": "eval", "bridge": "",
              "metric": ""}  # fmt: skip
    of_steps = [asked for asked in queries() if 'FROM "step"' in asked.text or 'FROM "evidence"' in asked.text]
    assert len(of_steps) >= 8
    for asked in of_steps:
        text = filled_in(asked.text, values, OLD * 1000, (OLD + 2 * DAY) * 1000, "10m")
        assert chain.query(text), f"{asked}: {text}"


def test_one_at_a_time_and_only_where_there_is_a_history(chain, tmp_path):
    with (chain.state.path / "thinning.lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ServiceError, match="being thinned out already"):
            list(thin(chain.state, chain.influxdb, KEEP_DAYS))
    with pytest.raises(ServiceError, match=r"no InfluxDB answers at http://127\.0\.0\.1:9"):
        list(thin(chain.state, InfluxDB("http://127.0.0.1:9"), KEEP_DAYS))
    done = run("thin", "--keep-steps-days", "90", "--state-dir", str(tmp_path / "none"))
    assert done.returncode != 0
    assert "no InfluxDB runs here: start `monty-mqtt up` first" in done.stderr
    assert "'0' is not a number of days (1 or more)" in run("up", "--keep-steps-days", "0").stderr


@pytest.mark.timeout(180)
def test_up_does_it_by_itself_and_the_command_at_once(tmp_path):
    need("influxd")
    state = StateDir(tmp_path / "state")
    words = ("--state-dir", str(state.path), "--mqtt-port", "0", "--zmq-port", "0", "--without", "liveview", "bridge")
    with Process("up", *words) as process:
        process.wait_for("Ctrl+C stops everything", 60)
        influxdb = InfluxDB(state.read_far_side().services["influxdb"].url)
        provision(state, influxdb)
        token = (state.secrets / "influxdb_admin_token").read_text().strip()
        write_points(influxdb, token, "\n".join(history(OLD)))
        done = run("thin", "--keep-steps-days", str(KEEP_DAYS), "--state-dir", str(state.path))
        assert done.returncode == 0, done.stderr
        assert len(done.stdout.splitlines()) == 2
        write_points(influxdb, token, "\n".join(history(OLD - 9 * DAY)))
        counted = query(influxdb.url, token, "SELECT count(total_step) FROM step")[0].rows[0][1]
        process.signal(signal.SIGTERM)
        assert process.wait(60) == 0
    with Process("up", *words, "--keep-steps-days", str(KEEP_DAYS)) as process:
        process.wait_for("points thinned out to", 90)
        influxdb = InfluxDB(state.read_far_side().services["influxdb"].url)
        count = "SELECT count(total_step) FROM step"
        until(lambda: query(influxdb.url, token, count)[0].rows[0][1] < counted / 10, 60)
        process.signal(signal.SIGTERM)
        assert process.wait(60) == 0
