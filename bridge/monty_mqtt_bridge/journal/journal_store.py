"""This module runs transactions on the journal's file, and handles its errors.

Called by `journal`. If the file cannot be written now, it tries again each second; a file that turns out to be damaged
is moved aside, and a new one is begun.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

from monty_mqtt_bridge.journal import database

__all__ = ["JournalDatabase"]

logger = logging.getLogger(__name__)

_RETRY_SECS = 1.0

_Result = TypeVar("_Result")


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
        self._connection = database.open_file(path)
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

    def rows(self, query: str, *values: object) -> list[Any]:
        """Return the rows that a query finds; an empty list if the file cannot be read."""
        return self.attempt(lambda connection: connection.execute(query, values).fetchall()) or []

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._closed = True
        self._connection.close()

    def _failed(self, error: sqlite3.Error) -> None:
        if database.is_damage(error):
            self._connection.close()
            database.move_aside(self._path, error)
            self._connection = database.open_file(self._path)
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
