"""This module defines the rows of the journal and the columns of its tables, and converts one to the other. No I/O.

Called by `journal`, `known_senders` and `database`; `feeder` passes the rows on. A column is named once, in its table:
the table and the INSERT are made of the columns, and what was stored is read by their names.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import NamedTuple

import msgspec

from monty_mqtt.wire import schema
from monty_mqtt.wire.vocabulary import BULK_KINDS
from monty_mqtt.wire.zmq_protocol import Hello
from monty_mqtt_bridge.receive.sender import Sender

__all__ = [
    "DROPPED",
    "HELLO",
    "KEPT",
    "MESSAGES",
    "RETAINED",
    "SENDERS",
    "JournalRow",
    "RetainedTopic",
    "retained_topic_of",
    "row_of",
    "sender_of",
]


HELLO, DROPPED = "hello", "dropped"
"""Kinds of rows that are not messages: a life begins; seqs that will never come."""


class JournalRow(msgspec.Struct, gc=False):
    """JournalRow is one event.

    Attributes:
        id: Number of the row; grows by one.
        sender: The worker that the row belongs to.
        kind: Kind of the message, `HELLO` or `DROPPED`.
        payload: JSON of the message.
        buffers: Buffers of the message.
        received_unix_nanos: When it was accepted.
        restored: Whether it came from a program that restores, not from the experiment.
        message: The decoded message; None for a row from disk until it is decoded.
    """

    id: int
    sender: Sender
    kind: str
    payload: bytes
    buffers: Sequence[bytes]
    received_unix_nanos: int
    restored: bool
    message: schema.Message | None = None

    @property
    def bulk(self) -> bool:
        """Whether it may be dropped to make room."""
        return self.kind in BULK_KINDS

    @property
    def packed_buffers(self) -> bytes | None:
        """The buffers as one column holds them; None if there are none."""
        return msgspec.msgpack.encode(self.buffers) if self.buffers else None

    @property
    def size(self) -> int:
        """Bytes of payload and buffers."""
        return len(self.payload) + sum(map(len, self.buffers))


class RetainedTopic(NamedTuple):
    """RetainedTopic is a retained topic as the journal stores it; without payload if only its name matters."""

    topic: str
    run: str
    worker: str
    seq: int
    time_unix_nanos: int
    started_unix_nanos: int
    payload: bytes | None


def row_of(stored: sqlite3.Row, sender: Sender) -> JournalRow:
    """Return the row that the table `messages` has stored of this sender."""
    buffers = stored["buffers"]
    return JournalRow(
        id=stored["id"],
        sender=sender,
        kind=stored["kind"],
        payload=stored["payload"],
        buffers=msgspec.msgpack.decode(buffers, type=list[bytes]) if buffers else (),
        received_unix_nanos=stored["received_unix_nanos"],
        restored=bool(stored["restored"]),
    )


def retained_topic_of(stored: sqlite3.Row) -> RetainedTopic:
    """Return the topic that the table `retained` has stored."""
    return RetainedTopic(**{name: stored[name] for name in RetainedTopic._fields})


def sender_of(stored: sqlite3.Row) -> Sender:
    """Return the sender that the table `senders` has stored."""
    hello = Hello(
        schema_version=schema.SCHEMA_VERSION,
        run=stored["run"],
        worker=stored["said"],
        base=stored["next"],
        bulk_base=stored["bulk_next"],
        started_unix_nanos=stored["started_unix_nanos"],
    )
    sender = Sender(hello)
    sender.id, sender.key, sender.is_named = stored["id"], (stored["run"], stored["worker"]), True
    sender.lost, sender.dropped, sender.too_large = stored["lost"], stored["dropped"], stored["too_large"]
    sender.ended, sender.real = bool(stored["ended"]), bool(stored["real"])
    sender.fed_seq, sender.last_row = stored["fed_seq"], stored["last_row"]
    sender.heard_unix_nanos, sender.proof = stored["heard_unix_nanos"], bytes(stored["proof"])
    sender.first, sender.gap, sender.whole_from = stored["first"], stored["gap"], stored["whole_from"]
    return sender


class JournalColumn(NamedTuple):
    """JournalColumn is one column of a table.

    Attributes:
        name: Its name.
        declared: Its type and constraints, in SQL.
        source: The attribute that its value is taken from, maybe with dots; empty if it has the column's name.
        changes: Whether it is written again for a key that the table has.
    """

    name: str
    declared: str
    source: str = ""
    changes: bool = False


class JournalTable:
    """JournalTable is one table of the journal, made from its columns. The first column is its key.

    Args:
        name: Its name.
        columns: Its columns.

    Attributes:
        create: The statement that makes it.
        put: The statement that writes one row.
        values: Returns the values of one row for `put`, from the object that they are attributes of.
    """

    def __init__(self, name: str, *columns: JournalColumn) -> None:
        declared = ",\n    ".join(f"{column.name} {column.declared}" for column in columns)
        names, marks = ", ".join(column.name for column in columns), ", ".join("?" * len(columns))
        changes = ", ".join(f"{column.name} = excluded.{column.name}" for column in columns if column.changes)
        update = f" ON CONFLICT ({columns[0].name}) DO UPDATE SET {changes}" if changes else ""
        self.create = f"CREATE TABLE {name} (\n    {declared}\n);"
        self.put = f"INSERT INTO {name} ({names}) VALUES ({marks}){update}"  # noqa: S608 - our own names
        self.values: Callable[[object], tuple[object, ...]] = attrgetter(
            *(column.source or column.name for column in columns)
        )


MESSAGES = JournalTable(
    "messages",
    JournalColumn("id", "INTEGER PRIMARY KEY"),
    JournalColumn("sender", "INTEGER NOT NULL", "sender.id"),
    JournalColumn("kind", "TEXT NOT NULL"),
    JournalColumn("bulk", "INTEGER NOT NULL"),
    JournalColumn("restored", "INTEGER NOT NULL"),
    JournalColumn("received_unix_nanos", "INTEGER NOT NULL"),
    JournalColumn("payload", "BLOB NOT NULL"),
    JournalColumn("buffers", "BLOB", "packed_buffers"),
)

SENDERS = JournalTable(
    "senders",
    JournalColumn("id", "INTEGER PRIMARY KEY"),
    JournalColumn("run", "TEXT NOT NULL"),
    JournalColumn("worker", "TEXT NOT NULL", "published"),
    JournalColumn("started_unix_nanos", "INTEGER NOT NULL"),
    JournalColumn("next", "INTEGER NOT NULL", changes=True),
    JournalColumn("bulk_next", "INTEGER NOT NULL", changes=True),
    JournalColumn("lost", "INTEGER NOT NULL", changes=True),
    JournalColumn("dropped", "INTEGER NOT NULL", changes=True),
    JournalColumn("ended", "INTEGER NOT NULL", changes=True),
    JournalColumn("real", "INTEGER NOT NULL", changes=True),
    JournalColumn("fed_seq", "INTEGER NOT NULL", changes=True),
    JournalColumn("last_row", "INTEGER NOT NULL", changes=True),
    JournalColumn("heard_unix_nanos", "INTEGER NOT NULL", changes=True),
    JournalColumn("first", "INTEGER NOT NULL DEFAULT 0", changes=True),
    JournalColumn("gap", "INTEGER", changes=True),
    JournalColumn("proof", "BLOB NOT NULL DEFAULT x''"),
    JournalColumn("whole_from", "INTEGER NOT NULL DEFAULT 0", changes=True),
    JournalColumn("too_large", "INTEGER NOT NULL DEFAULT 0", changes=True),
    JournalColumn("said", "TEXT NOT NULL DEFAULT ''", "own_name"),
)

RETAINED = JournalTable(
    "retained",
    JournalColumn("topic", "TEXT PRIMARY KEY"),
    JournalColumn("run", "TEXT NOT NULL", changes=True),
    JournalColumn("worker", "TEXT NOT NULL", changes=True),
    JournalColumn("seq", "INTEGER NOT NULL", changes=True),
    JournalColumn("time_unix_nanos", "INTEGER NOT NULL", changes=True),
    JournalColumn("started_unix_nanos", "INTEGER NOT NULL", changes=True),
    JournalColumn("payload", "BLOB", changes=True),
)

KEPT = JournalTable(
    "kept", JournalColumn("name", "TEXT PRIMARY KEY"), JournalColumn("value", "BLOB NOT NULL", changes=True)
)
