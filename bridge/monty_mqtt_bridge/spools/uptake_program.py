"""This module starts the program that sends the messages left in the spools of this machine's experiments.

Run by `bridge` beside its loop. The program is `monty_mqtt_stack.commands.spool_uptake`, which connects to the bridge's
port like any experiment. If the stack is not installed, spools wait for `monty-mqtt replay`.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

from monty_mqtt.errors import ConfigError
from monty_mqtt.wire import spool_format
from monty_mqtt.wire.bridge_address import BridgeAddress

__all__ = ["UptakeProgram"]

logger = logging.getLogger(__name__)

_STACK = "monty_mqtt_stack"
_EVERY_SECS = 1.0
_AGAIN_SECS = 60.0
"""A program that failed is started again after this time."""

_STOP_SECS = 6.0
_QUIET_SECS = 10.0
"""If a living process has not written to a spool for so long, it may have given the spool up."""


class UptakeProgram:
    """UptakeProgram looks for spools in a thread inside its `with` block; the program runs while there are any.

    Args:
        directory: Directory of the spools of this machine's experiments; if empty, none is sent.
        bridge: How programs of this machine reach the bridge.
    """

    def __init__(self, directory: str, bridge: BridgeAddress) -> None:
        self._directory = Path(directory)
        self._command = [
            sys.executable,
            "-P",
            "-m",
            f"{_STACK}.commands.spool_uptake",
            directory,
            str(bridge),
            bridge.client_key_file,
        ]
        self._is_able = bool(directory) and find_spec(_STACK) is not None
        self._program: subprocess.Popen[bytes] | None = None
        self._start_at = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="uptake", daemon=True)

    def __enter__(self) -> Self:
        if self._is_able:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._is_able:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_EVERY_SECS):
            self._look()
        self._end()

    def _look(self) -> None:
        if self._program is not None and self._program.poll() is not None:
            logger.warning("taking up spools ended with exit code %s", self._program.returncode)
            self._end()
            self._start_at = time.monotonic() + _AGAIN_SECS
        is_needed = any(_waits(path) for path in self._directory.glob("*/*.spool"))
        if not is_needed:
            self._end()
        elif self._program is None and time.monotonic() >= self._start_at:
            self._start()

    def _start(self) -> None:
        try:
            # It ends when its input does: also if this process is killed. Ctrl+C is for the bridge, which ends it.
            self._program = subprocess.Popen(self._command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603
        except OSError as error:
            logger.warning("taking up spools: %s", error)
            self._start_at = time.monotonic() + _AGAIN_SECS

    def _end(self) -> None:
        if self._program is None:
            return
        with self._program as program:  # closes its input, and waits
            with suppress(OSError, subprocess.TimeoutExpired):
                program.communicate(timeout=_STOP_SECS)
            program.kill()
        self._program = None


def _waits(path: Path) -> bool:
    """Return whether a process of this machine wrote this spool and may have left it; the program checks exactly."""
    with suppress(OSError, ConfigError, OverflowError):  # it is gone, being made, or not a spool
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe would wait for a writer
        try:
            header, _ = spool_format.read_header(fd, path)
            is_quiet = time.time() - os.fstat(fd).st_mtime > _QUIET_SECS
        finally:
            os.close(fd)
        return header.host == socket.gethostname() and (is_quiet or _has_ended(header.pid))
    return False


def _has_ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False
