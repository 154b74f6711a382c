"""This benchmark sends InfluxDB the queries of all dashboards, each second, for ten viewers, while a run goes on.

usage: python -m benchmarks dashboards

It uses a real influxd (`make services`) with 2,000 episodes and 1,000,000 points of one run, written as the bridge
does. Each viewer sends all queries of a dashboard one after the other over a connection of its own, as soon as its
second begins; a browser sends up to six at a time.
"""

from __future__ import annotations

import http.client
import json
import re
import statistics
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Tuple

from benchmarks.bridge import example_step, row
from monty_mqtt.conf_files import grafana_dir
from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import LearningModuleEpisode, Target
from monty_mqtt.wire.mode_sum import ModeSum, finished
from monty_mqtt_core.influx import points as lines
from monty_mqtt_core.influx.line_protocol import Misfits
from monty_mqtt_core.settings import ports
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.processes import programs
from monty_mqtt_stack.processes.launch import RunningService
from monty_mqtt_stack.services.influxdb import METRICS, ORG, InfluxDB, influxdb_launch
from monty_mqtt_stack.services.influxdb_setup import GRAFANA_TOKEN, TELEGRAF_TOKEN, provision

__all__ = ["rows"]

HOST = "127.0.0.1"
RUN = "a-run-with-many-episodes-20261123T101500Z-3f9a"
VIEWERS = 10
STEP_NANOS = 40_000_000
STEPS_A_SEC = 10**9 // STEP_NANOS
REFRESH_SECS = 1.0
LINES_A_REQUEST = 5000
OBJECTS = [f"object_{number}" for number in range(10)]
UNITS = {"m": 60, "h": 3600, "s": 1}
INTERVALS_SECS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600)
"""Grafana rounds the width of a time range in points to one of these, seconds."""


class Asked(NamedTuple):
    """Asked is a panel's query as it is sent."""

    panel: str
    query: str
    past_secs: int
    interval_secs: float


class Server(NamedTuple):
    """Server is the address of InfluxDB, and its tokens."""

    influxdb: InfluxDB
    write_token: str
    read_token: str


def rows(*, quick: bool = False) -> List[Dict[str, Any]]:
    """Return the figures of each dashboard, and print nothing; an empty list if influxd is not built."""
    if programs.find("influxd").path is None:
        return []
    episodes, secs = (100, 5) if quick else (2000, 20)
    with tempfile.TemporaryDirectory() as where:
        state = StateDir(Path(where))
        running = RunningService(influxdb_launch(state, HOST, ports.any_free(HOST)))
        try:
            running.wait_until_ready()
            influxdb = InfluxDB(running.launch.url)
            provision(state, influxdb)
            tokens = [(state.secrets / name).read_text() for name in (TELEGRAF_TOKEN, GRAFANA_TOKEN)]
            server = Server(influxdb, *tokens)
            points = fill(server, episodes)
            return [line for path in dashboards() for line in watched(server, path, points, secs)]
        finally:
            running.stop()


def dashboards() -> List[Path]:
    """Return the files of the dashboards."""
    return sorted((grafana_dir() / "dashboards").glob("*.json"))


def fill(server: Server, episodes: int) -> int:
    """Write a run that has just had so many episodes; return the number of points."""
    steps = 165
    stamp = time.time_ns() - episodes * (steps + 3) * STEP_NANOS
    waiting: List[str] = []
    points = 0
    for message in story(episodes, steps, stamp):
        waiting += points_of(message)
        if len(waiting) >= LINES_A_REQUEST:
            points += write(server, waiting)
            waiting = []
    return points + write(server, waiting)


def points_of(message: schema.Message) -> List[str]:
    """Return the lines that the bridge makes of a message."""
    if isinstance(message, schema.Frame):
        line = lines.frame(message, f"http://127.0.0.1:8000/run/{RUN}/latest/patch/rgba", "benchmark", Misfits())
        return [line] if line else []
    return lines.lines_of(message, "benchmark", Misfits())


def story(episodes: int, steps: int, stamp: int) -> Iterator[schema.Message]:
    """Yield an experiment's messages: status, steps, a frame a second, progress, and the ends of its episodes."""
    head: Dict[str, Any] = {"run": RUN, "worker": "main", "seq": 0}
    mode = ModeSum()
    yield schema.Status(**head, time_unix_nanos=stamp, status="running")
    for episode in range(episodes):
        for step in range(steps):
            stamp += STEP_NANOS
            fields = {**example_step(step), "episode": episode, "step": step}
            yield schema.Step(**{**head, "time_unix_nanos": stamp, **fields})
            if step % STEPS_A_SEC == 0:
                size = {"sensor": "patch", "modality": "rgba", "height": 64, "width": 64}
                yield schema.Frame(**head, time_unix_nanos=stamp, episode=episode, step=step, **size)
        shown, correct = OBJECTS[episode % 10], episode % 5 > 0
        taken = shown if correct else OBJECTS[(episode + 1) % 10]
        outcome = "correct" if correct else "confused"
        ended = schema.EpisodeEnded(
            **head, time_unix_nanos=stamp + 2 * STEP_NANOS, mode="eval", epoch=0, episode=episode, steps=steps,
            elapsed_secs=steps * STEP_NANOS / 1e9, outcome=outcome, correct=int(correct), rotation_error_degs=12.0,
            target=Target(object=shown), learning_modules={"LM_0": LearningModuleEpisode(detected_object=taken)},
        )  # fmt: skip
        mode.add(finished(ended))
        yield schema.Progress(
            **head, time_unix_nanos=stamp + STEP_NANOS, mode="eval", episodes_done=episode + 1, episodes_expected=9999,
            elapsed_secs=(episode + 1) * 7.0, modes={"eval": mode.progress(steps=(episode + 1) * steps)},
        )  # fmt: skip
        yield ended
        stamp += 3 * STEP_NANOS


