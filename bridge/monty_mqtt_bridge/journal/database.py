"""This module is the journal's file: it opens and checks it, runs transactions on it, and handles its errors.

Called by `journal`. If the file cannot be written now, it tries again each second; a damaged file is moved aside, and a
new one is begun.

SQLite runs in WAL mode: what a killed bridge was writing is cut off at the next start.
`synchronous=OFF`, because the journal must survive the end of the process, not of the power, and the page cache does.
`locking_mode=EXCLUSIVE`, because two bridges with one file would each take the other's messages for its own.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from monty_mqtt.errors import ConfigError
from monty_mqtt_bridge.journal.rows import KEPT, MESSAGES, RETAINED, SENDERS

__all__ = ["JournalDatabase"]

logger = logging.getLogger(__name__)

_VERSION = 4
_LOCK_WAIT_SECS = 2.0
"""A bridge that is just ending may still hold the file."""

_WAL_BYTES = 8 << 20
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PARTS = ("", "-wal", "-journal")
_RETRY_SECS = 1.0

_Result = TypeVar("_Result")

_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = OFF",
    f"journal_size_limit = {_WAL_BYTES}",
    "secure_delete = OFF",  # Debian's default writes zeros over every page that becomes unused
)

_TABLES = f"""
BEGIN;
{MESSAGES.create}
CREATE INDEX bulk ON messages (bulk) WHERE bulk = 1;
{SENDERS.create}
CREATE INDEX sender_names ON senders (run, worker);
CREATE INDEX sender_said ON senders (run, said);
{RETAINED.create}
CREATE INDEX retained_names ON retained (run, worker);
{KEPT.create}
PRAGMA user_version = {_VERSION};
COMMIT;
"""

_FROM_VERSION = {
    1: """
BEGIN;
ALTER TABLE senders ADD COLUMN first INTEGER NOT NULL DEFAULT 0;
ALTER TABLE senders ADD COLUMN gap INTEGER;
PRAGMA user_version = 2;
COMMIT;
""",
    2: """
BEGIN;
ALTER TABLE senders ADD COLUMN proof BLOB NOT NULL DEFAULT x'';
ALTER TABLE senders ADD COLUMN whole_from INTEGER NOT NULL DEFAULT 0;
ALTER TABLE senders ADD COLUMN too_large INTEGER NOT NULL DEFAULT 0;
PRAGMA user_version = 3;
COMMIT;
""",
    3: """
BEGIN;
ALTER TABLE senders ADD COLUMN said TEXT NOT NULL DEFAULT '';
UPDATE senders SET said = worker;
CREATE INDEX sender_said ON senders (run, said);
PRAGMA user_version = 4;
COMMIT;
""",
}


class JournalDatabase:
    """JournalDatabase is the open file, until `close`. It lives in one thread.

    Args:
        path: Path of the file; if empty, the file is temporary.
        clock: Monotonic seconds.
        renewed: Called after a new file was begun.

    Raises:
        ConfigError: The file cannot be opened, another bridge has it open, or a newer version wrote it.

    Attributes:
        failure: Why the file cannot be written now; empty if it can.
    """

    def __init__(self, path: str, clock: Callable[[], float], renewed: Callable[[], None]) -> None:
        self._path, self._clock, self._renewed = path, clock, renewed
        self._connection = _open_file(path)
        self._retry_at = 0.0
        self._closed = False
        self.failure = ""

    def write(self, work: Callable[[sqlite3.Connection], _Result]) -> _Result | None:
        """Run `work` in one transaction; return its result, or None if it failed."""
        if self._closed or (self.failure and self._clock() < self._retry_at):
            return None
        result = self.attempt(lambda connection: _in_transaction(connection, work))
        if result is not None and self.failure:
            self.failure = ""
            logger.warning("the journal can be written again")
        return result

    def attempt(self, work: Callable[[sqlite3.Connection], _Result]) -> _Result | None:
        """Run `work`; return its result, or None after an error of SQLite."""
        try:
            return work(self._connection)
        except sqlite3.Error as error:
            self._failed(error)
            return None

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        """Return the rows that a query finds; an empty list if the file cannot be read."""
        return self.attempt(lambda connection: connection.execute(query, values).fetchall()) or []

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._closed = True
        self._connection.close()

    def _failed(self, error: sqlite3.Error) -> None:
        if _is_damage(error):
            self._connection.close()
            _move_aside(self._path, error)
            self._connection = _open_file(self._path)
            self._renewed()
            return
        self._retry_at = self._clock() + _RETRY_SECS
        if not self.failure:
            self.failure = str(error)
            text = "the journal %s cannot be written (%s): nothing more is accepted until it can; trying each second"
            logger.error(text, self._path, error)


def _in_transaction(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], _Result]) -> _Result:
    connection.execute("BEGIN")
    try:
        result = work(connection)
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


def _open_file(path: str) -> sqlite3.Connection:
    """Return the open journal, with its tables; a damaged file is moved aside, and a new one is begun.

    Args:
        path: Path of the file; if empty, the file is temporary.

    Raises:
        ConfigError: The file cannot be opened, another bridge has it open, or a newer version wrote it.
    """
    try:
        return _open(path)
    except sqlite3.DatabaseError as error:
        if not _is_damage(error):
            raise _why_not(path, error) from None
        _move_aside(path, error)
    try:
        return _open(path)
    except sqlite3.DatabaseError as error:
        raise _why_not(path, error) from None


def _is_damage(error: sqlite3.Error) -> bool:
    """Return whether SQLite reports a damaged file, and not only that it cannot be written now."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE


def _move_aside(path: str, error: sqlite3.Error) -> None:
    """Rename the file, and log it; messages in it that had not been published are lost."""
    aside = f"{path}.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    for part in _PARTS:
        if Path(path + part).exists():
            Path(path + part).rename(aside + part)
    text = "the journal %s is damaged (%s): what only it held is lost; moved to %s, a new one begun"
    logger.error(text, path, error, aside)


def _open(path: str) -> sqlite3.Connection:
    if path:
        _make(Path(path))
    connection = sqlite3.connect(path, timeout=_LOCK_WAIT_SECS, isolation_level=None)
    connection.row_factory = sqlite3.Row
    try:
        version = _version(connection, path)
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        if not version:
            connection.executescript(_TABLES)
        for older in range(version or _VERSION, _VERSION):
            connection.executescript(_FROM_VERSION[older])
        _check(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _version(connection: sqlite3.Connection, path: str) -> int:
    """Return the version of the file's tables, 0 if it has none yet.

    This writes nothing, so that a full disk does not keep the bridge from its journal.
    """
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # first, so that no memory is shared: that needs room, too
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > _VERSION:
        raise ConfigError("journal", path, f"a file of version {_VERSION}; a newer bridge wrote {version}")
    return version


def _check(connection: sqlite3.Connection) -> None:
    connection.executescript("BEGIN EXCLUSIVE; COMMIT")
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise _damaged(verdict)


def _make(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Not opened if it exists: closing it would end a lock that this process has on it.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise ConfigError("journal", str(path), f"a file that can be written ({error.strerror})") from None


def _damaged(verdict: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(" ".join(verdict.split()))
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _why_not(path: str, error: sqlite3.Error) -> ConfigError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return ConfigError("journal", path, "a file of this bridge alone; another one has it open")
    return ConfigError("journal", path, f"a file that can be written ({error})")
