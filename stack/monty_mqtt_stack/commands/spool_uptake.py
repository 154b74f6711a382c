"""Sends spools that ended experiments have left behind, because the bridge did not receive all of their messages.

Started by the bridge as a program, `python -m monty_mqtt_stack.commands.spool_uptake DIRECTORY ADDRESS KEY_FILE`,
while there are spools; hands each file to `restore_spool`. A file that a living process still writes is left to that
process; a file that another machine wrote (a home directory on NFS) is left to `monty-mqtt replay`.
"""

from __future__ import annotations

import logging
import math
import os
import socket
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Callable, Dict

import psutil  # type: ignore[import-untyped]

from monty_mqtt.errors import ConfigError, ServiceError
from monty_mqtt.terminal_text import one_line
from monty_mqtt.wire import spool_format
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt_stack.processes.repeating_task import RepeatingTask
from monty_mqtt_stack.replay.restore_report import as_lines
from monty_mqtt_stack.replay.restore_spool import restore, writer_of

__all__ = ["SpoolUptake", "is_left_behind", "main"]

logger = logging.getLogger(__name__)

_EVERY_SECS = 1.0
_AGAIN_SECS = 60.0
"""Delay before a spool that could not be sent is tried again; a changed file is tried at once."""

_STOP_SECS = 5.0


class SpoolUptake(RepeatingTask):
    """Sends abandoned spools in a thread, from `__enter__` to `__exit__`.

    Args:
        directory: Directory of the spools: `spool` in the state directory.
        bridge: ZMQ address of the bridge.
        say: Receives a line for the log; called from the thread.
    """

    def __init__(self, directory: Path, bridge: BridgeAddress, say: Callable[[str], None]) -> None:
        super().__init__("spools", every_secs=_EVERY_SECS, stop_secs=_STOP_SECS)
        self._directory, self._bridge, self._say = directory, bridge, say
        self._after: Dict[Path, tuple[float, int]] = {}

    def turn(self) -> None:
        """Send the spools that are due."""
        for path in sorted(self._directory.glob("*/*.spool")):
            if not self._stop.is_set() and self._is_due(path):
                self._take_up(path)

    def _is_due(self, path: Path) -> bool:
        after, size = self._after.get(path, (0.0, -1))
        with suppress(OSError, ConfigError):  # the file is gone, or is not a spool
            return (time.monotonic() >= after or path.stat().st_size != size) and is_left_behind(path)
        return False

    def _take_up(self, path: Path) -> None:
        try:
            self._after[path] = (time.monotonic() + _AGAIN_SECS, path.stat().st_size)
            report = restore(path, bridge=self._bridge, stop=self._stop)
        except (ServiceError, ConfigError, OSError) as error:
            logger.warning("spool %s: %s; trying again in %g s", path, error, _AGAIN_SECS)
            return
        if report.removed:
            self._after.pop(path)
        elif not report.was_stopped:  # the rest of it cannot be sent
            self._after[path] = (math.inf, self._after[path][1])
        if not report.was_stopped:
            self._say(one_line(f"took up what its program left behind: {as_lines(report)[0]}"))


def is_left_behind(path: Path) -> bool:
    """Return whether the process that wrote this spool has certainly ended, or has closed it.

    Raises:
        ConfigError: It is not a spool file, or cannot be read.
        OSError: It does not exist any more.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # opening a pipe would wait for a writer
    try:
        header, _ = spool_format.read_header(fd, path)
    finally:
        os.close(fd)
    if header.host != socket.gethostname():  # nothing on this machine can know
        return False
    try:
        process = psutil.Process(header.pid)
        if process.create_time() * 1e9 > header.started_unix_nanos:  # another process has its number now
            return True
        process.open_files()  # if this is denied, `writer_of` would find no process
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False
    return not writer_of(path)


def main(directory: str, address: str, client_key_file: str) -> None:
    """Send abandoned spools in this directory until stdin ends: the parent process has ended, or closed it."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    bridge = BridgeAddress.parse(address, "ADDRESS", client_key_file)
    with SpoolUptake(Path(directory), bridge, partial(print, flush=True)):
        sys.stdin.buffer.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
