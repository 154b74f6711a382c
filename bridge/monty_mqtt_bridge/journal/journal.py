"""This module is the journal: it keeps accepted messages on disk, and the state needed after a restart.

Called by `feeder`, which appends what `acceptance` accepted, and passes rows on. It is a log of events: the HELLO of a
new sender, what a sender dropped, and its messages are rows in the order of their arrival. Everything that changed in
one turn of the loop (rows, positions of senders, retained topics, how far the rows have been passed on) is one
transaction; what is committed is acknowledged. A row stays until the broker has had it for ten seconds.
"""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Callable, Sequence

from monty_mqtt.wire import schema
from monty_mqtt_bridge.journal.database import JournalDatabase
from monty_mqtt_bridge.journal.disk_room import DiskRoom
from monty_mqtt_bridge.journal.known_senders import KnownSenders
from monty_mqtt_bridge.journal.rows import (
    KEPT,
    MESSAGES,
    RETAINED,
    SENDERS,
    JournalRow,
    RetainedTopic,
    retained_topic_of,
    row_of,
)
from monty_mqtt_bridge.receive.sender import Key, Sender

__all__ = ["Journal"]

_READ_ROWS = 256
_READ_BYTES = 4 << 20
_MOST_PENDING_BYTES = 8 << 20
_REMOVED_ROWS = 2000

_FED = "fed"


