"""Implements `monty-mqtt record`: writes everything that runs publish from now on into a file.

Called by the command line; hands to `monty_mqtt_core.recordings.record`.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from monty_mqtt.terminal_text import one_line
from monty_mqtt_core.reading.run_lookup import known_runs, pick_run
from monty_mqtt_core.recordings.record import RecordingReport, record
from monty_mqtt_stack.services.find_services import broker_of

__all__ = ["command"]

_MEGA = 1e6
_ERASE_LINE = "\r\x1b[K"


def command(options: argparse.Namespace) -> int:
    """Run `monty-mqtt record`; return the exit code: 0 also after Ctrl+C, which is the usual end.

    Raises:
        ConfigError: The file exists, or cannot be written.
        ServiceError: No broker answers, there is no such run, or the disk is full.
    """
    broker = broker_of(options)
    run = pick_run(options.run, known_runs(broker)) if options.run is not None else None
    until = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: until.set())
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    ending = "until the run ends, or Ctrl+C" if run else "until Ctrl+C"
    try:
        recorded = record(
            broker,
            options.output,
            run=run,
            until=until,
            ends_with_runs=run is not None,
            on_listening=lambda: _say(f"recording {run or 'all runs'} to {options.output}, {ending}"),
            on_progress=_show if is_terminal else None,
        )
    finally:
        if is_terminal:
            print(_ERASE_LINE, end="", flush=True)  # noqa: T201 - a command's output
    _say(f"{_told(recorded)}; runs: {', '.join(recorded.runs) or 'none'}")
    for begun in recorded.begun:
        _say(f"  {begun}")
    return 0


def _show(recorded: RecordingReport) -> None:
    print(f"{_ERASE_LINE}{_told(recorded)}", end="", flush=True)  # noqa: T201 - a command's output


def _told(recorded: RecordingReport) -> str:
    counts = [f"{recorded.counts.written:,} messages"]
    if recorded.missing:
        counts.append(f"{recorded.missing:,} missing")
    if recorded.counts.unreadable:
        counts.append(f"{recorded.counts.unreadable:,} not readable")
    return ", ".join([*counts, f"{recorded.size_bytes / _MEGA:.1f} MB"])


def _say(line: str) -> None:
    print(one_line(line), flush=True)  # noqa: T201 - a command's output
