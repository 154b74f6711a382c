"""The walking skeleton of history: what an experiment sent, in InfluxDB, to the nanosecond and the bit."""

from __future__ import annotations

import csv
import io
import json
import time
from contextlib import ExitStack

import pytest
from kit.bridge import Dealer
from kit.history.history_chain import STORED_SECS, Chain, bits
from kit.history.line_parser import Point, parse
from kit.machine.child_process import run, until

from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster
from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt.wire.message_pieces import LearningModuleEpisode, LearningModuleStep, Target
from monty_mqtt_bridge.publish.page_links import PageLinks
from monty_mqtt_bridge.settings import BridgeConfig
from monty_mqtt_core.influx.line_protocol import Misfits, key
from monty_mqtt_core.influx.points import FIELDS, lines_of
from monty_mqtt_core.payloads.from_mqtt import message_of
from monty_mqtt_core.recordings.mcap_file import Reader
from monty_mqtt_stack.commands.export import MEASUREMENTS, rows_of
from monty_mqtt_stack.demo.demo_recording import recording_path
from monty_mqtt_stack.replay.restore_recording import restore_recording
from monty_mqtt_stack.services.influxdb import LOGS

TAGS = {"experiment", "learning_module", "mode", "name", "run", "worker"}


def canonical(points):
    """Points as they can be compared: each field by its bits, in order."""
    return sorted(
        (one.measurement, sorted(one.tags.items()), one.time, sorted((name, bits(v)) for name, v in one.fields.items()))
        for one in points
    )


@pytest.fixture(scope="module")
def messages():
    """What the committed recording says was sent."""
    found = []
    for entry in Reader(recording_path()).entries():
        if topics.parse(entry.topic).kind in ("evidence", "frame", "model"):
            continue
        found.append(message_of(entry.topic, entry.payload)[0])
    return [one for one in found if isinstance(one, schema.Message)]


def expected(messages):
    """The points that the messages should become, by measurement."""
    experiments = {one.run: one.experiment for one in messages if isinstance(one, schema.Info)}
    page = PageLinks(BridgeConfig().liveview_url)
    lines = [
        line
        for one in messages
        for line in lines_of(one, experiments.get(one.run), Misfits(), page_url=page.of_run(one.run))
    ]
    points = {}
    for point in parse("".join(f"{line}\n" for line in lines).encode()):
        points.setdefault(point.measurement, []).append(point)
    return points


def test_the_recorded_demo_is_stored_exactly_and_sending_it_again_changes_nothing(chain: Chain, messages):
    wanted = expected(messages)
    assert {"step", "evidence", "episode"} <= set(wanted)
    restore_recording(recording_path(), bridge=BridgeAddress(port=chain.zmq_port))

    def stored(name):
        return [one for one in chain.points(name, LOGS if name == "log" else "monty") if by_worker(one)]

    for _ in range(2):
        until(lambda: all(len(stored(name)) >= len(points) for name, points in wanted.items()), STORED_SECS)
        for name, points in wanted.items():
            assert canonical(stored(name)) == canonical(points), name
        statuses = {one.tags["run"]: one.fields["status"] for one in chain.points("status") if by_worker(one)}
        # Once more, as a bridge hears it that has forgotten all: the points themselves come again.
        chain.kill("bridge")
        for file in (chain.state.path / "journal").iterdir():
            file.unlink()
        chain.start("bridge")
        restore_recording(recording_path(), bridge=BridgeAddress(port=chain.zmq_port))
    assert set(statuses.values()) == {"completed"}
    assert chain.telegraf_counts() == {"dropped": 0, "rejected": 0}


def by_worker(point: Point) -> bool:
    """Whether a worker's message became it, and not what the bridge says of its own accord."""
    return point.tags.get("name") != "bridge" or point.measurement != "status"


def test_every_evidence_value_episode_and_metric_is_what_was_sent(chain: Chain, messages):
    """Without `points`: the messages themselves against what InfluxDB says."""
    evidence = {
        (one.tags["run"], one.tags["worker"], one.tags["learning_module"], one.time): one.fields
        for one in chain.points("evidence")
    }
    steps = [one for one in messages if isinstance(one, schema.Step)]
    assert steps
    for step in steps:
        for name, module in step.learning_modules.items():
            if module.evidence:
                stored = evidence.pop((step.run, step.worker, name, step.time_unix_nanos))
                sent = {key(one): value for one, value in module.evidence.items() if value is not None}
                assert {one: bits(value) for one, value in stored.items()} == {
                    one: bits(value) for one, value in sent.items()
                }
    assert evidence == {}
    ended = {
        (one.run, one.worker, one.time_unix_nanos): one for one in messages if isinstance(one, schema.EpisodeEnded)
    }
    stored = [one for one in chain.points("episode") if "learning_module" not in one.tags]
    assert len(stored) == len(ended) > 0
    for point in stored:
        sent = ended[point.tags["run"], point.tags["worker"], point.time]
        assert (point.fields.get("outcome"), point.fields["steps"]) == (sent.outcome, sent.steps)
        assert point.tags["mode"] == sent.mode


