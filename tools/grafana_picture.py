"""This tool draws docs/pictures/grafana.svg: results of the dashboards' queries after the recorded demo.

usage: .venv/bin/python tools/grafana_picture.py

It needs influxd. It makes no screenshot: the queries and the colours of the outcomes are the dashboards', the drawing
is matplotlib's.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import urllib.request
from pathlib import Path

import matplotlib as mpl

from monty_mqtt.wire import schema, topics
from monty_mqtt_core.influx.line_protocol import Misfits
from monty_mqtt_core.influx.points import lines_of
from monty_mqtt_core.payloads.from_mqtt import message_of
from monty_mqtt_core.recordings.mcap_file import Reader
from monty_mqtt_core.settings import ports
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.demo.demo_recording import recording_path
from monty_mqtt_stack.processes.launch import RunningService
from monty_mqtt_stack.services.influxdb import METRICS, ORG, InfluxDB, Series, influxdb_launch, query
from monty_mqtt_stack.services.influxdb_setup import GRAFANA_TOKEN, TELEGRAF_TOKEN, provision

mpl.use("svg")
from matplotlib import pyplot as plt

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "pictures" / "grafana.svg"
MODULE = "learning_module_0"
HOST = "127.0.0.1"
CAPTION = "What four of the dashboards' queries return after the recorded demo: drawn by matplotlib, not by Grafana."


def main() -> int:
    """Store the demo, run the queries, draw; return the exit code."""
    with tempfile.TemporaryDirectory() as where:
        state = StateDir(Path(where))
        running = RunningService(influxdb_launch(state, HOST, ports.any_free(HOST)))
        try:
            running.wait_until_ready()
            influxdb = InfluxDB(running.launch.url)
            provision(state, influxdb)
            draw(Demo(influxdb, state))
        finally:
            running.stop()
    return 0


class Demo:
    """Demo is the recognising half of the recorded demo, stored in InfluxDB.

    Attributes:
        run: Id of the run.
        since_millis: Beginning of the picture, 15 s before the first step, Unix milliseconds.
        until_millis: End of the run, Unix milliseconds.
    """

    def __init__(self, influxdb: InfluxDB, state: StateDir) -> None:
        self._url, self._token = influxdb.url, (state.secrets / GRAFANA_TOKEN).read_text()
        messages = [
            message_of(entry.topic, entry.payload)[0]
            for entry in Reader(recording_path()).entries()
            if topics.parse(entry.topic).kind in ("step", "episode_ended", "progress", "status")
        ]
        made = [line for message in messages for line in lines_of(message, None, Misfits())]
        address = f"{influxdb.url}/api/v2/write?org={ORG}&bucket={METRICS}"
        headers = {"Authorization": f"Token {(state.secrets / TELEGRAF_TOKEN).read_text()}"}
        request = urllib.request.Request(address, "\n".join(made).encode(), headers)  # noqa: S310 - one of our own URLs
        urllib.request.urlopen(request, timeout=60).close()  # noqa: S310
        self.run = messages[-1].run
        stamps = [
            message.time_unix_nanos
            for message in messages
            if message.run == self.run and isinstance(message, schema.Step)
        ]
        self.since_millis, self.until_millis = min(stamps) // 10**6 - 15_000, max(stamps) // 10**6 + 1

    def ask(self, dashboard: str, title: str) -> list[Series]:
        """Return the result of a panel's first query."""
        text = (ROOT / "grafana" / "dashboards" / f"{dashboard}.json").read_text()
        (panel,) = (shown_panel for shown_panel in json.loads(text)["panels"] if shown_panel["title"] == title)
        text_of_query = panel["targets"][0]["query"].replace("$__interval", "1s")
        limits = f"time >= {self.since_millis}ms and time <= {self.until_millis}ms"
        values = {"run": re.escape(self.run), "worker": "main", "learning_module": MODULE}
        filled = re.sub(r"\$\{(\w+):regex\}", lambda variable: values.get(variable[1], ".*"), text_of_query)
        return query(self._url, self._token, filled.replace("$timeFilter", limits))


def draw(demo: Demo) -> None:
    """Draw four panels."""
    lines = plt.cycler(color=["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9"])
    plt.rcParams.update({"axes.prop_cycle": lines, "svg.hashsalt": "monty_mqtt"})
    figure, (top, middle, low, bottom) = plt.subplots(
        4, 1, figsize=(11, 12), height_ratios=(1, 4, 2.5, 4), layout="constrained"
    )
    outcomes(top, demo)
    over_time(middle, demo, f"Evidence: {MODULE}", "Evidence: $learning_module")
    over_time(low, demo, "Margin", "Margin")
    matrix(bottom, demo)
    figure.suptitle(CAPTION, fontsize=9)
    figure.savefig(PICTURE, metadata={"Date": None})


def outcomes(axes: plt.Axes, demo: Demo) -> None:
    """Draw the timeline of outcomes."""
    sys.path.insert(0, str(ROOT / "grafana"))
    from monty_dashboards.palette import OUTCOMES  # noqa: PLC0415 - after its folder is known

    (series,) = demo.ask("experiment", "Outcomes of the episodes")
    ends = [row[0] for row in series.rows[1:]] + [demo.until_millis * 10**6]
    named = set()
    for (start, state), end in zip(series.rows, ends):
        if OUTCOMES[state] != "transparent":
            label = None if state in named else state
            left, width = seconds(start, demo), (end - start) / 1e9
            axes.barh(0, width, left=left, color=OUTCOMES[state], edgecolor="white", label=label)
            named.add(state)
    axes.set(title="Outcomes of the episodes", yticks=[])
    axes.legend(ncols=9, fontsize=8, loc="lower right")


def over_time(axes: plt.Axes, demo: Demo, title: str, panel: str) -> None:
    """Draw lines over time."""
    for series in demo.ask("experiment", panel):
        for at, name in enumerate(series.columns[1:], start=1):
            points = [(seconds(row[0], demo), row[at]) for row in series.rows if row[at] is not None]
            label = series.tags.get("learning_module") or name.removeprefix("mean_")
            axes.plot(*zip(*points), linewidth=1.2, label=label)
    axes.set(title=title, xlabel="seconds")
    axes.legend(fontsize=8, loc="upper left")


def matrix(axes: plt.Axes, demo: Demo) -> None:
    """Draw the confusion matrix."""
    rows = {series.tags["name"]: dict(zip(series.columns[1:], series.rows[0][1:])) for series in demo.ask(
        "results", "Confusion matrix: $run, $mode")}  # fmt: skip
    columns = sorted({name for cells in rows.values() for name, count in cells.items() if count})
    counts = [[cells.get(name) or 0 for name in columns] for cells in rows.values()]
    axes.imshow(counts, cmap="Blues", vmax=4, aspect="auto")
    numbers(axes, counts)
    axes.set(title="Confusion matrix: rows are what was shown, columns what it was taken for")
    axes.set_xticks(range(len(columns)), [name.removeprefix("sum_") for name in columns])
    axes.set_yticks(range(len(rows)), list(rows))


def numbers(axes: plt.Axes, counts: list[list[float]]) -> None:
    """Write each count that is not 0 into its cell."""
    for y, line in enumerate(counts):
        for x, count in enumerate(line):
            axes.text(x, y, f"{count:.0f}" if count else "", ha="center", va="center", color="black")


def seconds(nanos: int, demo: Demo) -> float:
    """Return a time as seconds since the picture begins."""
    return nanos / 1e9 - demo.since_millis / 1e3


if __name__ == "__main__":
    sys.exit(main())