def write(server: Server, waiting: List[str]) -> int:
    """Write lines; return their number."""
    address = f"{server.influxdb.url}/api/v2/write?org={ORG}&bucket={METRICS}"
    headers = {"Authorization": f"Token {server.write_token}"}
    request = urllib.request.Request(address, "\n".join(waiting).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()
    return len(waiting)


def watched(server: Server, path: Path, points: int, secs: float) -> List[Dict[str, Any]]:
    """Return how long the slowest panel of a dashboard takes, and how many refreshes were in time."""
    asked = queries(json.loads(path.read_text()))
    over = threading.Event()
    viewers = [Viewer(server, asked, over) for _ in range(VIEWERS)]
    writer = threading.Thread(target=keep_running, args=(server, over))
    for thread in (writer, *viewers):
        thread.start()
    over.wait(secs)
    over.set()
    for thread in (writer, *viewers):
        thread.join(60)
    p95 = p95_by_panel(viewers)
    slowest = max(p95, key=lambda panel: p95[panel])
    late = [secs for viewer in viewers for secs in viewer.refreshes]
    in_time = 100 * sum(secs <= REFRESH_SECS for secs in late) / len(late)
    name = f"{path.stem}, {VIEWERS} viewers, {points:,} points: slowest panel, {slowest}, p95"
    return [
        row(name, p95[slowest], "ms", "< 1000", met=p95[slowest] < 1000),  # noqa: PLR2004 - a refresh
        row(f"  refreshes of all {len(asked)} queries within 1 s", in_time, "%", "", met=None),
    ]


def p95_by_panel(viewers: List[Viewer]) -> Dict[str, float]:
    """Return by panel the milliseconds that 95 of 100 queries stayed below."""
    millis: Dict[str, List[float]] = {}
    for panel, taken in (taken_query for viewer in viewers for taken_query in viewer.taken):
        millis.setdefault(panel, []).append(taken)
    return {panel: statistics.quantiles(taken, n=20)[-1] for panel, taken in millis.items() if len(taken) > 1}


def queries(dashboard: Dict[str, Any]) -> List[Asked]:
    """Return the queries of a dashboard with its variables filled in."""
    asked = []
    for panel in dashboard["panels"]:
        shown = panel.get("timeFrom") or dashboard["time"]["from"].removeprefix("now-")
        past = int(shown[:-1]) * UNITS[shown[-1]]
        least = past / panel.get("maxDataPoints", panel["gridPos"]["w"] * 75)
        interval = next(secs for secs in INTERVALS_SECS if secs >= least)
        for target in panel.get("targets", []):
            query = re.sub(r"\$\{(\w+):regex\}", lambda variable: filled(variable[1]), target["query"])
            asked.append(Asked(panel["title"], query, past, interval))
    return asked


def filled(variable: str) -> str:
    """Return the value of a dashboard's variable."""
    names = {"run": RUN, "worker": "main", "learning_module": "LM_0"}
    return names.get(variable, ".*")


def keep_running(server: Server, over: threading.Event) -> None:
    """Write the steps of a run that goes on."""
    while not over.wait(STEP_NANOS / 1e9):
        fields = {**example_step(1), "episode": 0, "step": 1}
        step = schema.Step(**{"run": RUN, "worker": "main", "seq": 0, "time_unix_nanos": time.time_ns(), **fields})
        write(server, lines.lines_of(step, "benchmark", Misfits()))


class Viewer(threading.Thread):
    """Viewer is a thread that refreshes a dashboard as a person's browser does.

    Attributes:
        taken: Panel and milliseconds of each query.
        refreshes: Seconds that all queries took together, for each refresh.
    """

    def __init__(self, server: Server, asked: List[Asked], over: threading.Event) -> None:
        super().__init__()
        self.taken: List[Tuple[str, float]] = []
        self.refreshes: List[float] = []
        self._server, self._asked, self._over = server, asked, over

    def run(self) -> None:
        """Send the queries until the benchmark is over."""
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(self._server.influxdb.url).netloc, timeout=60)
        while not self._over.is_set():
            began = time.monotonic()
            for asked in self._asked:
                self.taken.append((asked.panel, self._ask(connection, asked)))
            self.refreshes.append(time.monotonic() - began)
            self._over.wait(max(0.0, REFRESH_SECS - self.refreshes[-1]))
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection, asked: Asked) -> float:
        until = time.time_ns() // 1_000_000
        limits = f"time >= {until - asked.past_secs * 1000}ms and time <= {until}ms"
        query = asked.query.replace("$timeFilter", limits).replace(
            "$__interval", f"{int(asked.interval_secs * 1000)}ms"
        )
        headers = {
            "Authorization": f"Token {self._server.read_token}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        body = urllib.parse.urlencode({"q": query, "epoch": "ms"})
        began = time.perf_counter()
        connection.request("POST", f"/query?db={METRICS}", body, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != http.client.OK:
            raise RuntimeError(f"{asked.panel}: {text.decode(errors='replace')[:200]}")
        return (time.perf_counter() - began) * 1000
