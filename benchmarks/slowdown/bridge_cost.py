"""This module measures the processor time that the bridge takes for a step of five learning modules, without frames.

Called by `pairs`. The bridge is a process of its own, with its journal on disk and a real Mosquitto. Two loads: forty
experiments of 25 steps a second each would be 1,000 steps a second; one experiment of 25 steps a second wakes the
bridge for each step.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Dict, List

import psutil

from benchmarks.bridge import bridge_process, example_step, row
from monty_mqtt import ZmqBroadcaster
from monty_mqtt.wire import schema
from monty_mqtt_core.settings import ports
from monty_mqtt_stack.services.mosquitto import Mosquitto

__all__ = ["rows"]

Row = Dict[str, Any]
MODULES = 5
STEPS_PER_SEC = (1000, 25)
MOST_MICROS = 120.0
FLUSH_SECS = 60.0


def rows(folder: Path, *, quick: bool) -> List[Row]:
    """Return the figures, with a target for the first load."""
    secs = 2.0 if quick else 20.0
    figures = []
    with Mosquitto(folder / "bridge-cost") as broker:
        port = ports.any_free("127.0.0.1")
        with bridge_process(broker, port, folder / "journal.sqlite") as bridge:
            for per_sec in STEPS_PER_SEC:
                micros = micros_a_step(bridge.pid, port, per_sec, secs)
                target, met = (f"<= {MOST_MICROS:g} µs", micros <= MOST_MICROS) if not figures else ("", None)
                text = f"bridge, processor time a step of {MODULES} learning modules, {per_sec} steps/s"
                figures.append(row(text, micros, "µs", target, met=met))
    return figures


def micros_a_step(pid: int, port: int, per_sec: int, secs: float) -> float:
    """Publish steps evenly; return the bridge's processor time for each, microseconds."""
    process, count = psutil.Process(pid), int(per_sec * secs)
    with ZmqBroadcaster(run_id=f"cost-{per_sec}", zmq_port=port) as broadcaster:
        publish(broadcaster, 0, per_sec, per_sec)
        before = process.cpu_times()
        publish(broadcaster, per_sec, count, per_sec)
        if not broadcaster.flush(FLUSH_SECS):
            raise TimeoutError
        after = process.cpu_times()
    return 1e6 * (after.user + after.system - before.user - before.system) / count


def publish(broadcaster: ZmqBroadcaster, first: int, count: int, per_sec: int) -> None:
    """Publish so many steps at an even rate."""
    began = time.monotonic()
    for number in range(count):
        broadcaster.publish(schema.Step, **example_step(first + number, MODULES))
        ahead = began + (number + 1) / per_sec - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
