"""This module opens the journal's file, checks it, and moves it aside if it is damaged.

Called by `journal_store`. SQLite runs in WAL mode: what a killed bridge was writing is cut off at the next start.
`synchronous=OFF`, because the journal must survive the end of the process, not of the power, and the page cache does.
`locking_mode=EXCLUSIVE`, because two bridges with one file would each take the other's messages for its own.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from pathlib import Path

from monty_mqtt.errors import ConfigError

__all__ = ["is_damage", "move_aside", "open_file"]

logger = logging.getLogger(__name__)

_VERSION = 4
_LOCK_WAIT_SECS = 2.0
"""A bridge that is just ending may still hold the file."""

_WAL_BYTES = 8 << 20
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PARTS = ("", "-wal", "-journal")

_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = OFF",
    f"journal_size_limit = {_WAL_BYTES}",
    "secure_delete = OFF",  # Debian's default writes zeros over every page that becomes unused
)

_TABLES = """
BEGIN;
CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    sender INTEGER NOT NULL,
    kind TEXT NOT NULL,
    bulk INTEGER NOT NULL,
    restored INTEGER NOT NULL,
    received_unix_nanos INTEGER NOT NULL,
    payload BLOB NOT NULL,
    buffers BLOB
);
CREATE INDEX bulk ON messages (bulk) WHERE bulk = 1;
CREATE TABLE senders (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL,
    worker TEXT NOT NULL,
    started_unix_nanos INTEGER NOT NULL,
    next INTEGER NOT NULL,
    bulk_next INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    dropped INTEGER NOT NULL,
    ended INTEGER NOT NULL,
    real INTEGER NOT NULL,
    fed_seq INTEGER NOT NULL,
    last_row INTEGER NOT NULL,
    heard_unix_nanos INTEGER NOT NULL,
    first INTEGER NOT NULL DEFAULT 0,
    gap INTEGER,
    proof BLOB NOT NULL DEFAULT x'',
    whole_from INTEGER NOT NULL DEFAULT 0,
    too_large INTEGER NOT NULL DEFAULT 0,
    said TEXT NOT NULL DEFAULT ''
);
CREATE INDEX sender_names ON senders (run, worker);
CREATE INDEX sender_said ON senders (run, said);
CREATE TABLE retained (
    topic TEXT PRIMARY KEY,
    run TEXT NOT NULL,
    worker TEXT NOT NULL,
    seq INTEGER NOT NULL,
    time_unix_nanos INTEGER NOT NULL,
    started_unix_nanos INTEGER NOT NULL,
    payload BLOB
);
CREATE INDEX retained_names ON retained (run, worker);
CREATE TABLE kept (name TEXT PRIMARY KEY, value BLOB NOT NULL);
PRAGMA user_version = 4;
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


def open_file(path: str) -> sqlite3.Connection:
    """Return the open journal, with its tables; a damaged file is moved aside, and a new one is begun.

    Args:
        path: Path of the file; if empty, the file is temporary.

    Raises:
        ConfigError: The file cannot be opened, another bridge has it open, or a newer version wrote it.
    """
    try:
        return _open(path)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise _why_not(path, error) from None
        move_aside(path, error)
    try:
        return _open(path)
    except sqlite3.DatabaseError as error:
        raise _why_not(path, error) from None


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether SQLite reports a damaged file, and not only that it cannot be written now."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE


def move_aside(path: str, error: sqlite3.Error) -> None:
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
