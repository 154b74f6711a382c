"""The rows of the journal, and how they stand in its tables. No I/O.

Place in the flow: `journal` writes and reads them; `feeder` passes them on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from monty_mqtt.wire import schema
from monty_mqtt.wire.zmq_protocol import Hello
from monty_mqtt_bridge.receive.senders import Worker

__all__ = ["DROPPED", "HELLO", "Kept", "Row", "buffers_of", "row_values", "sender_values", "worker_of"]


HELLO, DROPPED = "hello", "dropped"
"""Rows that are no message: a life begins; seqs that will never come."""


class Row(msgspec.Struct, gc=False):
    """One event.

    Attributes:
        id: Its number; grows by one.
        worker: Whose it is.
        kind: Kind of the message, `HELLO` or `DROPPED`.
        payload: Its JSON.
        buffers: Its buffers.
        received_unix_nanos: When it was accepted.
        restored: It came from somebody who restores, not from the experiment.
        message: It decoded, where it has not been on disk.
    """

    id: int
    worker: Worker
    kind: str
    payload: bytes
    buffers: Sequence[bytes]
    received_unix_nanos: int
    restored: bool
    message: schema.Message | None = None

    @property
    def bulk(self) -> bool:
        """Whether it may be dropped for want of room."""
        return self.kind in schema.BULK_KINDS

    @property
    def size(self) -> int:
        """Bytes of what it carries."""
        return len(self.payload) + sum(map(len, self.buffers))


class Kept(NamedTuple):
    """A retained topic as the journal has it; without payload where only its name matters."""

    topic: str
    run: str
    worker: str
    seq: int
    time_unix_nanos: int
    started_unix_nanos: int
    payload: bytes | None


def row_values(row: Row) -> tuple[object, ...]:
    """Return a row of `messages`."""
    buffers = msgspec.msgpack.encode(row.buffers) if row.buffers else None
    return (
        *(row.id, row.worker.id, row.kind, row.bulk, row.restored),
        *(row.received_unix_nanos, row.payload, buffers),
    )


def buffers_of(stored: bytes | None) -> Sequence[bytes]:
    """Return the buffers of a row as they were."""
    return msgspec.msgpack.decode(stored, type=list[bytes]) if stored else ()


def sender_values(worker: Worker) -> tuple[object, ...]:
    """Return a row of `senders`."""
    return (
        *(worker.id, *worker.key, worker.started_unix_nanos, worker.next, worker.bulk_next),
        *(worker.lost, worker.dropped, worker.ended, worker.real),
        *(worker.fed_seq, worker.last_row, worker.heard_unix_nanos, worker.first, worker.gap),
        *(worker.proof, worker.whole_from, worker.too_large, worker.said[1]),
    )


def worker_of(found: Sequence[Any]) -> Worker:
    """Return the worker of a row of `senders`."""
    number, run, published, started, position, bulk_next = found[:6]
    hello = Hello(
        schema_version=schema.SCHEMA_VERSION,
        run=run,
        worker=found[18],
        base=position,
        bulk_base=bulk_next,
        started_unix_nanos=started,
    )
    worker = Worker(hello)
    worker.id = number
    worker.key, worker.is_named = (run, published), True
    worker.lost, worker.dropped, worker.ended, worker.real = found[6], found[7], bool(found[8]), bool(found[9])
    worker.fed_seq, worker.last_row, worker.heard_unix_nanos, worker.first, worker.gap = found[10:15]
    worker.proof, worker.whole_from, worker.too_large = bytes(found[15]), found[16], found[17]
    return worker
