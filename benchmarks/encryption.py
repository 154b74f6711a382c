"""This benchmark measures what encrypting the ZMQ hop costs: the same steps through a plain and an encrypting bridge.

usage: python -m benchmarks encryption

Both bridges run at once, at one broker; the loads take turns. The experiment's process is this one.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

import psutil

from benchmarks.bridge import Listener, bridge_process, example_step, row
from monty_mqtt import ZmqBroadcaster
from monty_mqtt.wire import schema
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt_core.settings import ports
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.services.bridge_keys import BridgeKeys
from monty_mqtt_stack.services.mosquitto import Mosquitto

__all__ = ["rows"]

MODULES = 5
STEPS_PER_SEC = 100
FLUSH_SECS = 60.0


class Turn(NamedTuple):
    """Turn is what one load showed: microseconds a step, and milliseconds."""

    publishing_micros: float
    experiment_micros: float
    bridge_micros: float
    p99_millis: float


def rows(*, quick: bool = False) -> List[Dict[str, Any]]:
    """Return the figures with and without encryption, side by side."""
    rounds, secs = (1, 1.0) if quick else (5, 10.0)
    turns: Dict[str, List[Turn]] = {"plain": [], "encrypted": []}
    with tempfile.TemporaryDirectory() as where, Mosquitto(Path(where) / "far-side") as broker:
        state = StateDir(Path(where) / "keys")
        keys = BridgeKeys(state)
        plain = BridgeAddress(port=ports.any_free("127.0.0.1"))
        encrypted = BridgeAddress("127.0.0.1", ports.any_free("127.0.0.1"), keys.server_key, str(state.client_key_file))
        journal = Path(where)
        with bridge_process(broker, plain.port, journal / "plain.sqlite", "plain") as first, bridge_process(
            broker, encrypted.port, journal / "encrypted.sqlite", "encrypted", f"--zmq-keys={keys.directory}"
        ) as second:
            for number in range(rounds):
                for name, address, bridge in (("plain", plain, first), ("encrypted", encrypted, second)):
                    turns[name].append(measured(broker, address, bridge.pid, f"{name}-{number}", secs))
    return [line for name, unit in NAMES.items() for line in compared(name, unit, turns)]


NAMES = {
    "publishing_micros": ("publish(), median", "µs"),
    "experiment_micros": ("processor time of the experiment's process a step", "µs"),
    "bridge_micros": ("processor time of the bridge a step", "µs"),
    "p99_millis": ("publish() to subscriber, p99", "ms"),
}


def compared(field: str, named: Any, turns: Dict[str, List[Turn]]) -> List[Dict[str, Any]]:
    """Return one figure of both, and their ratio in the median of the turns."""
    name, unit = named
    values = {kind: [getattr(turn, field) for turn in found] for kind, found in turns.items()}
    ratio = statistics.median(b / a for a, b in zip(values["plain"], values["encrypted"]))
    text = f"{name}, {MODULES} learning modules, {STEPS_PER_SEC} steps/s"
    return [
        row(f"{text}: plain", statistics.median(values["plain"]), unit, "", met=None),
        row("  encrypted", statistics.median(values["encrypted"]), unit, "", met=None),
        row("  encrypted / plain", ratio, "ratio", "", met=None),
    ]


def measured(broker: Mosquitto, address: BridgeAddress, pid: int, run: str, secs: float) -> Turn:
    """Publish steps evenly through one bridge; return what they took."""
    bridge, here, count = psutil.Process(pid), psutil.Process(), int(STEPS_PER_SEC * secs)
    with Listener(broker, f"monty/v1/{run}/main/step") as listener, ZmqBroadcaster(run_id=run, bridge=address) as b:
        publish(b, STEPS_PER_SEC)  # warms up
        before, bridge_before = cpu_secs(here), cpu_secs(bridge)
        micros = publish(b, count)
        if not b.flush(FLUSH_SECS):
            raise TimeoutError("the bridge did not take everything")
        taken, bridge_taken = cpu_secs(here) - before, cpu_secs(bridge) - bridge_before
        time.sleep(0.2)
        millis = sorted((arrived - published) / 1e6 for published, arrived in listener.arrived.items())
    return Turn(statistics.median(micros), 1e6 * taken / count, 1e6 * bridge_taken / count, millis[-len(millis) // 100])


def cpu_secs(process: psutil.Process) -> float:
    """Return the processor time that a process has taken, seconds."""
    times = process.cpu_times()
    return times.user + times.system


def publish(broadcaster: ZmqBroadcaster, count: int) -> List[float]:
    """Publish so many steps at an even rate; return the microseconds of each call."""
    began, micros = time.monotonic(), []
    for number in range(count):
        fields = example_step(number, MODULES)
        started = time.perf_counter()
        broadcaster.publish(schema.Step, **fields)
        micros.append(1e6 * (time.perf_counter() - started))
        time.sleep(max(0.0, began + (number + 1) / STEPS_PER_SEC - time.monotonic()))
    return micros
