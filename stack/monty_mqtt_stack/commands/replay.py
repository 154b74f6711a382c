"""Implements `monty-mqtt replay`: sends spools and recordings to the bridge on this machine.

Called by the command line. Hands to `restore_spool` and `restore_recording`, which keep the runs' ids, or to `play`,
which gives them new ids. As a program, `python -m monty_mqtt_stack.commands.replay`, it plays the demo's recording.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Dict, Optional, Self, Sequence, Type

from monty_mqtt.errors import ConfigError, MontyMqttError, ServiceError
from monty_mqtt.terminal_text import one_line
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt_core.recordings.mcap_scan import Beginning
from monty_mqtt_core.recordings.part_files import Recording, joined
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.replay.play import ReplayPosition, overview, replay
from monty_mqtt_stack.replay.restore_recording import restore_recording
from monty_mqtt_stack.replay.restore_report import as_lines
from monty_mqtt_stack.replay.restore_spool import is_spool, restore
from monty_mqtt_stack.services.find_services import accepts, find_bridge, parse_bridge
from monty_mqtt_stack.watch.message_lines import duration

__all__ = ["command", "main"]

_INTERRUPTED = 130
_SHOWN_EVERY_SECS = 0.5
_ERASE_LINE = "\r\x1b[K"


def command(options: argparse.Namespace) -> int:
    """Run `monty-mqtt replay`; return the exit code: 0 everything arrived, 1 not everything, 130 stopped.

    Raises:
        ConfigError: A file is neither a recording nor a spool, or a setting is out of range.
        ServiceError: No bridge answers, or it has been away for too long.
    """
    spools = _checked(options)
    bridge = _bridge(options)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    whole = []
    for paths in joined(options.files):
        try:
            if options.as_new:
                whole.append(_play(paths, bridge, 1.0 if options.speed is None else options.speed, stop))
            else:
                whole.append(_restore(paths, bridge, stop, is_spool=spools[paths[0]]))
        except ServiceError as error:  # go on: another file may succeed
            print(f"monty-mqtt: {one_line(str(error))}", file=sys.stderr)  # noqa: T201 - a command's output
            whole.append(False)
        if stop.is_set():
            return _INTERRUPTED
    return 0 if all(whole) else 1


def main(argv: list[str] | None = None) -> int:
    """Play one recording as new runs, for the demo: `python -m …`; return the exit code, as `command` does.

    Raises:
        ConfigError: The file is not a recording of monty-mqtt, or a setting is out of range.
        ServiceError: There is no bridge, or it has been away for too long.
    """
    parser = argparse.ArgumentParser(prog="monty-mqtt replay", description="Replay a recording as if it were live now.")
    parser.add_argument("file", type=Path, metavar="FILE.mcap")
    parser.add_argument("--speed", type=float, default=1.0, help="2 is twice as fast, 0 as fast as possible")
    parser.add_argument("--duration-secs", type=float, help="fit the whole into this time, instead of a speed")
    parser.add_argument("--longest-pause-secs", type=float, help="cut quiet times to this")
    parser.add_argument("--zmq-host", default="127.0.0.1", help="host of the bridge")
    parser.add_argument("--zmq-port", type=int, default=5555, help="ZMQ port of the bridge")
    parser.add_argument(
        "--ending", default="", help="how the ids of the new runs end (default: the time, 4 hex digits)"
    )
    options = parser.parse_args(argv)
    pause_secs = options.longest_pause_secs
    speed = options.speed
    if options.duration_secs:
        speed = overview(options.file, longest_pause_secs=pause_secs).playing_secs / options.duration_secs
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    replayed = replay(
        options.file,
        bridge=BridgeAddress(options.zmq_host, options.zmq_port),
        speed=speed,
        longest_pause_secs=pause_secs,
        stop=stop,
        ending=options.ending,
    )
    for run in replayed.runs.values():
        print(run)  # noqa: T201 - a command's output
    if replayed.was_stopped:
        return _INTERRUPTED
    return 1 if replayed.unacknowledged or replayed.damages else 0


def _checked(options: argparse.Namespace) -> Dict[Path, bool]:
    """Check the options; return which files are spools."""
    if options.speed is not None and not options.as_new:
        raise ConfigError("--speed", options.speed, "given with --as-new: what is restored keeps its times")
    spools = {path: is_spool(path) for path in options.files}
    for path, is_one in spools.items():
        if options.as_new and is_one:
            raise ConfigError("--as-new", str(path), "a recording; a spool is what is missing of a run: restore it")
    return spools


def _play(paths: Sequence[Path], bridge: BridgeAddress, speed: float, stop: threading.Event) -> bool:
    with _Shown() as shown:
        replayed = replay(*paths, bridge=bridge, speed=speed, stop=stop, on_progress=shown.played)
    for old, new in replayed.runs.items():
        _say(f"{old} as {new}")
    counts = {
        "sent": replayed.messages,
        "not readable": replayed.unreadable,
        "dropped": replayed.dropped,
        "not confirmed by the bridge": replayed.unacknowledged,
    }
    _say(", ".join(f"{count:,} {name}" for name, count in counts.items() if count or name == "sent"))
    _say_begun(replayed.begun)
    return not (replayed.damages or replayed.unacknowledged or replayed.dropped or replayed.unreadable)


def _restore(paths: Sequence[Path], bridge: BridgeAddress, stop: threading.Event, *, is_spool: bool) -> bool:
    read: list[Recording] = []
    if is_spool:
        with _Shown() as shown:
            reports = [restore(paths[0], bridge=bridge, stop=stop, on_progress=shown.restored)]
    else:
        reports = restore_recording(*paths, bridge=bridge, stop=stop, on_read=read.append)
    for report in reports:
        for line in as_lines(report, is_recording=not is_spool):
            _say(line)
    for recording in read:
        _say_begun(recording.begun)
    is_damaged = any(recording.damages for recording in read)
    return not (is_damaged or any(report.missing or report.unreadable_bytes for report in reports))


def _say_begun(begun: Sequence[Beginning]) -> None:
    for beginning in begun:
        _say(f"  {beginning}")


class _Shown:
    """Shows the progress in one line of a terminal; shows nothing if stdout is not a terminal."""

    def __init__(self) -> None:
        self._is_terminal = sys.stdout is not None and sys.stdout.isatty()
        self._next = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._print("")

    def played(self, position: ReplayPosition) -> None:
        """Show how much has been played."""
        self._show(f"{position.messages:,} messages, {duration(position.playing_secs)}")

    def restored(self, done_bytes: int, all_bytes: int) -> None:
        """Show which part of a file has been sent."""
        self._show(f"{done_bytes / max(all_bytes, 1):.0%}")

    def _show(self, text: str) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _SHOWN_EVERY_SECS
            self._print(text)

    def _print(self, text: str) -> None:
        if self._is_terminal:
            print(f"{_ERASE_LINE}{text}", end="", flush=True)  # noqa: T201 - a command's output


def _bridge(options: argparse.Namespace) -> BridgeAddress:
    state = StateDir(options.state_dir)
    if options.bridge:
        named = parse_bridge(options.bridge, state)
        if not accepts(named.host, named.port):
            raise ServiceError(f"no bridge at {named.host}:{named.port}")
        return named
    return find_bridge(state)


def _say(line: str) -> None:
    print(one_line(line), flush=True)  # noqa: T201 - a command's output


if __name__ == "__main__":
    try:
        sys.exit(main())
    except MontyMqttError as error:
        sys.exit(f"monty-mqtt replay: {error}")
