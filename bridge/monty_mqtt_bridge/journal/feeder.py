"""This module feeds accepted messages to the pipeline, in order, as fast as the broker takes them.

Called by `acceptance` as its sink; hands to `pipeline`. Each accepted message becomes a row of the journal. While the
publisher keeps up, the row is passed on at once, from memory; if it does not, or the broker is away, rows are read back
from the journal later: the journal is the queue.

A row leaves the journal ten seconds after the broker has acknowledged everything up to it. A broker that was killed may
have forgotten the last second of what it acknowledged, so after every reconnect all rows that are still in the journal
are published again; they were evaluated before, so no status is derived from them a second time. A broker that lost
its data also lost its subscribers, which reconnect later: for these the rows are published again ten seconds later.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema, zmq_protocol
from monty_mqtt.wire.vocabulary import BULK_KINDS
from monty_mqtt_bridge.counters import BridgeCounters
from monty_mqtt_bridge.journal.journal import Journal
from monty_mqtt_bridge.journal.rows import DROPPED, HELLO, JournalRow
from monty_mqtt_bridge.rate_limited_log import RateLimitedLog
from monty_mqtt_bridge.receive import raw_buffers
from monty_mqtt_bridge.receive.sender import Sender, label

__all__ = ["Feeder", "HasRoom", "Outflow", "RowReceipt", "RowTarget"]

logger = logging.getLogger(__name__)

_KEPT_SECS = 10.0
"""Seconds that a row stays after the broker has acknowledged it: ten times the broker's own autosave."""

_MARK_SECS = 0.5
_MOST_ROWS = 4000
_MOST_BYTES = 16 << 20
"""Most rows and bytes that wait in memory; further rows are read back from the journal."""

_SHORT_LINE = 30
"""Number of rows that may wait while the broker keeps up: it takes them within 20 ms."""

_STUCK_SECS = 0.25
"""A broker that takes nothing for so long is treated as away."""

_encoder = msgspec.json.Encoder()
_dropped = msgspec.json.Decoder(zmq_protocol.Dropped)


class RowReceipt:
    """RowReceipt is one row, and the number of its MQTT messages that the broker has not acknowledged.

    Attributes:
        row: Number of the row.
        open: Number of its MQTT messages that are not yet acknowledged.
    """

    __slots__ = ("open", "row")

    def __init__(self, row: int) -> None:
        self.row = row
        self.open = 0


class RowTarget(Protocol):
    """RowTarget takes the rows: the pipeline."""

    def feed(self, row: JournalRow, receipt: RowReceipt, *, again: bool) -> None:
        """Publish a row; `again`: it was published before, and no status is derived from it."""

    def joined(self, sender: Sender, *, begins: bool) -> Sequence[schema.Command]:
        """Return the commands that hold for a worker that sent a HELLO; `begins`: a row of its life will follow."""

    def left(self, sender: Sender) -> None:
        """Note that a worker's connection is gone."""


class HasRoom(Protocol):
    """HasRoom takes messages at a bounded rate: the image encoder."""

    def has_room(self) -> bool:
        """Return whether it keeps up."""


class Outflow(HasRoom, Protocol):
    """Outflow is the way to the broker: the publisher."""

    @property
    def online(self) -> bool:
        """Whether the broker is connected."""


