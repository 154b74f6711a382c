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
        (panel,) = (one for one in panels(name) if one["title"] == title)
        (target,) = (one for one in panel["targets"] if one["refId"] == ref)
        return self.ask(target["query"], values)

    def one(self, name: str, title: str, values: dict[str, Any]) -> Any:
        """Return the single number that a panel shows; None if it shows nothing."""
        found = self.panel(name, title, values)
        return found[0].rows[0][1] if found else None

    def table(self, name: str, title: str, values: dict[str, Any], ref: str = "A") -> list[dict[str, Any]]:
        return [record for one in self.panel(name, title, values, ref) for record in one.records()]

    def _bridges(self) -> list[str]:
        found = self.chain.query('SHOW TAG VALUES FROM "bridge_health" WITH KEY = "name"')
        return [value for _, value in found[0].rows]


def looked_at(viewer: Viewer, name: str, title: str, values: dict[str, Any]) -> list[dict[str, list[Any]]]:
    """Return the columns that a viewer sees: Grafana's own code transforms what InfluxDB answers."""
    (panel,) = (one for one in panels(name) if one["title"] == title)
    frames = [frame for target in panel["targets"] for frame in frames_of(viewer.ask(target["query"], values), target)]
    asked = {"transformations": panel["transformations"], "overrides": panel["fieldConfig"]["overrides"]}
    folder = Path(__file__).parents[2] / "grafana"
    command = ["node", str(folder / "transform.mjs"), str(node_modules(folder) / "node_modules")]
    sent = json.dumps([{**asked, "frames": frames}])
    done = subprocess.run(command, input=sent, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return [dict(frame) for frame in json.loads(done.stdout)[0]]


def frames_of(found: list[Series], target: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what Grafana's server makes of an answer (pkg/tsdb/influxdb/influxql, response_parser.go)."""
    if not found:
        return []
    if target["resultFormat"] == "table":
        tags = {tag: [one.tags[tag] for one in found for _ in one.rows] for tag in found[0].tags}
        time_column, *columns = ([row[at] for one in found for row in one.rows] for at in range(len(found[0].columns)))
        values = dict(zip(found[0].columns[1:], columns))
        fields = {"Time": time_column, **tags, **values}
        return [{"refId": target["refId"], "fields": [field(name, values) for name, values in fields.items()]}]
    return [
        {"refId": target["refId"], "fields": [field("Time", [row[0] for row in one.rows]),
                                              field("Value", [row[at] for row in one.rows], shown)]}
        for one in found
        for at, column in enumerate(one.columns) if at
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
