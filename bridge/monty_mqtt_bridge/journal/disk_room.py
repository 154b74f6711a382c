"""This module checks how much room the journal has: its own bound, and the disk's.

Called by `journal` before and after each commit. At the bound the oldest frames and clouds are dropped first; if none
is left, or the disk is nearly full, nothing more is accepted, and experiments keep their messages.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import suppress
from pathlib import Path

__all__ = ["DiskRoom"]

logger = logging.getLogger(__name__)

_RESERVE_BYTES = 8 << 20
"""Bytes of the disk that stay free, as other programs fill it, too: removing rows needs some room itself."""

_MARGIN_BYTES = 1 << 20
"""Bytes left when a commit is in log and file: for the removal of rows, and for the file's other contents."""

_PAGES_PER_BYTE = 1.1
"""Rows take so much more room than their length, for the empty parts of pages, and the lists of pages."""

_AGAIN, _MORE = 0.95, 1.25
"""There is room again when this share of the bound is used, or this multiple of the reserve is free."""

_EVICTED_AT_ONCE = 4
_SPARE_BYTES = 64 << 20
_REWRITTEN_BYTES = 1 << 20
"""The file may have this many unused bytes. It is rewritten if so few bytes are in use, which takes some 10 ms, or if
no row waits, so the delay disturbs nothing. (To cut pages off the end one by one, SQLite searches the list of unused
pages for each: 0.3 ms if 700 MiB are unused.)"""

_EVICT = """
DELETE FROM messages WHERE id IN
(SELECT id FROM messages INDEXED BY bulk WHERE bulk = 1 AND id > ? ORDER BY id LIMIT ?)
"""


class DiskRoom:
    """DiskRoom measures what the journal uses, and what it may use. It lives in one thread.

    Args:
        path: Path of the journal's file; empty for a temporary file.
        bound_bytes: Most bytes that the journal may use.

    Attributes:
        bound_bytes: As given.
        used_bytes: Bytes in use.
        lacking: Why no more messages are accepted; empty while there is room.
        evicted: Number of frames and clouds that were dropped for room.
    """

    def __init__(self, path: str, bound_bytes: int) -> None:
        self._file = Path(path) if path else None
        self.bound_bytes = bound_bytes
        self.used_bytes = 0
        self.lacking = ""
        self.evicted = 0
        self._evicting = False
        self._unused_bytes = 0
        self._fits = True

    def fits(self, connection: sqlite3.Connection, size_bytes: int) -> bool:
        """Return whether so many bytes can be written, with a margin.

        Rows go to the end of the write-ahead log, and from there into the file. If the disk has no room to move the log
        into the file, the log cannot be reused, and then not even rows can be removed any more.

        Args:
            connection: The journal.
            size_bytes: Number of bytes; 0 always fits.
        """
        written = int(size_bytes * _PAGES_PER_BYTE)
        ample = _RESERVE_BYTES + 2 * written
        self._fits = not written or self._disk_free_bytes() >= ample or self._just_fits(connection, written)
        return self._fits

    def look(self, connection: sqlite3.Connection, fed: int) -> int:
        """Measure the room, and drop frames and clouds if it is too little; return how many rows were dropped.

        Args:
            connection: The journal.
            fed: Rows up to this one are kept.
        """
        evicted = 0
        while self._measure(connection) > self.bound_bytes:
            gone = connection.execute(_EVICT, (fed, _EVICTED_AT_ONCE)).rowcount
            evicted += gone
            if not gone:
                break
        self._tell_evicting(evicted)
        self._tell(self._what_lacks())
        return evicted

    def give_back(self, connection: sqlite3.Connection, *, idle: bool) -> None:
        """Return the file's unused pages to the disk, if there are many; to be called about once a second.

        Args:
            connection: The journal.
            idle: Whether the journal has no row, so that a delay of a second disturbs nothing.
        """
        if self._unused_bytes < _SPARE_BYTES or not (idle or self.used_bytes <= _REWRITTEN_BYTES):
            return
        with suppress(sqlite3.OperationalError):  # no room for it now, maybe later
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _just_fits(self, connection: sqlite3.Connection, written: int) -> bool:
        """Return whether the rows fit into log, file and disk together."""
        if not _checkpoint(connection):
            return False
        self._measure(connection)
        into_log, into_file = max(0, written - self._log_bytes()), max(0, written - self._unused_bytes)
        return self._disk_free_bytes() >= _MARGIN_BYTES + into_log + into_file

    def _measure(self, connection: sqlite3.Connection) -> int:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (unused,) = connection.execute("PRAGMA freelist_count").fetchone()
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
        self._unused_bytes = unused * page_bytes
        self.used_bytes = pages * page_bytes - self._unused_bytes
        return self.used_bytes

    def _what_lacks(self) -> str:
        lacks = bool(self.lacking)
        if self.used_bytes > self.bound_bytes * (_AGAIN if lacks else 1.0):
            return f"it has reached {self.bound_bytes / 2**20:g} MiB (journal_mib)"
        if not self._fits:
            return "its disk has no room for what was taken"
        free = self._disk_free_bytes() + self._unused_bytes
        if free < _RESERVE_BYTES * (_MORE if lacks else 1.0):
            return f"its disk has less than {_RESERVE_BYTES >> 20} MiB left"
        return ""

    def _disk_free_bytes(self) -> float:
        try:
            disk = os.statvfs(self._file.parent) if self._file else None
        except OSError:  # the folder was removed; the open file is still there
            disk = None
        return disk.f_bavail * disk.f_frsize if disk else float("inf")

    def _log_bytes(self) -> int:
        try:
            return Path(f"{self._file}-wal").stat().st_size
        except OSError:
            return 0

    def _tell(self, lacking: str) -> None:
        if lacking and not self.lacking:
            text = "the journal is full: %s; nothing more is accepted, experiments keep what they have"
            logger.error(text, lacking)
        elif self.lacking and not lacking:
            logger.warning("the journal has room again")
        self.lacking = lacking

    def _tell_evicting(self, evicted: int) -> None:
        self.evicted += evicted
        if evicted and not self._evicting:
            self._evicting = True
            logger.error("the journal is full: the oldest frames and clouds that wait are dropped to make room")
        elif self._evicting and self.used_bytes < self.bound_bytes * _AGAIN:
            self._evicting = False
            logger.warning("the journal has room for frames and clouds again; %d were dropped", self.evicted)


def _checkpoint(connection: sqlite3.Connection) -> bool:
    """Move all of the write-ahead log into the file; return whether that worked."""
    try:
        ((busy, in_log, in_file),) = connection.execute("PRAGMA wal_checkpoint").fetchall()
    except sqlite3.OperationalError:  # no room for it
        return False
    return not busy and in_log == in_file
