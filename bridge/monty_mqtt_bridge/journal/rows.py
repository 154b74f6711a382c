"""This module defines the rows of the journal, and converts them to and from rows of its tables. No I/O.

Called by `journal` and `known_senders`; `feeder` passes the rows on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from monty_mqtt.wire import schema
from monty_mqtt.wire.vocabulary import BULK_KINDS
from monty_mqtt.wire.zmq_protocol import Hello
from monty_mqtt_bridge.receive.senders import Sender

__all__ = ["DROPPED", "HELLO", "JournalRow", "RetainedTopic", "buffers_of", "row_values", "sender_of", "sender_values"]


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


def row_values(row: JournalRow) -> tuple[object, ...]:
    """Return a row of the table `messages`."""
    buffers = msgspec.msgpack.encode(row.buffers) if row.buffers else None
    return (
        *(row.id, row.sender.id, row.kind, row.bulk, row.restored),
        *(row.received_unix_nanos, row.payload, buffers),
    )


def buffers_of(stored: bytes | None) -> Sequence[bytes]:
    """Return the buffers of a stored row."""
    return msgspec.msgpack.decode(stored, type=list[bytes]) if stored else ()


def sender_values(sender: Sender) -> tuple[object, ...]:
    """Return a row of the table `senders`."""
    return (
        *(sender.id, *sender.key, sender.started_unix_nanos, sender.next, sender.bulk_next),
        *(sender.lost, sender.dropped, sender.ended, sender.real),
        *(sender.fed_seq, sender.last_row, sender.heard_unix_nanos, sender.first, sender.gap),
        *(sender.proof, sender.whole_from, sender.too_large, sender.said[1]),
    )


def sender_of(found: Sequence[Any]) -> Sender:
    """Return the worker of a row of the table `senders`."""
    number, run, published, started, position, bulk_next = found[:6]
    hello = Hello(
        schema_version=schema.SCHEMA_VERSION,
        run=run,
        worker=found[18],
        base=position,
        bulk_base=bulk_next,
        started_unix_nanos=started,
    )
    sender = Sender(hello)
    sender.id = number
    sender.key, sender.is_named = (run, published), True
    sender.lost, sender.dropped, sender.ended, sender.real = found[6], found[7], bool(found[8]), bool(found[9])
    sender.fed_seq, sender.last_row, sender.heard_unix_nanos, sender.first, sender.gap = found[10:15]
    sender.proof, sender.whole_from, sender.too_large = bytes(found[15]), found[16], found[17]
    return sender
