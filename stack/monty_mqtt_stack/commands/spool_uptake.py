"""This module takes up spools by itself: what an experiment left that ended before the bridge had all of it.

Place in the flow: the bridge starts it as a program,
`python -m monty_mqtt_stack.commands.spool_uptake DIRECTORY HOST PORT`, while there are spools; `restore_spool` sends
each file. A file that a living process still writes is that process's own, and one that another machine wrote (a home
on NFS) is left to `monty-mqtt replay`.
"""

from __future__ import annotations

import logging
import math
import os
import socket
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Callable, Dict, Optional, Self, Type

import psutil  # type: ignore[import-untyped]

from monty_mqtt.broadcast import spool_file
from monty_mqtt.errors import ConfigError, ServiceError
from monty_mqtt.terminal_text import one_line
from monty_mqtt_stack.replay.restore_report import as_lines
from monty_mqtt_stack.replay.restore_spool import restore, writer_of
from monty_mqtt_stack.services.find_services import Address

__all__ = ["SpoolUptake", "is_left_behind", "main"]

logger = logging.getLogger(__name__)

_EVERY_SECS = 1.0
_AGAIN_SECS = 60.0
"""A spool that could not be sent is tried again so much later, or when the file has changed."""

_STOP_SECS = 5.0


class SpoolUptake:
    """Sends what is left behind, in a thread of its own, from `__enter__` to `__exit__`.

    Args:
        directory: Where spools are: `spool` in the state directory.
        bridge: Where the bridge takes messages.
        say: Takes a line for the log; called from the thread.
    """

    def __init__(self, directory: Path, bridge: Address, say: Callable[[str], None]) -> None:
        self._directory, self._bridge, self._say = directory, bridge, say
        self._stop = threading.Event()
        self._after: Dict[Path, tuple[float, int]] = {}
        self._thread = threading.Thread(target=self._run, name="spools", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._stop.set()
        self._thread.join(_STOP_SECS)

    def _run(self) -> None:
        while not self._stop.wait(_EVERY_SECS):
            for path in sorted(self._directory.glob("*/*.spool")):
                if not self._stop.is_set() and self._is_due(path):
                    self._take_up(path)

    def _is_due(self, path: Path) -> bool:
        after, size = self._after.get(path, (0.0, -1))
        with suppress(OSError, ConfigError):  # it is gone, or no spool
            return (time.monotonic() >= after or path.stat().st_size != size) and is_left_behind(path)
        return False

    def _take_up(self, path: Path) -> None:
        host, port = self._bridge
        try:
            self._after[path] = (time.monotonic() + _AGAIN_SECS, path.stat().st_size)
            restored = restore(path, zmq_host=host, zmq_port=port, stop=self._stop)
        except (ServiceError, ConfigError, OSError) as error:
            logger.warning("spool %s: %s; trying again in %g s", path, error, _AGAIN_SECS)
            return
        if restored.removed:
            self._after.pop(path)
        elif not restored.was_stopped:  # what is left in it cannot be sent
            self._after[path] = (math.inf, self._after[path][1])
        if not restored.was_stopped:
            self._say(one_line(f"took up what its program left behind: {as_lines(restored)[0]}"))


def is_left_behind(path: Path) -> bool:
    """Return whether the process that wrote this spool is known to have ended, or to have let go of it.

    Raises:
        ConfigError: It is no spool file, or cannot be read.
        OSError: It is gone.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe would wait for somebody to write
    try:
        header, _ = spool_file.read_header(fd, path)
    finally:
        os.close(fd)
    if header.host != socket.gethostname():  # nobody here can know
        return False
    try:
        process = psutil.Process(header.pid)
        if process.create_time() * 1e9 > header.started_unix_nanos:  # its number was given once more
            return True
        process.open_files()  # where this is denied, `writer_of` would find nobody
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False
    return not writer_of(path)


def main(directory: str, host: str, port: str) -> None:
    """Take up what is in this directory until the input ends: whoever started us has, or needs us no more."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    with SpoolUptake(Path(directory), Address(host, int(port)), partial(print, flush=True)):
        sys.stdin.buffer.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