@pytest.mark.parametrize(("of", "measurement"), MEASUREMENTS.items())
def test_a_run_is_taken_out_as_it_was_sent(chain: Chain, messages, of, measurement):
    experiment = next(one for one in messages if isinstance(one, schema.EpisodeEnded)).run
    wanted = [one for one in expected(messages).get(measurement, ()) if one.tags["run"] == experiment]
    words = ("export", experiment, "--of", of, "--state-dir", str(chain.state.path), "--influxdb", chain.influxdb.url)
    if not wanted:
        assert run(*words).returncode == 1
        return
    lines = [json.loads(line) for line in run(*words, "--format", "jsonl").stdout.splitlines()]
    found = [Point(measurement, tags_of(line), fields_of(line, measurement), line["time_unix_nanos"]) for line in lines]
    assert canonical(found) == canonical(wanted)
    head, *rows = csv.reader(io.StringIO(run(*words).stdout))
    assert sorted(int(row[head.index("time_unix_nanos")]) for row in rows) == sorted(one.time for one in wanted)


def tags_of(line):
    return {name: value for name, value in line.items() if name in TAGS and value is not None}


def fields_of(line, measurement):
    kinds = FIELDS.get(measurement, {})
    fields = {name: value for name, value in line.items() if name not in {*TAGS, "time_unix_nanos"}}
    return {name: kinds.get(name, float)(value) for name, value in fields.items() if value is not None}


def test_two_runs_in_the_same_nanosecond_keep_both_points(chain: Chain):
    stamp = 1_795_000_000_123_456_789
    for number, name in enumerate(("one", "two")):
        with Dealer(chain.zmq_port, name) as dealer:
            dealer.hello()
            dealer.send(schema.Metric, 0, name="same_time", value=float(number), time_unix_nanos=stamp)
            dealer.acked(1)

    def stored():
        return {
            (one.tags["run"], one.fields["value"], one.time)
            for one in chain.points("metric")
            if one.tags["name"] == "same_time"
        }

    until(lambda: len(stored()) == 2)
    assert stored() == {("one", 0.0, stamp), ("two", 1.0, stamp)}


NAMES = ['a,b=c "d"\\ ', "two\nlines", "ünï\t😀", "100%", "%41", "=", "'quoted'", "a.b/c#+", "", " "]
FLOATS = [0.1, -1e-300, 1e16, 1.7976931348623157e308, 5e-324, 1.2345678901234568e17, 1e-5, -2.5e-9, 1 / 3, 0.0]
VALUES = [1, 2.5, True, -0.0, 10**30, "text", None, [1, {"two": 2}], {"a": 1.5}, float("nan"), b"\xff", 2**63]


def test_ten_thousand_calls_with_changing_types_and_names_refuse_nothing(chain: Chain):
    before = chain.count("metric", "value")
    with ExitStack() as stack:
        broadcaster = stack.enter_context(ZmqBroadcaster(run_id="types", zmq_port=chain.zmq_port))
        others = stack.enter_context(ZmqBroadcaster(run_id="others", zmq_port=chain.zmq_port, strict=True))
        for number in range(5_000):
            name, value = NAMES[number % 10], VALUES[number % 12]
            broadcaster.publish_metric(name, value, extra=VALUES[number % 11], **{f"key{number % 7}": value})
            broadcaster.publish_data(name, {f"field{number % 9}": value})
            if not number % 10:
                others.publish_metric("steady", float(number))
        others.publish_metric("steady", 5_000.0)
        assert broadcaster.flush(30)
        assert others.flush(30)
        until(lambda: 5_000.0 in steady(chain))
    assert steady(chain) == {float(number) for number in range(0, 5_001, 10)}
    assert chain.count("metric", "value") > before + 501
    assert chain.telegraf_counts() == {"dropped": 0, "rejected": 0}
    assert "E! [outputs" not in chain.log("telegraf")


def steady(chain):
    return {one.fields["value"] for one in chain.points("metric") if one.tags["run"] == "others"}


