"""When what was published goes into the spool, and when its file may go.

Place in the flow: `outbox` takes a step here with each message; the `send_window` says what is not in the file yet.
Nothing is written while a bridge acknowledges in time what it gets.
"""

from __future__ import annotations

import errno
import logging
import time
from pathlib import Path
from typing import Callable, Set

from monty_mqtt.broadcast.send_window import Window
from monty_mqtt.broadcast.spool_file import Header, Spool, record_bytes

__all__ = ["Spooling"]

_HELD_BYTES = 8 << 20
"""What is held beyond this, or half the window, goes into the file, whether the bridge is away or only slow; and memory
lets go of it. Why not only at the window's bound: hundreds of workers of a run may share a machine."""

_OLD_SECS = 0.6
"""So does everything, while something has waited longer than this. A bridge that is there acknowledges within 0.25 s.
Looked at is whether all that was there at one moment is acknowledged; then the next such moment begins, so a message
may be 0.85 s old before it is written."""

_WRITES_A_CALL = 64
_BYTES_A_CALL = 1 << 20
"""At most so much of what waits is written by one call; a single larger message all the same."""

_SHRINK_BYTES = 16 << 20
_RETRY_SECS = 1.0
"""A disk that is full, or a file that may not grow, is looked at again so often."""

_LEAST_FREE_BYTES = 256 << 20
"""Left to the experiment's own files; looked at once a second."""

_IN_MEMORY = "; what no bridge takes is kept in memory alone"

_log = logging.getLogger(__name__)


class Spooling:
    """One worker's spool over the life of its broadcaster. Not thread-safe. Nothing here raises OSError.

    Args:
        directory: Where spool files are; empty: nothing is ever written.
        header: Who sends.
        bound_bytes: Bound of the file; 0: nothing is ever written.
        window_bytes: Bound of the window.
        afterwards: Runs what it is given when the broadcaster's lock is free again.

    Attributes:
        spool: The file.
        errors: How often it could not be written or read.
        written: Messages that were written.
    """

    def __init__(
        self, directory: str, header: Header, *, bound_bytes: int, window_bytes: int, afterwards: Callable[..., None]
    ) -> None:
        self.spool = Spool(Path(directory), header)
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

    def is_pressing(self, window: Window) -> bool:
        """Return whether this cannot wait for a millisecond: a file is being written, or memory fills."""
        return self.spool.is_open or window.held_bytes > self._held_bytes

    def is_due(self, window: Window) -> bool:
        """Return whether there is something to do."""
        if not self._bound_bytes:
            return False
        if window.base >= self._mark:
            self._mark, self._mark_at = window.next_seq, time.monotonic()
            return self.spool.is_open or window.held_bytes > self._held_bytes
        return self.spool.is_open or self._must_write(window)

    def step(self, window: Window) -> None:
        """Write a little of what is due, or take away a little of what is not needed any more."""
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

    def finish(self, window: Window) -> int:
        """Write all that is left, and close the file; return how many messages are neither with a bridge nor in it."""
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

    def _must_write(self, window: Window) -> bool:
        return window.held_bytes > self._held_bytes or time.monotonic() - self._mark_at > _OLD_SECS

    def _write(self, window: Window) -> bool:
        """Write a little; return whether there was something, and it could be written."""
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
