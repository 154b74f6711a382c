"""Every query of every panel, variable and alert on a real InfluxDB, after the recorded demo went through the chain."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import pytest
from grafana_files import DASHBOARDS, RULES, filled_in, panels, queries, variables
from grafana_story import BOWL, HOSTILE, WORKERS, Story
from history import Chain, need
from stack_process import until

from monty_mqtt_bridge.line_protocol import key
from monty_mqtt_stack.influxdb import Series

pytest_plugins = ["history"]

ENCODED = key(HOSTILE).replace("\\", "")
"""The hostile name as InfluxDB has it in tags and field names: what readers disagree on is percent-encoded."""

SHOWN_SECS = 60
OFFLINE_SECS = 15


class Viewer:
    """Asks as Grafana does."""

    def __init__(self, chain: Chain, story: Story) -> None:
        self.chain, self.story = chain, story
        learned, recognised = story.demo
        modules = [f"learning_module_{number}" for number in range(5)]
        every = {"mode": ["train", "eval"], "learning_module": modules, "metric": [ENCODED], "bridge": self._bridges()}
        self.demo = {**every, "run": recognised, "worker": "main"}
        self.both = {**self.demo, "run": [learned, recognised]}
        self.parallel = {**every, "run": "parallel", "worker": WORKERS[0]}
        self.hostile = {**every, "run": ENCODED, "worker": ENCODED, "learning_module": [ENCODED]}

    def ask(self, query: str, values: dict[str, Any], past_secs: float = 3600) -> list[Series]:
        now = int(time.time() * 1000)
        return self.chain.query(filled_in(query, values, now - int(past_secs * 1000), now + 1000, "1s"))

    def panel(self, name: str, title: str, values: dict[str, Any], ref: str = "A") -> list[Series]:
        (panel,) = (one for one in panels(name) if one["title"] == title)
        (target,) = (one for one in panel["targets"] if one["refId"] == ref)
        return self.ask(target["query"], values)

    def one(self, name: str, title: str, values: dict[str, Any]) -> Any:
        """Return the single number of a panel."""
        found = self.panel(name, title, values)
        return found[0].rows[0][1] if found else None

    def table(self, name: str, title: str, values: dict[str, Any], ref: str = "A") -> list[dict[str, Any]]:
        return [record for one in self.panel(name, title, values, ref) for record in one.records()]

    def _bridges(self) -> list[str]:
        found = self.chain.query('SHOW TAG VALUES FROM "bridge_health" WITH KEY = "name"')
        return [value for _, value in found[0].rows]


@pytest.fixture(scope="module")
def viewer(tmp_path_factory):
    need("telegraf", "influxd")
    with Chain(tmp_path_factory.mktemp("grafana")) as chain:
        story = Story(chain)
        try:
            story.tell()
            until(lambda: chain.query(f'SELECT * FROM "event" WHERE "run" = \'{quoted(ENCODED)}\''), SHOWN_SECS)
            until(lambda: chain.query('SELECT * FROM "broker"'), SHOWN_SECS)
            until(lambda: chain.query('SELECT * FROM "internal_write"'), SHOWN_SECS)
            until(lambda: chain.query('SELECT * FROM "run_health" WHERE "worker" = \'main\''), SHOWN_SECS)
            yield Viewer(chain, story)
        finally:
            story.close()


def quoted(name: str) -> str:
    return name.replace("\\", "\\\\").replace("'", "\\'")


def whom(viewer: Viewer, name: str, title: str) -> dict[str, Any]:
    """Return values of the variables with which a panel must show something."""
    if name == "parallel":
        return viewer.parallel
    if title in ("$metric", "Logs", "Events") or (name, title) == ("experiment", "Since last step"):
        return viewer.hostile
    return viewer.both if name == "results" else viewer.demo


@pytest.mark.timeout(300)
@pytest.mark.parametrize("asked", queries(), ids=str)
def test_a_panel_has_something_to_show_after_the_demo(viewer, asked):
    title = asked.panel["title"]
    until(lambda: rows(viewer.ask(asked.text, whom(viewer, asked.dashboard, title))), SHOWN_SECS)


def rows(found: list[Series]) -> int:
    return sum(any(value is not None for value in row[1:]) for one in found for row in one.rows)


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
    offered = {value for one in viewer.ask(query, viewer.hostile) for _, value in one.rows}
    expected = {"mode": "eval", "bridge": viewer.demo["bridge"][0]}.get(variable, ENCODED)
    assert expected in offered
    if variable in ("learning_module", "worker", "metric"):
        assert offered == {ENCODED}, "only those of the chosen run"


def test_runs_are_counted_and_told(viewer):
    runs = {one["run"]: one for one in viewer.table("runs", "Runs", {}, "B")}
    codes = {run: one["status"] for run, one in runs.items()}
    assert [codes[run] for run in viewer.story.demo] == [4, 4]
    assert codes["failed"] == 6
    assert viewer.one("runs", "Completed", {}) == 2
    assert viewer.one("runs", "Error", {}) == 1
    progress = {one["run"]: one for one in viewer.table("runs", "Runs", {})}
    recognised = progress[viewer.story.demo[1]]
    assert (recognised["episodes"], recognised["expected"], recognised["progress"]) == (12, 12, 1.0)
    assert 0 < recognised["accuracy"] < 1
    assert recognised["per hour"] > 0
    assert recognised["left"] == 0
    lost = {one["run"]: one for one in viewer.table("runs", "Runs", {}, "D")}
    assert (lost["holes"]["dropped"], lost[viewer.story.demo[1]]["dropped"]) == (3, 0)


def test_an_experiment_is_shown_as_it_was(viewer):
    believed = {one["learning_module"]: one for one in viewer.table(
        "experiment", "What each learning module believes", viewer.demo)}  # fmt: skip
    assert set(believed) == set(viewer.demo["learning_module"])
    for one in believed.values():
        assert one["most likely"]
        assert one["margin"] >= 0
        assert one["possible"] >= 0
    states = [row[1] for one in viewer.panel("experiment", "Outcomes of the episodes", viewer.demo) for row in one.rows]
    outcomes = [one["outcome"] for one in viewer.table("experiment", "Finished episodes", viewer.demo)]
    assert len(outcomes) == 12
    assert sorted(state for state in states if state != "under_way") == sorted(outcomes)
    (evidence,) = viewer.panel("experiment", "Evidence: $learning_module",
                               {**viewer.demo, "learning_module": ["learning_module_0"]})  # fmt: skip
    columns = dict(zip(evidence.columns, zip(*evidence.rows)))
    shown = {name for name, values in columns.items() if any(one is not None for one in values)} - {"time"}
    assert shown == {f"mean_{name}" for name in ("capsule3DSolid", "cubeSolid", "cylinderSolid", "coneSolid")}


def test_names_that_are_hostile_are_shown_as_they_are(viewer):
    (one,) = viewer.table("experiment", "What each learning module believes", viewer.hostile)
    assert (one["learning_module"], one["margin"]) == (ENCODED, 1.5)
    text = HOSTILE  # a string keeps everything but control characters; a newline is none of those to InfluxDB
    assert (one["target"], one["most likely"], one["second"]) == (text, text, BOWL)
    (evidence,) = viewer.panel("experiment", "Evidence: $learning_module", viewer.hostile)
    newest = dict(zip(evidence.columns, evidence.rows[-1]))
    assert (newest[f"mean_{ENCODED}"], newest[f"mean_{BOWL}"]) == (2.5, 1.0)
    (metric,) = viewer.panel("experiment", "$metric", viewer.hostile)
    assert metric.tags == {"name": ENCODED}
    assert metric.rows[-1][1] == 0.25
    (log,) = viewer.table("experiment", "Logs", viewer.hostile)
    assert (log["message"], log["level"], log["logger"]) == (text, "warning", text)
    (event,) = viewer.table("experiment", "Events", viewer.hostile)
    assert event["event"] == ENCODED
    (cell,) = (one for one in viewer.table("results", "Confusion matrix: $run", viewer.hostile))
    assert {name: value for name, value in cell.items() if value == 1} == {f"sum_{BOWL}": 1.0}
    assert cell["name"] == ENCODED


def test_results_agree_with_the_episodes(viewer):
    table = {one["run"]: one for one in viewer.table("results", "Runs side by side", viewer.both)}
    learned, recognised = (table[run] for run in viewer.story.demo)
    assert (learned["episodes"], recognised["episodes"]) == (8, 12)
    episodes = viewer.table("experiment", "Finished episodes", viewer.demo)
    correct = [one["outcome"] in ("correct", "correct_mlh") for one in episodes]
    assert recognised["accuracy"] == pytest.approx(sum(correct) / 12)
    of_objects = viewer.table("results", "Accuracy per object", viewer.demo)
    assert {one["name"] for one in of_objects} == {one["target"] for one in episodes}
    assert sum(one["value"] for one in of_objects) / len(of_objects) == pytest.approx(recognised["accuracy"])
    counted = viewer.table("results", "Outcomes", viewer.demo)
    assert sum(one["episodes"] for one in counted) == 12
    matrix = viewer.table("results", "Confusion matrix: $run", viewer.demo)
    cells = [value for row in matrix for name, value in row.items() if name.startswith("sum_")]
    assert sum(cells) == 12 * len(viewer.demo["learning_module"])


def test_a_parallel_run_is_counted_by_its_workers(viewer):
    assert viewer.one("parallel", "Workers running", viewer.parallel) == 1
    assert viewer.one("parallel", "Workers done", viewer.parallel) == 1
    assert viewer.one("parallel", "Workers failed", viewer.parallel) == 1
    assert viewer.one("parallel", "Progress", viewer.parallel) == 0.5
    assert viewer.one("parallel", "Episodes per hour", viewer.parallel) == 60.0
    workers = {one["worker"]: one for one in viewer.table("parallel", "Workers", viewer.parallel)}
    assert set(workers) == set(WORKERS)
    assert workers[WORKERS[1]]["steps/s"] == pytest.approx(100 / 11)
    stragglers = viewer.table("parallel", "Stragglers", viewer.parallel)
    assert WORKERS[1] in {one["worker"] for one in stragglers}
    assert all(one["running for"] > 0 for one in stragglers)


def fires(viewer: Viewer, rule: dict[str, Any]) -> set[str]:
    """Return of which runs an alert tells now: Grafana reduces each series to its last value and compares it."""
    asked, _, condition = rule["data"]
    (evaluator,) = (one["evaluator"] for one in condition["model"]["conditions"])
    past = asked["relativeTimeRange"]["from"]
    found = viewer.ask(asked["model"]["query"], {}, past)
    if not found and rule["noDataState"] == "Alerting":
        return {"nothing"}
    limit = evaluator["params"][0]
    holds = (lambda value: value > limit) if evaluator["type"] == "gt" else (lambda value: value < limit)
    return {one.tags.get("run", "") for one in found if holds(one.rows[-1][1])}


def told(viewer: Viewer, uid: str, runs: set[str]) -> bool:
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
        until(partial(told, viewer, uid, runs), SHOWN_SECS)
    assert not fires(viewer, rule_of("monty_bridge_offline")), "it lives"
    for uid in ("monty_run_completed", "monty_run_error", "monty_messages_dropped"):
        assert fires(viewer, rule_of(uid)) == expected[uid]


@pytest.mark.timeout(300)
def test_the_last_alert_tells_that_the_bridge_is_silent(viewer):
    rule = rule_of("monty_bridge_offline")
    viewer.chain.kill("bridge")
    until(lambda: fires(viewer, rule), OFFLINE_SECS + 10)
