"""This benchmark measures the chain to InfluxDB: points a second, time until a point can be queried, and memory.

usage: python -m benchmarks history

`monty-mqtt up` starts the parts as in use. Points a second, without the page: an experiment publishes steps of five
learning modules (11 points each, and as much again in JSON), and a bare paho loop (QoS 1, in-flight window 100) the
same points in the same batches, in turns, at the same broker; time runs from the first call to the last point that a
query finds. Latency: metrics at an even rate, while a query repeatedly asks for the newest; then, with the page, which
takes all of the JSON, steps at the rates of real runs.
"""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List

import paho.mqtt.client as mqtt
import psutil
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks import telegrafs
from benchmarks.bridge import example_step, row
from monty_mqtt import ZmqBroadcaster
from monty_mqtt.wire import schema
from monty_mqtt_bridge.publish.line_batches import LineBatches
from monty_mqtt_core.influx.line_protocol import Misfits
from monty_mqtt_core.influx.points import lines_of
from monty_mqtt_core.payloads.to_mqtt import Outgoing, fan_out
from monty_mqtt_core.settings.state_dir import FarSide, StateDir
from monty_mqtt_stack.processes import programs
from monty_mqtt_stack.services.influxdb import query

__all__ = ["rows"]

Row = Dict[str, Any]
MODULES = 5
WINDOW = 100
MOST_AHEAD = 20_000
PER_SEC = 1000
STEPS_PER_SEC = (200, 1000)
PATIENCE_SECS = 180.0
LEAST_OF_PAHO = 0.9
MOST_P50_MILLIS, MOST_P95_MILLIS = 200.0, 350.0


class Chain:
    """Chain is a running `monty-mqtt up`, whose InfluxDB it queries."""

    def __init__(self, state: StateDir, far_side: FarSide) -> None:
        self.state = state
        self.services = far_side.services
        self._token = (state.secrets / "influxdb_grafana_token").read_text()

    def number(self, influxql: str) -> float:
        """Return the number that a query finds, -1 if there is none."""
        series = query(self.services["influxdb"].url, self._token, influxql)
        return float(series[0].rows[0][1]) if series else -1.0

    def wait_for(self, influxql: str, number: float) -> None:
        """Return when the number that a query finds is at least this.

        Raises:
            TimeoutError: It is not within three minutes.
        """
        deadline = time.monotonic() + PATIENCE_SECS
        while self.number(influxql) < number:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.number(influxql):.0f} of {number:.0f}: {influxql}")
            time.sleep(0.02)


def rows(*, quick: bool = False) -> List[Row]:
    """Return the figures of history; an empty list if Telegraf or influxd is not installed."""
    missing = [name for name in ("telegraf", "influxd") if programs.find(name).path is None]
    if missing:
        print(f"not measured: {', '.join(missing)} not installed; `make services` builds them")
        return []
    with tempfile.TemporaryDirectory() as where, up(StateDir(Path(where)), "liveview") as chain:
        figures = [
            *throughput(chain, rounds=1 if quick else 3, steps=1000 if quick else 10_000),
            *latency(chain, secs=3 if quick else 20),
        ]
    with tempfile.TemporaryDirectory() as where:
        began = time.monotonic()
        with up(StateDir(Path(where))) as chain:
            ready_secs = time.monotonic() - began
            figures += [
                row("`up` with everything: ready after", ready_secs, "s", "", met=None),
                *keeping_up(chain, secs=3 if quick else 30),
            ]
            figures += [memory(name, service.pid) for name, service in chain.services.items()]
    return figures + telegrafs.rows(quick=quick)


def memory(name: str, pid: int) -> Row:
    """Return the memory of a service as a row, MiB."""
    return row(f"memory of {name} afterwards", psutil.Process(pid).memory_info().rss / 2**20, "MiB", "", met=None)


@contextlib.contextmanager
def up(state: StateDir, *without: str) -> Iterator[Chain]:
    """Run `monty-mqtt up` without Grafana and the named services; yield the chain when it is ready."""
    with running(state, "grafana", *without) as far_side:
        yield Chain(state, far_side)