class Feeder:
    """Feeder passes accepted messages on, and keeps those that wait. It lives in one thread.

    Args:
        journal: Stores the messages.
        target: Takes the rows.
        outflow: Rows are passed on while this has room.
        encoder: Frames and clouds are passed on from the journal while this has room.
        counts: The bridge's counters.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        journal: Journal,
        target: RowTarget,
        outflow: Outflow,
        encoder: HasRoom,
        counts: BridgeCounters,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._journal, self._target, self._counts = journal, target, counts
        self._outflow, self._encoder = outflow, encoder
        self._log = RateLimitedLog(logger, clock)
        self._clock = clock
        self._fed, self._fed_at = 0, clock()
        self._tail: deque[JournalRow] = deque()
        self._tail_bytes = 0
        self._cursor = 0
        self._behind = False
        self._open: deque[RowReceipt] = deque()
        self._marks: deque[tuple[float, int]] = deque()
        self._marked = 0
        self._mark_at = 0.0
        self._again_at = float("inf")
        self.rewind()

    @property
    def waiting(self) -> int:
        """Number of rows that wait to be passed on."""
        return self._journal.last - self._cursor

    def accepted(
        self, sender: Sender, kind: str, message: schema.Message, payload: bytes, raw: Sequence[bytes]
    ) -> None:
        """Take an accepted message. Bulk skips the journal while the broker is connected.

        The frames of a sender that sends many, which replace each other, must not delay the messages of other senders.
        """
        if kind in BULK_KINDS and self._outflow.online:
            row = JournalRow(0, sender, kind, payload, raw, 0, sender.restoring, message)
            self._target.feed(row, RowReceipt(0), again=True)
        else:
            self._queue(self._journal.append(sender, kind, payload, raw, message))

    def dropped(self, sender: Sender, dropped: zmq_protocol.Dropped) -> None:
        """Take a tombstone."""
        self._queue(self._journal.append(sender, DROPPED, _encoder.encode(dropped)))

    def joined(self, sender: Sender, *, begins: bool) -> Sequence[schema.Command]:
        """Take a HELLO; return the commands that hold for its worker."""
        return self._target.joined(sender, begins=begins)

    def began(self, sender: Sender) -> None:
        """Record that a worker's life begins."""
        self._queue(self._journal.append(sender, HELLO))

    def left(self, sender: Sender) -> None:
        """Pass on that a connection is gone."""
        self._target.left(sender)

    def allowance(self, most: int) -> int:
        """Return how many messages may be received now, at most `most`.

        While the broker takes fewer messages than arrive, the surplus stays with the senders: so the next message of
        each sender is received in turn, whereas here all would wait in one queue. If the broker takes nothing, or is
        away, all messages are received, for the journal.
        """
        fed, self._fed = self._fed, 0
        now, online = self._clock(), self._outflow.online
        if fed or not online:
            self._fed_at = now
        if self.waiting <= _SHORT_LINE or now - self._fed_at > _STUCK_SECS or not online:
            return most
        return min(most, (fed + 1) // 2)

    def feed(self) -> None:
        """Pass on the waiting rows, as far as there is room."""
        while self.waiting and self._outflow.has_room():
            if not self._tail and not self._read():
                return
            row = self._tail[0]
            if row.bulk and not self._encoder.has_room():
                return
            self._tail.popleft()
            self._tail_bytes -= row.size
            self._pass_on(row)

    def health(self) -> dict[str, float]:
        """Return how many rows wait, for how long, and whether the journal has room for more."""
        journal = self._journal
        return {
            "journal_rows": journal.rows + len(journal.pending),
            "journal_waiting": self.waiting,
            "journal_bytes": journal.room.used_bytes,
            "journal_bound_bytes": journal.room.bound_bytes,
            "journal_oldest_secs": round(journal.age_secs(self.safe_row()), 3),
            "journal_full": int(bool(journal.lacking)),
            "journal_evicted": journal.room.evicted,
        }

    def rewind(self) -> None:
        """Begin again with the first row of the journal."""
        self._tail.clear()
        self._open.clear()
        self._marks.clear()
        self._marked = self._journal.first - 1
        self._cursor = self._journal.first - 1
        self._behind = True

    def rewind_again(self, now: float) -> None:
        """Begin again once more in ten seconds, if there is a row, for subscribers that reconnect until then."""
        if self._journal.rows:
            self._again_at = now + _KEPT_SECS

    def tend(self, now: float) -> None:
        """Remove rows that the broker has had for long enough; to be called often."""
        if now < self._mark_at:
            return
        self._mark_at = now + _MARK_SECS
        if now >= self._again_at:
            self._again_at = float("inf")
            self.rewind()
        safe = self.safe_row()
        if safe > self._marked:
            self._marked = safe
            self._marks.append((now, safe))
        while self._marks and now - self._marks[0][0] >= _KEPT_SECS:
            self._journal.remove(self._marks.popleft()[1])

    def safe_row(self) -> int:
        """Return the row up to which the broker has acknowledged everything."""
        while self._open and self._open[0].open <= 0:
            self._open.popleft()
        return self._open[0].row - 1 if self._open else self._cursor

    def _queue(self, row: JournalRow) -> None:
        if not self._behind:
            self._tail.append(row)
            self._tail_bytes += row.size
            if len(self._tail) > _MOST_ROWS or self._tail_bytes > _MOST_BYTES:
                self._tail.clear()
                self._behind = True
        self.feed()

    def _read(self) -> bool:
        """Load the next rows into memory; return whether there are any."""
        journal = self._journal
        rows = journal.read(self._cursor) if self._cursor < journal.committed else []
        if rows is None:
            return False
        if not rows:
            rows = [row for row in journal.pending if row.id > self._cursor]
            self._behind = False
        if not rows:  # the rows were dropped to make room for newer ones
            self._cursor = journal.last
        self._tail.extend(rows)
        self._tail_bytes = sum(row.size for row in rows)
        return bool(rows)

    def _pass_on(self, row: JournalRow) -> None:
        again = row.id <= self._journal.fed
        receipt = RowReceipt(row.id)
        self._journal.fed = max(row.id, self._journal.fed)
        try:
            _complete(row)
        except DecodeError as error:  # the file differs from what was written into it
            self._counts.refused += 1
            self._log.error("row", "%s: a row of the journal is no message: %s", label(*row.sender.key), error)
        else:
            if not again:
                self._note(row)
            self._target.feed(row, receipt, again=again)
        self._cursor = row.id
        self._fed += 1
        self._open.append(receipt)

    def _note(self, row: JournalRow) -> None:
        """Record how far the messages of a worker have been passed on."""
        if row.kind == DROPPED:
            row.sender.fed_seq = _dropped.decode(row.payload).last
        elif row.message is not None and not row.bulk:
            row.sender.fed_seq = row.message.seq
        self._journal.senders.changed.add(row.sender)


def _complete(row: JournalRow) -> None:
    """Decode the message of a row that was read from disk."""
    if row.message is None and row.kind not in (HELLO, DROPPED):
        row.message = schema.decode(row.payload)
        raw_buffers.check(row.message, row.buffers)
