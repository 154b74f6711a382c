"""This benchmark measures how a loud experiment affects a quiet one at the same bridge: delays, and memory.

usage: python -m benchmarks fairness

The bridge, the broker and the loud experiment are processes of their own; the quiet one makes 25 steps a second, and a
subscriber notes when each step arrives.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, List

from benchmarks.bridge import Listener, bridge_process, example_step, row
from monty_mqtt import ZmqBroadcaster
from monty_mqtt.wire import schema
from monty_mqtt_core.settings import ports
from monty_mqtt_stack.services.mosquitto import Mosquitto

__all__ = ["rows"]

Row = Dict[str, Any]
STEPS_PER_SEC = 25
MOST_P99_MILLIS = 250.0
MOST_MIB = 300.0
ARRIVE_SECS = 30.0
WARM_UP_SECS = 2.0
MIB = 1 << 20


def rows(*, quick: bool = False) -> List[Row]:
    """Return the figures of a quiet run beside a loud one, and print nothing."""
    secs = 5 if quick else 30
    return [figure for name in LOUD for figure in beside(name, secs)]


def beside(name: str, secs: int) -> List[Row]:
    """Publish steps evenly while another experiment is loud; return the figures."""
    port = ports.any_free("127.0.0.1")
    with tempfile.TemporaryDirectory() as where, Mosquitto(Path(where) / "far-side") as broker:
        quiet_topic = "monty/v1/quiet/main/step"
        journal = Path(where) / "journal.sqlite"
        with bridge_process(broker, port, journal) as bridge, Listener(broker, quiet_topic) as listener:
            with ZmqBroadcaster(run_id="quiet", zmq_port=port) as quiet:
                loud = subprocess.Popen([sys.executable, "-m", __name__, name, str(port)], stdin=subprocess.PIPE)
                try:
                    evenly(quiet, WARM_UP_SECS)
                    first = time.time_ns()
                    evenly(quiet, secs)
                finally:
                    loud.kill()
                    loud.wait()
            deadline = time.monotonic() + ARRIVE_SECS
            while len(listener.arrived) < (secs + WARM_UP_SECS) * STEPS_PER_SEC and time.monotonic() < deadline:
                time.sleep(0.05)
            most_mib = peak_mib(bridge.pid)
    delays = sorted((at - sent) / 1e6 for sent, at in listener.arrived.items() if sent >= first)
    missing = secs * STEPS_PER_SEC - len(delays)
    p50, p99 = (delays[int(len(delays) * share)] if delays else float("inf") for share in (0.5, 0.99))
    return [
        row(f"quiet run beside {name}: median delay", p50, "ms", "", met=None),
        row("  99th percentile", p99, "ms", f"<= {MOST_P99_MILLIS:g}", met=p99 <= MOST_P99_MILLIS and not missing),
        row("  the bridge's memory at most", most_mib, "MiB", f"<= {MOST_MIB:g}", met=most_mib <= MOST_MIB),
    ]


def evenly(quiet: ZmqBroadcaster, secs: float) -> None:
    """Publish steps at an even rate for so many seconds."""
    began = time.monotonic()
    for number in range(int(secs * STEPS_PER_SEC)):
        quiet.publish(schema.Step, **example_step(number))
        while time.monotonic() < began + (number + 1) / STEPS_PER_SEC:
            quiet.pump()
            time.sleep(0.002)


def peak_mib(pid: int) -> float:
    """Return the most memory that a process ever had, MiB, as Linux reports it."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def small_frames(loud: ZmqBroadcaster, number: int) -> float:
    """Publish a frame of 64x64; 24 MB/s. Return the seconds until the next one."""
    return frame(loud, number, 64)


def messages(loud: ZmqBroadcaster, number: int) -> float:
    """Publish a metric; 5,000 a second. Return the seconds until the next one."""
    loud.publish_metric("loud", number)
    return 1 / 5000


def large_frames(loud: ZmqBroadcaster, number: int) -> float:
    """Publish a frame of 50 MB, whenever there is room for it. Return the seconds until the next one."""
    return min(frame(loud, number, 3536), 0.2)


def frame(loud: ZmqBroadcaster, number: int, side: int) -> float:
    """Publish a square frame; return the seconds that it lasts at 24 MB/s."""
    pixels = os.urandom(1 << 16) * (side * side * 4 // (1 << 16) + 1)
    head = {"sensor": "patch", "modality": "rgba", "episode": 0, "step": number, "height": side, "width": side}
    size = side * side * 4
    loud.publish(schema.Frame, [pixels[:size]], **head)
    return size / 24e6


LOUD: Dict[str, Callable[[ZmqBroadcaster, int], float]] = {
    "24 MB/s of small frames": small_frames,
    "5,000 messages/s": messages,
    "frames of 50 MB": large_frames,
}


def main(name: str, port: int) -> None:
    """Publish loudly until another process ends this one."""
    with ZmqBroadcaster(run_id="loud", zmq_port=port) as loud:
        due, number = time.monotonic(), 0
        while True:
            due = max(due, time.monotonic() - 0.5) + LOUD[name](loud, number)
            number += 1
            while time.monotonic() < due:
                loud.pump()
                time.sleep(0.0005)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