@contextlib.contextmanager
def running(state: StateDir, *without: str, before: Sequence[str] = ()) -> Iterator[FarSide]:
    """Run `monty-mqtt up` without the named services, with a command such as `taskset` before it; yield what runs."""
    words = ("up", "--state-dir", str(state.path), "--mqtt-port", "0", "--zmq-port", "0", "--liveview-port", "0")
    words += tuple(word for name in without for word in ("--without", name))
    command = [*before, sys.executable, "-m", "monty_mqtt.cli", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            lines = []
            for line in process.stdout:
                lines.append(line)
                if "Ctrl+C stops everything" in line:
                    break
            far_side = state.read_far_side()
            assert far_side is not None, lines
            yield far_side
        finally:
            process.terminate()
            process.wait(60)


def throughput(chain: Chain, rounds: int, steps: int) -> List[Row]:
    """Measure points a second from hook to InfluxDB; paho publishes the same batches, and then also the JSON."""
    rates: Dict[str, List[float]] = {"hook": [], "paho": [], "paho_all": []}
    for number in range(rounds):
        for name, figures in rates.items():
            run = f"{name}{number}"
            if name == "hook":
                send = partial(publish, chain, run, steps)
            else:
                send = partial(publish_by_paho, chain, messages(run, steps, with_json=name == "paho_all"))
            figures.append(timed(chain, run, steps, send))
    hook, paho, everything = (statistics.median(figures) for figures in rates.values())
    return [
        row("points stored, hook to InfluxDB", hook, "points/s", "", met=None),
        row("the same batches by a bare paho loop", paho, "points/s", "", met=None),
        row("hook, of the bare paho loop", hook / paho, "x", f">= {LEAST_OF_PAHO}", met=hook / paho >= LEAST_OF_PAHO),
        row("batches and JSON by a bare paho loop", everything, "points/s", "", met=None),
        row("hook, of that", hook / everything, "x", "", met=None),
    ]


def timed(chain: Chain, run: str, steps: int, send: Callable[[], None]) -> float:
    """Return how many points a second were stored."""
    began = time.monotonic()
    send()
    chain.wait_for(f"SELECT count(margin) FROM step WHERE run = '{run}'", steps * MODULES)
    chain.wait_for(f"SELECT count(object_9) FROM evidence WHERE run = '{run}'", steps * MODULES)
    return steps * (1 + 2 * MODULES) / (time.monotonic() - began)


def publish(chain: Chain, run: str, steps: int) -> None:
    """Publish as an experiment does."""
    with ZmqBroadcaster(run_id=run, zmq_port=chain.services["bridge"].port) as broadcaster:
        for number in range(steps):
            broadcaster.publish(schema.Step, **example_step(number, MODULES))
        broadcaster.flush(PATIENCE_SECS)


def messages(run: str, steps: int, *, with_json: bool) -> List[Outgoing]:
    """Return what the bridge publishes of the same steps, in its order: batches of points, and the JSON if asked."""
    gathered, stamp = LineBatches(), time.time_ns()
    outgoing: List[Outgoing] = []
    for number in range(steps):
        fields = example_step(number, MODULES)
        step = schema.Step(run=run, worker="main", seq=number, time_unix_nanos=stamp + number, **fields)
        if with_json:
            outgoing += fan_out(step, schema.encode(step), (), most_bytes=10_000_000)
        outgoing += [batch.outgoing for batch in gathered.add(run, "main", lines_of(step, None, Misfits()), None, 0.0)]
    return outgoing + [batch.outgoing for batch in gathered.flush()]


def publish_by_paho(chain: Chain, outgoing: List[Outgoing]) -> None:
    """Publish ready-made messages, never more ahead of the broker than paho can number."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bare")
    client.username_pw_set("bridge", chain.state.password_file("bridge").read_text().strip())
    client.max_inflight_messages_set(WINDOW)
    client.connect(chain.services["broker"].host, chain.services["broker"].port)
    client.loop_start()
    for start in range(0, len(outgoing), MOST_AHEAD):
        sent = [
            client.publish(message.topic, message.payload, message.qos)
            for message in outgoing[start : start + MOST_AHEAD]
        ]
        sent[-1].wait_for_publish(PATIENCE_SECS)
    client.disconnect()
    client.loop_stop()


def latency(chain: Chain, secs: float) -> List[Row]:
    """Measure the time from publishing a number to the first query that finds it."""

    def send(broadcaster: ZmqBroadcaster, number: int) -> None:
        broadcaster.publish_metric("number", float(number))

    newest = "SELECT max(value) FROM metric WHERE run = 'latency' AND time > now() - 10s"
    millis = lags(chain, "latency", PER_SEC, secs, send, newest)
    p50, p95 = at_share(millis, 0.5), at_share(millis, 0.95)
    name = f"publish to queryable at {PER_SEC:,} points/s"
    return [
        row(f"{name}, p50", p50, "ms", f"<= {MOST_P50_MILLIS:.0f}", met=p50 <= MOST_P50_MILLIS),
        row(f"{name}, p95", p95, "ms", f"<= {MOST_P95_MILLIS:.0f}", met=p95 <= MOST_P95_MILLIS),
    ]


def keeping_up(chain: Chain, secs: float) -> List[Row]:
    """Measure steps of five learning modules at the rates of real runs: whether all are stored, and how late."""

    def send(broadcaster: ZmqBroadcaster, number: int) -> None:
        broadcaster.publish(schema.Step, **example_step(number, MODULES))

    rows = []
    for per_sec in STEPS_PER_SEC:
        run = f"steady{per_sec}"
        of_whole = f"FROM step WHERE run = '{run}' AND learning_module = ''"
        newest = f"SELECT max(total_step) {of_whole} AND time > now() - 10s"
        millis = lags(chain, run, per_sec, secs, send, newest)
        stored = chain.number(f"SELECT count(margin) FROM step WHERE run = '{run}'") / MODULES
        name = f"{MODULES} modules at {per_sec} steps/s, {per_sec * (1 + 2 * MODULES):,} points/s"
        share = stored / int(per_sec * secs)
        rows += [
            row(f"{name}: stored of {int(per_sec * secs):,} steps", share, "x", "1", met=share == 1),
            row("  publish to queryable, p50", at_share(millis, 0.5), "ms", "", met=None),
            row("  p95", at_share(millis, 0.95), "ms", "", met=None),
        ]
    return rows


def lags(
    chain: Chain, run: str, per_sec: int, secs: float, send: Callable[[ZmqBroadcaster, int], None], newest: str
) -> List[float]:
    """Publish numbered messages at an even rate; return the milliseconds until a query found each, in order of size."""
    published: List[float] = []
    over = threading.Event()
    seen: List[float] = []

    def ask() -> None:
        deadline = float("inf")
        while (not over.is_set() or len(seen) < len(published)) and time.monotonic() < deadline:
            number = int(chain.number(newest))
            now = time.monotonic()
            seen.extend([now] * (number + 1 - len(seen)))
            if over.is_set():
                deadline = min(deadline, now + PATIENCE_SECS)

    asker = threading.Thread(target=ask)
    asker.start()
    with ZmqBroadcaster(run_id=run, zmq_port=chain.services["bridge"].port) as broadcaster:
        began = time.monotonic()
        for number in range(int(per_sec * secs)):
            published.append(time.monotonic())
            send(broadcaster, number)
            ahead = began + (number + 1) / per_sec - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)
        broadcaster.flush(PATIENCE_SECS)
        over.set()
        asker.join(2 * PATIENCE_SECS)
    return sorted((there - sent) * 1000 for sent, there in zip(published, seen))


def at_share(ordered: List[float], share: float) -> float:
    """Return the value that this share of the ordered values is below."""
    return ordered[int(len(ordered) * share)]