def test_any_name_of_an_object_module_or_metric_is_read_back(chain: Chain):
    names = [name for name in NAMES if name]
    with ZmqBroadcaster(run_id='run "x"', zmq_port=chain.zmq_port, strict=True) as broadcaster:
        evidence = dict(zip(names, FLOATS))
        modules = {name: LearningModuleStep(evidence=evidence) for name in names}
        broadcaster.publish(schema.Step, mode="eval", epoch=0, episode=0, step=0, learning_modules=modules)
        for name in names:
            broadcaster.publish_metric(name, 1.0)
        run = broadcaster.run
        assert broadcaster.flush(30)
    token = chain.token()

    def rows(measurement):
        found = rows_of(chain.influxdb.url, token, run, measurement)
        return [{name: value for name, value in zip(columns, row) if value is not None} for columns, row in found]

    until(lambda: len(rows("metric")) == len(names) and len(rows("evidence")) == len(names))
    assert {one["name"] for one in rows("metric")} == set(names)
    for one in rows("evidence"):
        assert {name: bits(float(one[name])) for name in names} == {name: bits(evidence[name]) for name in names}
    # As a panel asks: the name that InfluxDB gives is the name that it takes.
    for series in chain.query("SHOW FIELD KEYS FROM evidence"):
        for stored, _ in series.rows:
            quoted = stored.replace("\\", "\\\\").replace('"', '\\"')
            assert chain.query(f'SELECT "{quoted}" FROM evidence')[0].rows
    for series in chain.query('SHOW TAG VALUES FROM metric WITH KEY = "name"'):
        for _, stored in series.rows:
            quoted = stored.replace("\\", "\\\\").replace("'", "\\'")
            assert chain.query(f"SELECT value FROM metric WHERE \"name\" = '{quoted}'")[0].rows


EPISODE = {"mode": "eval", "epoch": 0, "episode": 0, "outcome": "correct", "correct": 1, "used_mlh": 0, "steps": 9,
           "elapsed_secs": 0.5}  # fmt: skip
FRAME = {"episode": 0, "step": 0, "height": 1, "width": 1}
NEEDED = {schema.Event: {"event": "e", "fields": {}}, schema.Log: {"level": "info", "message": "m"}}


def test_a_run_of_231_workers_stays_under_2000_series_a_measurement(chain: Chain):
    with ExitStack() as stack:
        for number in range(231):
            worker = f"parallel_eval_episode_{number}"
            dealer = stack.enter_context(Dealer(chain.zmq_port, "wide", worker))
            dealer.hello()
            modules = {f"LM_{one}": LearningModuleStep(evidence={"mug": 1.0}) for one in range(5)}
            dealer.send(schema.Step, 0, learning_modules=modules)
            results = {name: LearningModuleEpisode(outcome="correct", detected_object="mug") for name in modules}
            dealer.send(schema.EpisodeEnded, 1, **EPISODE, target=Target(object=f"{number}"), learning_modules=results)
            for seq, kind in enumerate((schema.Metric, schema.Progress, schema.Status, schema.Event, schema.Log), 2):
                dealer.send(kind, seq, **NEEDED.get(kind, {}))
            for seq, image in enumerate((sensor, one) for sensor in range(6) for one in ("rgba", "depth")):
                dealer.send(schema.Frame, seq, [bytes(4)], sensor=f"{image[0]}", modality=image[1], **FRAME)
            dealer.acked(7)
    for measurement, count in {"metric": 1, "evidence": 5, "step": 6, "confusion": 5, "outcome": 1, "object": 1,
                               "timeline": 1, "progress": 1, "event": 1, "frame": 6}.items():  # fmt: skip
        until(lambda name=measurement, count=count: len(series_of(chain, name)) == 231 * count)
    for measurement in (row[0] for one in chain.query("SHOW MEASUREMENTS") for row in one.rows):
        assert len(series_of(chain, measurement)) < 2_000, measurement


def series_of(chain, measurement):
    found = chain.query(f"SHOW SERIES FROM \"{measurement}\" WHERE run = 'wide'")
    return [row for one in found for row in one.rows]


def test_logs_that_their_bucket_keeps_no_more_are_left_out_and_stop_nothing(chain: Chain):
    now = time.time_ns()
    with Dealer(chain.zmq_port, "old") as dealer:
        dealer.hello()
        for seq, days in enumerate((60, 31, 1)):
            dealer.send(schema.Log, seq, level="info", message=f"{days}", time_unix_nanos=now - days * 86_400 * 10**9)
        dealer.send(schema.Metric, 3, name="after", value=1.0, time_unix_nanos=now)
        dealer.acked(4)
    until(lambda: [one for one in chain.points("metric") if one.tags["name"] == "after"])
    until(lambda: [one.fields["message"] for one in chain.points("log", LOGS) if one.tags["run"] == "old"] == ["1"])
    assert chain.telegraf_counts()["rejected"] == 0


def test_telegraf_and_the_broker_are_stored_too(chain: Chain):
    until(lambda: chain.points("broker") and chain.points("internal_write"))
    topics_seen = {one.tags["topic"] for one in chain.points("broker")}
    assert {"$SYS/broker/publish/messages/dropped", "$SYS/broker/clients/connected"} <= topics_seen
    assert {"metrics_dropped", "metrics_rejected", "buffer_size"} <= set(chain.points("internal_write")[0].fields)
