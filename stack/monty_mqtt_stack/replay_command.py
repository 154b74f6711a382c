"""`monty-mqtt replay`: a recording, played to the bridge that runs here.

Place in the flow: the command line calls it; `replay` does the work.
"""

from __future__ import annotations

import argparse
import signal
import threading

from monty_mqtt.errors import ServiceError
from monty_mqtt.terminal import one_line
from monty_mqtt_stack.far_side import Address, find, parse_address
from monty_mqtt_stack.replay import replay
from monty_mqtt_stack.services import ZMQ_PORT
from monty_mqtt_stack.state import StateDir

__all__ = ["command"]

_INTERRUPTED = 130


def command(options: argparse.Namespace) -> int:
    """Run `monty-mqtt replay`; return the exit code: 0 all arrived, 1 not all did, 130 stopped.

    Raises:
        ConfigError: The file is no recording of ours, or a setting is out of range.
        ServiceError: No bridge answers, or it has been away for too long.
    """
    bridge = _bridge(options)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    speed = 1.0 if options.speed is None else options.speed
    replayed = replay(options.file, zmq_host=bridge.host, zmq_port=bridge.port, speed=speed, stop=stop)
    for old, new in replayed.runs.items():
        _say(f"{old} as {new}")
    counts = {
        "sent": replayed.messages,
        "not readable": replayed.unreadable,
        "dropped": replayed.dropped,
        "not confirmed by the bridge": replayed.unacknowledged,
    }
    _say(", ".join(f"{count:,} {name}" for name, count in counts.items() if count or name == "sent"))
    if replayed.was_stopped:
        return _INTERRUPTED
    return 1 if replayed.unacknowledged or replayed.dropped or replayed.unreadable else 0


def _bridge(options: argparse.Namespace) -> Address:
    if options.bridge:
        return parse_address(options.bridge, ZMQ_PORT)
    found = find(StateDir(options.state_dir))
    if found is None:
        raise ServiceError("no bridge answers: start one with `monty-mqtt up`, or name it with --bridge HOST:PORT")
    return found.zmq


def _say(line: str) -> None:
    print(one_line(line), flush=True)  # noqa: T201 - a command's output
