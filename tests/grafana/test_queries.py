"""Every query of every panel, variable and alert on a real InfluxDB, after the recorded demo went through the chain."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from kit.history.grafana_files import DASHBOARDS, RULES, queries, variables
from kit.history.grafana_story import BOWL, HOSTILE, WORKERS
from kit.history.grafana_viewer import ENCODED, SHOWN_SECS, Viewer, looked_at
from kit.machine.child_process import until

from monty_mqtt.wire import topics
from monty_mqtt_bridge.settings import BridgeConfig
from monty_mqtt_stack.services.influxdb import Series

OFFLINE_SECS = 15
PAGE = BridgeConfig().liveview_url
OF_THE_MACHINE = ("Processor", "Memory", "Host", "Disk")
"""Panels of what the demo was recorded without."""


def whom(viewer: Viewer, name: str, title: str) -> dict[str, Any]:
    """Return values of the variables with which a panel must show something."""
    if name == "parallel":
        return viewer.parallel
    if title in ("$metric", "Logs", "Events", *OF_THE_MACHINE) or (name, title) == ("experiment", "Since last step"):
        return viewer.hostile
    return viewer.both if name == "results" else viewer.demo


@pytest.mark.timeout(300)
@pytest.mark.parametrize("asked", queries(), ids=str)
def test_a_panel_has_something_to_show_after_the_demo(viewer, asked):
    title = asked.panel["title"]
    until(lambda: rows(viewer.ask(asked.text, whom(viewer, asked.dashboard, title))), SHOWN_SECS)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "asked", [query for query in queries() if query.dashboard in ("experiment", "results")], ids=str
)
def test_a_panel_has_something_to_show_of_names_that_are_hostile(viewer, asked):
    until(lambda: rows(viewer.ask(asked.text, viewer.hostile)), SHOWN_SECS)


def rows(answer: list[Series]) -> int:
    return sum(any(value is not None for value in row[1:]) for series in answer for row in series.rows)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("asked", queries(), ids=str)
def test_every_query_is_valid_whatever_the_names(viewer, asked):
    without_newline = HOSTILE.replace("\n", "")  # which InfluxQL cannot say, and no stored name has
    hostile = [without_newline, ENCODED, "/", "\\", "'; DROP MEASUREMENT step; --", "$timeFilter", "a|b", "", "."]
    for names in (*hostile, hostile):
        viewer.ask(asked.text, dict.fromkeys(viewer.demo, names))


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("name", "variable"), [(name, variable) for name in DASHBOARDS for variable in variables(name)]
)
def test_a_variable_offers_the_names_as_they_are_stored(viewer, name, variable):
    query = variables(name)[variable]["query"]
    offered = {value for series in viewer.ask(query, viewer.hostile) for _, value in series.rows}
    expected = {"mode": "eval", "bridge": viewer.demo["bridge"][0]}.get(variable, ENCODED)
    assert expected in offered
    if variable in ("learning_module", "worker", "metric"):
        assert offered == {ENCODED}, "only those of the chosen run"


def test_runs_are_counted_and_told(viewer):
    runs = {row["run"]: row for row in viewer.table("runs", "Runs", {}, "B")}
    codes = {run: row["status"] for run, row in runs.items()}
    assert [codes[run] for run in viewer.story.demo] == [4, 4]
    assert codes["failed"] == 6
    assert viewer.one("runs", "Completed", {}) == 2
    assert viewer.one("runs", "Error", {}) == 1
    progress = {row["run"]: row for row in viewer.table("runs", "Runs", {})}
    recognised = progress[viewer.story.demo[1]]
    assert (recognised["episodes"], recognised["expected"], recognised["progress"]) == (12, 12, 1.0)
    assert 0 < recognised["eval accuracy"] < 1
    assert "train accuracy" not in recognised, "it did not train"
    assert recognised["per hour"] > 0
    assert recognised["left"] == 0
    lost = {row["run"]: row for row in viewer.table("runs", "Runs", {}, "D")}
    assert (lost["holes"]["dropped"], lost[viewer.story.demo[1]]["dropped"]) == (3, 0)
    waiting = {run: row["with the experiment"] for run, row in lost.items()}
    assert (waiting["vanished"], waiting["holes"]) == (5, 0)


def test_an_experiment_is_shown_as_it_was(viewer):
    believed = {row["learning_module"]: row for row in viewer.table(
        "experiment", "What each learning module believes", viewer.demo)}  # fmt: skip
    assert set(believed) == set(viewer.demo["learning_module"])
    for row in believed.values():
        assert row["most likely"]
        assert row["margin"] >= 0
        assert row["possible"] >= 0
    states = [
        row[1] for series in viewer.panel("experiment", "Outcomes of the episodes", viewer.demo) for row in series.rows
    ]
    outcomes = [row["outcome"] for row in viewer.table("experiment", "Finished episodes", viewer.demo)]
    assert len(outcomes) == 12
    assert sorted(state for state in states if state != "under_way") == sorted(outcomes)
    (evidence,) = viewer.panel("experiment", "Evidence: $learning_module",
                               {**viewer.demo, "learning_module": ["learning_module_0"]})  # fmt: skip
    columns = dict(zip(evidence.columns, zip(*evidence.rows)))
    shown = {name for name, values in columns.items() if any(value is not None for value in values)} - {"time"}
    assert shown == {f"max_{name}" for name in ("capsule3DSolid", "cubeSolid", "cylinderSolid", "coneSolid")}


@pytest.mark.parametrize(
    ("title", "ref", "place"),
    [
        ("$metric", "A", "greatest"), ("Time per step", "A", "longest"), ("Time per step", "A", "monitor at most"),
        ("Margin", "A", "max"), ("Possible matches", "A", "max"), ("Rotation error", "A", "max"),
        ("Evidence: $learning_module", "A", "max_mug"),
    ],
)  # fmt: skip
def test_a_spike_of_one_value_among_thousands_is_shown(viewer, title, ref, place):
    values = {**viewer.demo, "run": "spiked", "learning_module": ["lm"], "metric": ["loss"]}

    def shown() -> list[float]:
        answer = viewer.panel("experiment", title, values, ref)
        return [row[series.columns.index(place)] for series in answer for row in series.rows]

    until(lambda: len(shown()) > 1, SHOWN_SECS)
    spike = {"Time per step": {"longest": 1000, "monitor at most": 1}[place]} if title == "Time per step" else {}
    expected = {"Possible matches": 9, "Rotation error": 170, **spike}.get(title, 1000)
    until(lambda: max(shown()) == expected, SHOWN_SECS)
    others = sorted(shown())[:-1]
    assert others[-1] < expected / 5, "it is where it was, and nowhere else"


def test_the_least_is_shown_beside_the_greatest_and_what_was_no_number_is_counted(viewer):
    values = {**viewer.demo, "run": "spiked", "learning_module": ["lm"], "metric": ["loss"]}
    until(
        lambda: sum(row[1] for series in viewer.panel("experiment", "$metric", values, "B") for row in series.rows) == 3
    )
    (metric,) = viewer.panel("experiment", "$metric", values)
    means, least, greatest = zip(*(row[1:4] for row in metric.rows))
    assert set(least) == {1.0}
    assert [value for value in greatest if value != 1.0] == [1000.0]
    assert 1 < max(means) < 10, "a mean alone would hide it"
    (evidence,) = viewer.panel("experiment", "Evidence: $learning_module", values, "B")
    assert {row[evidence.columns.index("min_mug")] for row in evidence.rows} == {1.0}


def test_names_that_are_hostile_are_shown_as_they_are(viewer):
    (row,) = viewer.table("experiment", "What each learning module believes", viewer.hostile)
    assert (row["learning_module"], row["margin"]) == (ENCODED, 1.5)
    text = HOSTILE  # a string keeps everything but control characters; a newline is none of those to InfluxDB
    assert (row["target"], row["most likely"], row["second"]) == (text, text, BOWL)
    (evidence,) = viewer.panel("experiment", "Evidence: $learning_module", viewer.hostile)
    newest = dict(zip(evidence.columns, evidence.rows[-1]))
    assert (newest[f"max_{ENCODED}"], newest[f"max_{BOWL}"]) == (2.5, 1.0)
    (metric,) = viewer.panel("experiment", "$metric", viewer.hostile)
    assert metric.tags == {"name": ENCODED}
    assert metric.rows[-1][1] == 0.25
    (log,) = viewer.table("experiment", "Logs", viewer.hostile)
    assert (log["message"], log["level"], log["logger"]) == (text, "warning", text)
    (event,) = viewer.table("experiment", "Events", viewer.hostile)
    assert event["event"] == ENCODED
    (cell,) = (confused for confused in viewer.table("results", "Confusion matrix: $run, $mode", viewer.hostile))
    assert {name: value for name, value in cell.items() if value == 1} == {f"sum_{BOWL}": 1.0}
    assert cell["name"] == ENCODED


def test_runs_and_workers_have_the_way_to_the_page(viewer):
    """In a column that is hidden: Grafana fills it into links."""
    pages = {row["run"]: row["page"] for row in viewer.table("runs", "Runs", {}, "B")}
    for run in (*viewer.story.demo, "parallel", "failed", "vanished"):
        assert pages[run] == f"{PAGE}/run/{run}"
    workers = {row["worker"]: row["page"] for row in viewer.table("parallel", "Workers", viewer.parallel, "B")}
    assert workers == dict.fromkeys(WORKERS, f"{PAGE}/run/parallel")


@pytest.mark.timeout(400)
def test_an_experiment_shows_the_latest_image_of_each_sensor(viewer):
    (images,) = looked_at(viewer, "experiment", "Latest images", viewer.demo)
    assert list(images) == ["sensor", "colour", "depth", "episode", "step"]
    assert set(images["sensor"]) == {f"patch_{number}" for number in range(5)} | {"view_finder"}
    for sensor, colour, depth in zip(images["sensor"], images["colour"], images["depth"]):
        page = f"{PAGE}/run/{viewer.story.demo[1]}"
        assert colour.startswith(f"{page}/latest/{sensor}/rgba?worker=main&serial=")
        assert depth is None or depth.startswith(f"{page}/latest/{sensor}/depth?worker=main&serial=")
    (hostile,) = viewer.table("experiment", "Latest images", viewer.hostile)
    assert hostile["name"] == ENCODED
    run = urlsplit(hostile["colour"]).path.split("/")[2]
    assert topics.unescape(unquote(run)) == HOSTILE
    (status,) = viewer.table("experiment", "Status", viewer.hostile)
    assert status["page"] == f"{PAGE}/run/{run}"


def test_results_agree_with_the_episodes(viewer):
    table = {row["run"]: row for row in viewer.table("results", "Runs side by side: $mode", viewer.both)}
    learned, recognised = viewer.story.demo
    assert set(table) == {recognised}, "the other was training alone"
    (taught,) = viewer.table("results", "Runs side by side: $mode", {**viewer.both, "mode": "train"})
    assert (taught["run"], taught["episodes"]) == (learned, 8)
    assert "accuracy" not in taught, "Monty was told what it sees"
    recognised = table[recognised]
    assert recognised["episodes"] == 12
    episodes = viewer.table("experiment", "Finished episodes", viewer.demo)
    correct = [row["outcome"] in ("correct", "correct_mlh") for row in episodes]
    assert recognised["accuracy"] == pytest.approx(sum(correct) / 12)
    of_objects = viewer.table("results", "Accuracy per object: $mode", viewer.demo)
    assert {row["name"] for row in of_objects} == {row["target"] for row in episodes}
    assert sum(row["value"] for row in of_objects) / len(of_objects) == pytest.approx(recognised["accuracy"])
    counted = viewer.table("results", "Outcomes: $mode", viewer.demo)
    assert sum(row["episodes"] for row in counted) == 12
    matrix = viewer.table("results", "Confusion matrix: $run, $mode", viewer.demo)
    cells = [value for row in matrix for name, value in row.items() if name.startswith("sum_")]
    assert sum(cells) == 12 * len(viewer.demo["learning_module"])


def test_a_parallel_run_is_counted_by_its_workers(viewer):
    assert viewer.one("parallel", "Workers running", viewer.parallel) == 1
    assert viewer.one("parallel", "Workers done", viewer.parallel) == 1
    assert viewer.one("parallel", "Workers failed", viewer.parallel) == 1
    assert viewer.one("parallel", "Progress", viewer.parallel) == 0.5
    assert viewer.one("parallel", "Episodes per hour", viewer.parallel) == 60.0
    workers = {row["worker"]: row for row in viewer.table("parallel", "Workers", viewer.parallel)}
    assert set(workers) == set(WORKERS)
    assert workers[WORKERS[1]]["steps/s"] == pytest.approx(100 / 11)
    stragglers = viewer.table("parallel", "Stragglers", viewer.parallel)
    assert WORKERS[1] in {row["worker"] for row in stragglers}
    assert all(row["running for"] > 0 for row in stragglers)


@pytest.mark.timeout(400)
def test_grafanas_own_transformations_make_the_tables(viewer):
    (runs,) = looked_at(viewer, "runs", "Runs", {})
    assert list(runs) == ["run", "status", "episodes", "expected", "progress", "eval accuracy", "train accuracy",
                          "per hour", "left", "estimated end", "lost", "dropped", "too large",
                          "with the experiment", "started",
                          "seen"]  # fmt: skip
    assert len(set(runs["run"])) == len(runs["run"])
    at = runs["run"].index(viewer.story.demo[1])
    assert (runs["status"][at], runs["episodes"][at], runs["lost"][at]) == (4, 12, 0)
    assert 0 < runs["started"][at] <= runs["seen"][at]
    (workers,) = looked_at(viewer, "parallel", "Workers", viewer.parallel)
    assert list(workers) == ["worker", "status", "done", "episode", "step", "steps/s", "running for", "accuracy",
                             "mode"]  # fmt: skip
    assert sorted(zip(workers["worker"], workers["status"])) == list(zip(WORKERS, (4, 1, 6)))


@pytest.mark.timeout(400)
def test_grafanas_own_transformations_make_the_matrices(viewer):
    (cells,) = looked_at(viewer, "results", "Confusion matrix: $run, $mode", viewer.demo)
    objects = {"capsule3DSolid", "cubeSolid", "cylinderSolid", "coneSolid"}
    assert next(iter(cells)) == "object"
    assert set(cells["object"]) == objects
    assert set(cells) - {"object"} <= objects, "nothing of other runs, which a wildcard finds too"
    assert sum(count or 0 for name, counts in cells.items() if name != "object" for count in counts) == 60
    (accuracy,) = looked_at(viewer, "results", "Accuracy per object: $mode", viewer.both)
    names, *of_runs = accuracy.items()
    assert set(names[1]) >= objects
    assert {run for run, _ in of_runs} == {viewer.story.demo[1]}
    (outcomes,) = looked_at(viewer, "results", "Outcomes: $mode", viewer.both)
    assert {"correct_mlh", "confused", "no_match"} & set(outcomes)


@pytest.mark.timeout(400)
def test_grafanas_own_transformations_name_the_evidence(viewer):
    frames = looked_at(viewer, "experiment", "Evidence: $learning_module", viewer.demo)
    shown = {name for frame in frames for name in frame} - {"Time"}
    assert shown == {"capsule3DSolid", "cubeSolid", "cylinderSolid", "coneSolid"}


def fires(viewer: Viewer, rule: dict[str, Any]) -> set[str]:
    """Return of which runs an alert tells now: Grafana reduces each series to its last value and compares it."""
    asked, _, condition = rule["data"]
    (evaluator,) = (asked_condition["evaluator"] for asked_condition in condition["model"]["conditions"])
    past = asked["relativeTimeRange"]["from"]
    answer = viewer.ask(asked["model"]["query"], {}, past)
    if not answer and rule["noDataState"] == "Alerting":
        return {"nothing"}
    limit = evaluator["params"][0]
    holds = (lambda value: value > limit) if evaluator["type"] == "gt" else (lambda value: value < limit)
    return {series.tags.get("run", "") for series in answer if holds(series.rows[-1][1])}


def is_reported(viewer: Viewer, uid: str, runs: set[str]) -> bool:
    return runs <= fires(viewer, rule_of(uid))


def rule_of(uid: str) -> dict[str, Any]:
    return next(rule for rule in RULES if rule["uid"] == uid)


@pytest.mark.timeout(300)
def test_alerts_tell_of_what_happened_and_of_nothing_else(viewer):
    completed = set(viewer.story.demo)
    expected = {
        "monty_run_completed": completed,
        "monty_run_error": {"failed", "parallel"},
        "monty_run_disconnected": {"vanished"},
        "monty_messages_dropped": {"holes"},
        "monty_run_stalled": {"stuck"},
    }
    for uid, runs in expected.items():
        until(partial(is_reported, viewer, uid, runs), SHOWN_SECS)
    assert not fires(viewer, rule_of("monty_bridge_offline")), "it lives"
    for uid in ("monty_run_completed", "monty_run_error", "monty_messages_dropped"):
        assert fires(viewer, rule_of(uid)) == expected[uid]


@pytest.mark.timeout(300)
def test_the_last_alert_tells_that_the_bridge_is_silent(viewer):
    rule = rule_of("monty_bridge_offline")
    viewer.chain.kill("bridge")
    until(lambda: fires(viewer, rule), OFFLINE_SECS + 10)
