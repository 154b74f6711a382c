"""Queries InfluxDB as Grafana's dashboards do, after the story was sent, and returns what Grafana would show."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from kit.history.grafana_files import filled_in, panels
from kit.history.grafana_story import HOSTILE, WORKERS, Story
from kit.history.history_chain import Chain, need
from kit.machine.child_process import until
from kit.machine.node import node_modules

from monty_mqtt_core.influx.line_protocol import key
from monty_mqtt_stack.services.influxdb import Series

ENCODED = key(HOSTILE).replace("\\", "")
"""The hostile name as InfluxDB stores it in tags and field names: characters that readers disagree on are %-encoded."""

SHOWN_SECS = 60


class Viewer:
    """Sends the dashboards' queries as Grafana does."""

    def __init__(self, chain: Chain, story: Story) -> None:
        self.chain, self.story = chain, story
        learned, recognised = story.demo
        modules = [f"learning_module_{number}" for number in range(5)]
        every = {"mode": "eval", "learning_module": modules, "metric": [ENCODED], "bridge": self._bridges()}
        self.demo = {**every, "run": recognised, "worker": "main"}
        self.both = {**self.demo, "run": [learned, recognised]}
        self.parallel = {**every, "run": "parallel", "worker": WORKERS[0]}
        self.hostile = {**every, "run": ENCODED, "worker": ENCODED, "learning_module": [ENCODED]}

    def ask(self, query: str, values: dict[str, Any], past_secs: float = 3600) -> list[Series]:
        now = int(time.time() * 1000)
        return self.chain.query(filled_in(query, values, now - int(past_secs * 1000), now + 1000, "1s"))

    def panel(self, name: str, title: str, values: dict[str, Any], ref: str = "A") -> list[Series]:
        (panel,) = (shown_panel for shown_panel in panels(name) if shown_panel["title"] == title)
        (target,) = (shown_target for shown_target in panel["targets"] if shown_target["refId"] == ref)
        return self.ask(target["query"], values)

    def one(self, name: str, title: str, values: dict[str, Any]) -> Any:
        """Return the single number that a panel shows; None if it shows nothing."""
        series = self.panel(name, title, values)
        return series[0].rows[0][1] if series else None

    def table(self, name: str, title: str, values: dict[str, Any], ref: str = "A") -> list[dict[str, Any]]:
        return [record for series in self.panel(name, title, values, ref) for record in series.records()]

    def _bridges(self) -> list[str]:
        series = self.chain.query('SHOW TAG VALUES FROM "bridge_health" WITH KEY = "name"')
        return [value for _, value in series[0].rows]


def looked_at(viewer: Viewer, name: str, title: str, values: dict[str, Any]) -> list[dict[str, list[Any]]]:
    """Return the columns that a viewer sees: Grafana's own code transforms what InfluxDB answers."""
    (panel,) = (shown_panel for shown_panel in panels(name) if shown_panel["title"] == title)
    frames = [frame for target in panel["targets"] for frame in frames_of(viewer.ask(target["query"], values), target)]
    asked = {"transformations": panel["transformations"], "overrides": panel["fieldConfig"]["overrides"]}
    folder = Path(__file__).parents[2] / "grafana"
    command = ["node", str(folder / "transform.mjs"), str(node_modules(folder) / "node_modules")]
    sent = json.dumps([{**asked, "frames": frames}])
    done = subprocess.run(command, input=sent, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return [dict(frame) for frame in json.loads(done.stdout)[0]]


def frames_of(answer: list[Series], target: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what Grafana's server makes of an answer (pkg/tsdb/influxdb/influxql, response_parser.go)."""
    if not answer:
        return []
    if target["resultFormat"] == "table":
        tags = {tag: [series.tags[tag] for series in answer for _ in series.rows] for tag in answer[0].tags}
        time_column, *columns = (
            [row[at] for series in answer for row in series.rows] for at in range(len(answer[0].columns))
        )
        values = dict(zip(answer[0].columns[1:], columns))
        fields = {"Time": time_column, **tags, **values}
        return [{"refId": target["refId"], "fields": [field(name, values) for name, values in fields.items()]}]
    return [
        {"refId": target["refId"], "fields": [field("Time", [row[0] for row in series.rows]),
                                              field("Value", [row[at] for row in series.rows], shown)]}
        for series in answer
        for at, column in enumerate(series.columns) if at
        for shown in [target["alias"].replace("$col", column)]
    ]  # fmt: skip


def field(name: str, values: list[Any], shown: str | None = None) -> dict[str, Any]:
    if name == "Time":
        return {"name": name, "type": "time", "values": [value // 10**6 for value in values], "config": {}}
    kind = "string" if any(isinstance(value, str) for value in values) else "number"
    return {"name": name, "type": kind, "values": values, "config": {"displayNameFromDS": shown or name}}


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
