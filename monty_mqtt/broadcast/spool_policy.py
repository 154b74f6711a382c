"""This module decides when messages go into the spool, and when its file is removed.

Called by `outbox` with each message; reads from `send_window` what the file does not hold yet. While a bridge
acknowledges in time, nothing is written.
"""

from __future__ import annotations

import errno
import logging
import time
from pathlib import Path
from typing import Callable, Set

from monty_mqtt.broadcast.send_window import SendWindow
from monty_mqtt.broadcast.spool_file import SpoolFile
from monty_mqtt.wire.spool_format import SpoolHeader, record_bytes

__all__ = ["SpoolPolicy"]

_HELD_BYTES = 8 << 20
"""Bytes in memory beyond which (or beyond half the window) messages go into the file and leave memory, whether the
bridge is away or only slow. The bound is far below the window's, because hundreds of workers may share a machine."""

_OLD_SECS = 0.6
"""Once a message has waited longer than this, all messages go into the file. A bridge that answers acknowledges within
0.25 s. The check is whether all messages that were there at one moment are acknowledged; then the next such moment
begins, so a message may be 0.85 s old before it is written."""

_WRITES_A_CALL = 64
_BYTES_A_CALL = 1 << 20
"""Most bytes that one call writes; a single larger message is written all the same."""

_SHRINK_BYTES = 16 << 20
_RETRY_SECS = 1.0
"""After a failed write, because the disk is full or the file may not grow, the next attempt comes this much later."""

_LEAST_FREE_BYTES = 256 << 20
"""Bytes that stay free for the experiment's own files; checked once a second."""

_IN_MEMORY = "; what no bridge takes is kept in memory alone"

_log = logging.getLogger(__name__)


class SpoolPolicy:
    """SpoolPolicy runs one worker's spool during the life of its broadcaster. Not thread-safe; never raises OSError.

    Args:
        directory: Directory of the spool files; if empty, nothing is ever written.
        header: Identity of the sender.
        bound_bytes: Largest size of the file; if 0, nothing is ever written.
        window_bytes: The window's bound in memory.
        afterwards: Runs the call that it is given as soon as the broadcaster's lock is free.

    Attributes:
        spool: The file.
        errors: How often the file could not be written or read.
        written: Number of messages written.
    """

    def __init__(
        self,
        directory: str,
        header: SpoolHeader,
        *,
        bound_bytes: int,
        window_bytes: int,
        afterwards: Callable[..., None],
    ) -> None:
        self.spool = SpoolFile(Path(directory), header)
        self.errors = 0
        self.written = 0
        self._bound_bytes = bound_bytes if directory else 0
        self._held_bytes = min(_HELD_BYTES, window_bytes // 2)
        self._afterwards = afterwards
        self._run = header.run
        self._said: Set[str] = set()
        self._mark = 0
        self._mark_at = 0.0
        self._retry_at = self._look_at = 0.0

    def is_pressing(self, window: SendWindow) -> bool:
        """Return whether `step` should run at once: a file is being written, or memory fills."""
        return self.spool.is_open or window.held_bytes > self._held_bytes

    def is_due(self, window: SendWindow) -> bool:
        """Return whether `step` has something to do."""
        if not self._bound_bytes:
            return False
        if window.base >= self._mark:
            self._mark, self._mark_at = window.next_seq, time.monotonic()
            return self.spool.is_open or window.held_bytes > self._held_bytes
        return self.spool.is_open or self._must_write(window)

    def step(self, window: SendWindow) -> None:
        """Write some of the messages that are due, or remove a part of the file that is no longer needed."""
        spool = self.spool
        if spool.is_open and window.base > spool.last:
            self._try(lambda: spool.shrink(_SHRINK_BYTES))
        elif self._must_write(window):
            self._write(window)
            window.unload(self._held_bytes)
        if spool.unreadable:
            self.errors += 1
            self._say(f"{spool.unreadable}; what cannot be read back is dropped")
            spool.unreadable = ""

    def finish(self, window: SendWindow) -> int:
        """Write all that is left, and close the file; return how many messages are neither in it nor with a bridge."""
        if not self._bound_bytes:
            return window.waiting
        spool = self.spool
        if not window.waiting:
            self._try(spool.remove)
            return 0
        self._retry_at = 0.0
        while self._write(window):
            pass
        if spool.is_open and not spool.exists:
            return window.waiting
        self._try(spool.close)
        return len(window.after(spool.last, most=window.waiting, most_bytes=window.held_bytes + 1))

    def _must_write(self, window: SendWindow) -> bool:
        return window.held_bytes > self._held_bytes or time.monotonic() - self._mark_at > _OLD_SECS

    def _write(self, window: SendWindow) -> bool:
        """Write some messages; return whether there were any, and they could be written."""
        if time.monotonic() < self._retry_at:
            return False
        spool = self.spool
        messages = window.after(spool.last, most=_WRITES_A_CALL, most_bytes=_BYTES_A_CALL)
        if not messages:
            return False
        if spool.size + sum(record_bytes(frames) for _, frames in messages) > self._bound_bytes:
            self._retry_at = time.monotonic() + _RETRY_SECS
            self._say(f"it has the {self._bound_bytes >> 20} MiB that it may have{_IN_MEMORY}")
            return False
        if not self._try(self._look_at_disk) or not self._try(lambda: spool.write(messages)):
            return False
        self.written += len(messages)
        return True

    def _look_at_disk(self) -> None:
        now = time.monotonic()
        if self.spool.is_open and now >= self._look_at:
            self._look_at = now + _RETRY_SECS
            if self.spool.free_bytes < _LEAST_FREE_BYTES:
                raise OSError(errno.ENOSPC, f"less than {_LEAST_FREE_BYTES >> 20} MiB are left on the disk")

    def _try(self, call: Callable[[], None]) -> bool:
        try:
            call()
        except OSError as error:
            self.errors += 1
            self._retry_at = time.monotonic() + _RETRY_SECS
            self._say(f"{error.strerror or error}{_IN_MEMORY}")
            return False
        return True

    def _say(self, why: str) -> None:
        if why not in self._said:
            self._said.add(why)
            self._afterwards(_log.error, "run %r: spool file %s: %s", self._run, self.spool.path, why)
