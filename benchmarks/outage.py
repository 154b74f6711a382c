"""This benchmark measures the cost of an outage: publish() while the bridge is away and back, and the catch-up.

usage: python -m benchmarks outage

Bridge, broker and experiment are processes of their own; the bridge is killed (-9), the broker stopped.
"""

from __future__ import annotations

import contextlib
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

import psutil

from benchmarks.bridge import PATIENCE_SECS, Arrival, bridge_process, example_step, row
from monty_mqtt import ZmqBroadcaster
from monty_mqtt.wire import schema
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt_core.settings import ports
from monty_mqtt_stack.replay.restore_spool import restore
from monty_mqtt_stack.services.mosquitto import Mosquitto

__all__ = ["rows"]

Row = Dict[str, Any]
MOST_MILLIS = 20.0
PER_SEC = 500
MOST_GROWN_MIB = 96
MIB = 1 << 20


def rows(*, quick: bool = False) -> List[Row]:
    """Return the figures of outages, and print nothing."""
    messages = 10_000 if quick else 100_000
    with tempfile.TemporaryDirectory() as where, Mosquitto(Path(where) / "far-side") as broker:
        journal = Path(where) / "journal.sqlite"
        return [
            *away_and_back(broker, journal, Path(where) / "away", messages),
            from_window(broker, journal, messages),
            from_spool(broker, journal, Path(where) / "spool", messages),
            from_journal(broker, journal, messages),
        ]


def away_and_back(broker: Mosquitto, journal: Path, spool: Path, messages: int) -> List[Row]:
    """Time every publish(): with a bridge, while it is dead, and until the next bridge has everything."""
    port = ports.any_free("127.0.0.1")
    nanos: Dict[str, List[int]] = {"with a bridge": [], "bridge killed": [], "bridge back, until it has all": []}
    here, away, back = nanos.values()
    memory = psutil.Process()
    broadcaster = ZmqBroadcaster(run_id="away", zmq_port=port, spool_dir=str(spool))
    with bridge_process(broker, port, journal) as bridge:
        evenly(broadcaster, here, lambda: len(here) < 2 * PER_SEC)
        bridge.kill()
        before = memory.memory_info().rss
        for _ in range(messages):
            timed(broadcaster, away)
        grown = (memory.memory_info().rss - before) / MIB
    with bridge_process(broker, port, journal):
        began = time.monotonic()
        evenly(broadcaster, back, lambda: is_behind(broadcaster) and time.monotonic() - began < PATIENCE_SECS)
        taken = time.monotonic() - began
        broadcaster.close()
    result = [line for phase, taken_nanos in nanos.items() for line in percentiles(phase, taken_nanos)]
    text = f"  memory that {messages:,} messages without a bridge took (window 64 MiB)"
    result.append(row(text, grown, "MiB", f"<= {MOST_GROWN_MIB}", met=grown <= MOST_GROWN_MIB))
    result.append(row("  from the bridge's start until it had them all", taken, "s", "", met=None))
    return result


def is_behind(broadcaster: ZmqBroadcaster) -> bool:
    """Return whether more messages wait than are on the way at this rate."""
    return broadcaster.counts.unacknowledged > PER_SEC


def evenly(broadcaster: ZmqBroadcaster, nanos: List[int], goes_on: Callable[[], bool]) -> None:
    """Publish steps at an even rate, and time each."""
    began, first = time.monotonic(), len(nanos)
    while goes_on():
        timed(broadcaster, nanos)
        ahead = began + (len(nanos) - first) / PER_SEC - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)


def timed(broadcaster: ZmqBroadcaster, nanos: List[int]) -> None:
    """Publish one step, and note its nanoseconds."""
    fields = example_step(len(nanos))
    began = time.perf_counter_ns()
    broadcaster.publish(schema.Step, **fields)
    nanos.append(time.perf_counter_ns() - began)


def percentiles(phase: str, nanos: List[int]) -> List[Row]:
    """Return rows with median, p99 and maximum."""
    micros = sorted(taken / 1e3 for taken in nanos)
    most = micros[-1] / 1e3
    return [
        row(f"publish(), {phase}: median of {len(micros):,}", statistics.median(micros), "µs", "", met=None),
        row("  p99", micros[int(len(micros) * 0.99)], "µs", "", met=None),
        row("  maximum", most, "ms", f"<= {MOST_MILLIS:g}", met=most <= MOST_MILLIS),
    ]


def from_window(broker: Mosquitto, journal: Path, messages: int) -> Row:
    """Measure the catch-up if everything waits in the experiment's memory when the bridge starts."""
    port = ports.any_free("127.0.0.1")
    broadcaster = ZmqBroadcaster(run_id="window", zmq_port=port, window_bytes=1 << 30, spool_mib=0)
    publish_all(broadcaster, messages)
    with Arrival(broker, "window") as arrival, bridge_process(broker, port, journal), clock() as secs:
        broadcaster.flush(PATIENCE_SECS)
        broadcaster.close()
        arrival.wait()
    return caught_up("window", messages, secs)


def from_spool(broker: Mosquitto, journal: Path, spool: Path, messages: int) -> Row:
    """Measure the catch-up if the experiment is over and a replay sends what it left."""
    port = ports.any_free("127.0.0.1")
    broadcaster = ZmqBroadcaster(run_id="spool", zmq_port=port, spool_dir=str(spool))
    publish_all(broadcaster, messages)
    broadcaster.close()
    (file,) = spool.rglob("*.spool")
    with Arrival(broker, "spool") as arrival, bridge_process(broker, port, journal), clock() as secs:
        restore(file, bridge=BridgeAddress(port=port))
        arrival.wait()
    return caught_up("spool", messages, secs)


def from_journal(broker: Mosquitto, journal: Path, messages: int) -> Row:
    """Measure the catch-up if the broker was away and the bridge has everything."""
    port = ports.any_free("127.0.0.1")
    with bridge_process(broker, port, journal):
        broker.stop()
        with ZmqBroadcaster(run_id="journal", zmq_port=port) as broadcaster:
            publish_all(broadcaster, messages)
            broadcaster.flush(PATIENCE_SECS)
        broker.start()
        with Arrival(broker, "journal") as arrival, clock() as secs:
            arrival.wait()
    return caught_up("journal", messages, secs)


def publish_all(broadcaster: ZmqBroadcaster, messages: int) -> None:
    """Publish so many metrics at full speed."""
    for number in range(messages):
        broadcaster.publish_metric("loss", number * 0.5, epoch=1)


@contextlib.contextmanager
def clock() -> Iterator[List[float]]:
    """Yield a list that holds the seconds of the block, once it is over."""
    secs: List[float] = []
    began = time.monotonic()
    yield secs
    secs.append(time.monotonic() - began)


def caught_up(where: str, messages: int, secs: Optional[List[float]]) -> Row:
    """Return the row of one catch-up."""
    assert secs
    text = f"catch-up: {messages:,} messages waiting in the {where}, until a subscriber has the last"
    return row(text, secs[0], "s", "", met=None)
