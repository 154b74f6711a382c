"""How much room the journal has: its own bound, and the disk's.

Place in the flow: `journal` asks before and after each commit. At the bound the oldest frames and clouds give way
first; when there are none left, or the disk is nearly full, nothing more is accepted, and experiments keep what they
have.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import suppress
from pathlib import Path

__all__ = ["Room"]

logger = logging.getLogger(__name__)

_RESERVE_BYTES = 8 << 20
"""Of a disk that others fill too, so much stays free: letting go of rows needs some room itself."""

_MARGIN_BYTES = 1 << 20
"""So much is left when a commit is in log and file: for the removal of rows, and for what it has besides rows."""

_PAGES_PER_BYTE = 1.1
"""What is written takes so much more than it is long, for the parts of its pages that stay empty, and their lists."""

_AGAIN, _MORE = 0.95, 1.25
"""There is room again when so much of the bound is used, or so much of the reserve is free."""

_EVICTED_AT_ONCE = 4
_SPARE_BYTES = 64 << 20
_REWRITTEN_BYTES = 1 << 20
"""So much may be unused; what is used is written anew when it is no more than that, which takes some 10 ms, or when
nothing waits, so nobody notices. To take pages off the end one by one, SQLite searches the list of unused ones for
each: 0.3 ms where 700 MiB are unused."""

_EVICT = """
DELETE FROM messages WHERE id IN
(SELECT id FROM messages INDEXED BY bulk WHERE bulk = 1 AND id > ? ORDER BY id LIMIT ?)
"""


class Room:
    """What is used, and what may be. Lives in one thread.

    Args:
        path: The journal's file; empty for one without a name.
        bound_bytes: What it may use.

    Attributes:
        bound_bytes: What it may use.
        used_bytes: Bytes in use.
        lacking: Why nothing more is to be accepted; empty while there is room.
        evicted: Frames and clouds that gave way.
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
        """Return whether so much can be written, and something more.

        What is written goes to the end of the write-ahead log, and from there into the file. A file that the log does
        not go into for want of room keeps the log from being used again: then not even rows can be let go any more.

        Args:
            connection: The journal.
            size_bytes: How much; nothing fits always.
        """
        written = int(size_bytes * _PAGES_PER_BYTE)
        ample = _RESERVE_BYTES + 2 * written
        self._fits = not written or self._disk_free_bytes() >= ample or self._just_fits(connection, written)
        return self._fits

    def look(self, connection: sqlite3.Connection, fed: int) -> int:
        """See how much room there is, and make some if need be; return how many rows gave way.

        Args:
            connection: The journal.
            fed: Rows up to this one stay.
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
        """Return the file's unused pages to the disk, if they are many; to be called about once a second.

        Args:
            connection: The journal.
            idle: Whether there is no row, so that a second more or less is nothing to anybody.
        """
        if self._unused_bytes < _SPARE_BYTES or not (idle or self.used_bytes <= _REWRITTEN_BYTES):
            return
        with suppress(sqlite3.OperationalError):  # no room for it; in a moment there may be
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _just_fits(self, connection: sqlite3.Connection, written: int) -> bool:
        """Return whether it fits into what the log and the file have already, and into what else the disk has."""
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
        except OSError:  # somebody removed the folder; the open file is still there
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
    """Have all of the write-ahead log in the file; return whether it is."""
    try:
        ((busy, in_log, in_file),) = connection.execute("PRAGMA wal_checkpoint").fetchall()
    except sqlite3.OperationalError:  # no room for it
        return False
    return not busy and in_log == in_file