class Journal:
    """Journal is the journal, from opening to `close`. It lives in one thread.

    Args:
        path: Path of the file; if empty, the journal lives only as long as the process.
        bound_bytes: Largest size of the file.
        clock: Monotonic seconds.
        wall: Returns nanoseconds since 1970-01-01 UTC.

    Raises:
        ConfigError: The file cannot be opened, another bridge has it open, or a newer version wrote it.

    Attributes:
        known_senders: The senders that the file knows.
        senders: Those of them that are in memory.
        fed: Number of the last row that was passed on.
        last: Number of the last row.
        committed: Number of the last row on disk.
        first: Number of the first row; `last + 1` if there is none.
        rows: Number of rows on disk.
        pending: Rows that are not on disk yet.
        room: Measures the room that the journal has.
        renewed: Called when a new file replaces a damaged one: the state in memory must be kept again.
    """

    def __init__(
        self,
        path: str,
        bound_bytes: int = 2 << 30,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], int] = time.time_ns,
    ) -> None:
        self._clock, self._wall = clock, wall
        self._database = JournalDatabase(path, clock, self._begin_anew)
        self.room = DiskRoom(path, bound_bytes)
        self.renewed: Callable[[], None] = lambda: None
        self.known_senders = KnownSenders(self._database, clock)
        self.senders = self.known_senders.senders
        self.fed = int(self.kept(_FED) or 0)
        ((self.rows, first, last),) = self._database.rows("SELECT count(*), min(id), max(id) FROM messages")
        self.last = self.committed = max(last or 0, self.fed)
        self.first = first or self.last + 1
        self.pending: deque[JournalRow] = deque()
        self._pending_bytes = 0
        self._retained: dict[str, RetainedTopic] = {}
        self._kept: dict[str, bytes] = {}
        self._fed_written = self.fed
        self._remove_through = 0

    def append(
        self,
        sender: Sender,
        kind: str,
        payload: bytes = b"",
        buffers: Sequence[bytes] = (),
        message: schema.Message | None = None,
    ) -> JournalRow:
        """Take an event; it is safe after the next `commit`, which comes at once if much is pending."""
        self.last += 1
        row = JournalRow(self.last, sender, kind, payload, buffers, self._wall(), sender.restoring, message)
        sender.last_row, sender.heard_unix_nanos = row.id, row.received_unix_nanos
        self.senders.changed.add(sender)
        self.pending.append(row)
        self._pending_bytes += row.size
        if self._pending_bytes > _MOST_PENDING_BYTES:
            self.commit()
        return row

    def retain(self, kept: RetainedTopic) -> None:
        """Record what is retained on a topic."""
        self._retained[kept.topic] = kept

    def keep(self, name: str, value: bytes) -> None:
        """Keep a value under a name, from the next `commit` on; `kept` returns it."""
        self._kept[name] = value

    def kept(self, name: str) -> bytes:
        """Return the value that was kept under a name; empty if there is none."""
        for stored in self._database.rows("SELECT value FROM kept WHERE name = ?", name):
            return bytes(stored["value"])
        return b""

    def remove(self, through: int) -> None:
        """Remove the rows up to this one, some at each commit."""
        self._remove_through = max(self._remove_through, through)

    @property
    def lacking(self) -> str:
        """Why no more messages are accepted; empty while there is room."""
        return self._database.failure or self.room.lacking

    @property
    def changed(self) -> bool:
        """Whether a commit has something to write."""
        work = self.pending or self.senders.changed or self._retained or self._kept
        return bool(work) or self.fed != self._fed_written or self._has_to_remove

    def commit(self) -> bool:
        """Write what has changed; return whether everything taken so far is on disk."""
        if not self.changed:
            return True
        self._pass_over()
        fits = self._database.attempt(lambda connection: self.room.fits(connection, self._pending_bytes))
        done = self._write_all() if fits else self._make_room()
        self._look()
        return done

    def tidy(self) -> None:
        """Measure the room, and return unused pages to the disk; to be called about once a second."""
        self._look()
        idle = not self.rows and not self.pending
        self._database.attempt(lambda connection: self.room.give_back(connection, idle=idle))

    def read(self, after: int) -> list[JournalRow] | None:
        """Return the next rows on disk behind this one, or None if they cannot be read now.

        The result has a bounded number of bytes, and at least one row if there is one.
        """
        return self._database.attempt(lambda connection: self._read(connection, after))

    def _read(self, connection: sqlite3.Connection, after: int) -> list[JournalRow]:
        rows: list[JournalRow] = []
        size = 0
        query = f"SELECT * FROM messages WHERE id > ? ORDER BY id LIMIT {_READ_ROWS}"  # noqa: S608 - a number
        for stored in connection.execute(query, (after,)):
            sender = self.known_senders.of(stored["sender"])
            if sender is None:  # without a sender, the row's worker is unknown
                continue
            rows.append(row_of(stored, sender))
            size += rows[-1].size
            if size > _READ_BYTES:
                break
        return rows

    def retained_of(self, key: Key) -> list[RetainedTopic]:
        """Return what is retained of the workers of this name."""
        stored = self._database.rows("SELECT * FROM retained WHERE run = ? AND worker = ?", *key)
        return [retained_topic_of(row) for row in stored]

    def age_secs(self, after: int) -> float:
        """Return how many seconds ago the first row behind this one was accepted; 0 if there is none."""
        query = "SELECT received_unix_nanos FROM messages WHERE id > ? ORDER BY id LIMIT 1"
        times = [received for (received,) in self._database.rows(query, after)]
        times = times or [row.received_unix_nanos for row in self.pending]
        return max(0.0, (self._wall() - times[0]) / 1e9) if times and after < self.last else 0.0

    def is_busy(self, run: str) -> bool:
        """Return whether the journal has rows of a run."""
        self.commit()
        query = "SELECT coalesce(max(last_row), 0) FROM senders WHERE run = ?"
        return any(last_row >= self.first for (last_row,) in self._database.rows(query, run))

    def forget(self, run: str) -> bool:
        """Remove all that is known of a run that has no rows any more; return whether that succeeded."""
        if not self.commit():
            return False
        if self._database.write(lambda connection: _delete(connection, run)) is None:
            return False
        self.senders.forget_run(run)
        return True

    def close(self) -> None:
        """Write what can be written, and close. May be called twice."""
        self.commit()
        self._database.close()

    def _look(self) -> None:
        self.rows -= self._database.attempt(lambda connection: self.room.look(connection, self.fed)) or 0

    def _pass_over(self) -> None:
        """Skip pending rows that are to be removed already, because they could not be written for so long."""
        while self.pending and self.pending[0].id <= self._remove_through:
            self._pending_bytes -= self.pending.popleft().size

    def _write_all(self) -> bool:
        removed = self._database.write(self._write)
        if removed is None:
            return False
        for sender in self.senders.changed:
            sender.safe = sender.next
        self.rows += len(self.pending)
        self._let_go(removed)
        self.committed, self._fed_written = self.last, self.fed
        self.pending.clear()
        self._pending_bytes = 0
        self.senders.changed.clear()
        self._retained.clear()
        self._kept.clear()
        return True

    def _make_room(self) -> bool:
        """Remove rows, and write nothing else; return False, because not everything is on disk."""
        removed = self._database.write(self._remove) if self._has_to_remove else None
        if removed is not None:
            self._let_go(removed)
        return False

    def _write(self, connection: sqlite3.Connection) -> int:
        removed = self._remove(connection)
        connection.executemany(MESSAGES.put, map(MESSAGES.values, self.pending))
        begun = (sender for sender in self.senders.changed if sender.is_named)
        connection.executemany(SENDERS.put, map(SENDERS.values, begun))
        connection.executemany(RETAINED.put, map(RETAINED.values, self._retained.values()))
        fed = {} if self.fed == self._fed_written else {_FED: str(self.fed).encode()}
        connection.executemany(KEPT.put, {**self._kept, **fed}.items())
        return removed

    def _remove(self, connection: sqlite3.Connection) -> int:
        if not self._has_to_remove:
            return 0
        return connection.execute("DELETE FROM messages WHERE id <= ?", (self._removed_through,)).rowcount

    @property
    def _has_to_remove(self) -> bool:
        return self.first <= self._remove_through

    @property
    def _removed_through(self) -> int:
        return min(self._remove_through, self.first + _REMOVED_ROWS)

    def _let_go(self, removed: int) -> None:
        self.rows -= removed
        if self._has_to_remove:
            self.first = self._removed_through + 1

    def _begin_anew(self) -> None:
        """Go on in a new file: the state in memory (all positions, the last rows) is written into it."""
        self.rows, self.committed = 0, self.last - len(self.pending)
        self.first = self.committed + 1
        self._fed_written = -1
        self.senders.changed.update(self.senders.by_id.values())
        self.renewed()


def _delete(connection: sqlite3.Connection, run: str) -> bool:
    for table in ("senders", "retained"):
        connection.execute(f"DELETE FROM {table} WHERE run = ?", (run,))  # noqa: S608 - two constant names
    return True
