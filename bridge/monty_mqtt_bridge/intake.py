"""In order, once, and nothing that is not a message: the rules of the ZMQ hop. No socket, no clock of its own.

Place in the flow: `receiver` gives it what came on a worker's connection. What it accepts goes to a `Sink`; what it has
to say goes through `say`; what is to be acknowledged it keeps in mind.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from monty_mqtt import protocol, schema
from monty_mqtt.errors import DecodeError
from monty_mqtt_bridge import buffers
from monty_mqtt_bridge.complaints import Complaints
from monty_mqtt_bridge.counts import Counts
from monty_mqtt_bridge.workers import Key, Receipt, Worker, label

__all__ = ["GREATEST_SEQ", "SYNC_EVERY_SECS", "Intake", "Sink"]

logger = logging.getLogger(__name__)

GREATEST_SEQ = 2**62
"""Far beyond any run, and what is counted from it still fits InfluxDB's 64 bits."""

SYNC_EVERY_SECS = 0.1
"""One worker is asked at most so often to send again."""


_WITH_BUFFERS = frozenset({"frame", "hypotheses", "object_model"})


class Sink(Protocol):
    """Where accepted messages go."""

    def accepted(
        self, worker: Worker, message: schema.Message, payload: bytes, raw: Sequence[bytes], receipt: Receipt | None
    ) -> None:
        """Take a message; `receipt` is None for bulk."""

    def joined(self, worker: Worker) -> None:
        """Note that a worker said hello."""

    def left(self, worker: Worker) -> None:
        """Note that a worker's connection is gone."""


class _Envelope(msgspec.Struct):
    run: str
    worker: str
    seq: int


_envelopes = msgspec.json.Decoder(_Envelope)


class Intake:
    """What was accepted of each worker.

    Args:
        sink: Where accepted messages go.
        counts: Where to count.
        complaints: Where to say what is dropped.
        clock: Monotonic seconds.
        say: Sends an answer to a worker.

    Attributes:
        workers: All that ever said hello.
        full: Whether messages are refused for want of room; probes are answered all the same.
    """

    def __init__(
        self,
        sink: Sink,
        counts: Counts,
        complaints: Complaints,
        clock: Callable[[], float],
        say: Callable[[Worker, protocol.Down], object],
    ) -> None:
        self._sink, self._counts, self._complaints, self._clock, self._say = sink, counts, complaints, clock, say
        self.workers: dict[Key, Worker] = {}
        self.full = False
        self._dirty: set[Worker] = set()

    @property
    def ack_due(self) -> bool:
        """Whether somebody may have to be told something."""
        return bool(self._dirty)

    def identify(self, hello: protocol.Hello) -> Worker:
        """Return the worker that says hello: a known one, or a new one of this name."""
        key = (hello.run, hello.worker)
        worker = self.workers.get(key)
        if worker is None or not worker.is_again(hello):
            self.workers[key] = worker = Worker(hello)
        elif hello.base > worker.next:
            missing = hello.base - worker.next
            logger.error("%s: %d messages are lost, from seq %d on", label(*key), missing, worker.next)
            worker.lost += missing
            self._counts.lost += missing
            worker.next = hello.base
        return worker

    def control(self, worker: Worker, said: protocol.Up) -> None:
        """Take a probe or a tombstone.

        Raises:
            DecodeError: It is of another worker.
        """
        if (said.run, said.worker) != worker.key:
            raise DecodeError(f"{label(said.run, said.worker)} on a connection of {label(*worker.key)}")
        if isinstance(said, protocol.Dropped):
            self._tombstone(worker, said)
        elif isinstance(said, protocol.Probe) and said.next > worker.next and not self.full:
            self._sync(worker)
        else:
            self._repeat_ack(worker)

    def message(self, worker: Worker, kind: str, payload: bytes, raw: Sequence[bytes]) -> None:
        """Take a message if it is next.

        Raises:
            DecodeError: It is no message of this kind, or of another worker.
        """
        try:
            message = _decode(kind, payload, raw)
        except DecodeError as error:
            skipped = "; it was next, so it is lost" if self._skip(worker, kind, payload) else ""
            raise DecodeError(f"{label(*worker.key)}, {kind}: {error}{skipped}") from None
        if (message.run, message.worker) != worker.key:
            raise DecodeError(f"{label(message.run, message.worker)} on a connection of {label(*worker.key)}")
        if kind in schema.BULK_KINDS:
            self._bulk(worker, message, payload, raw)
        elif self._is_next(worker, message.seq):
            self._counts.accepted += 1
            worker.ended = kind == "end"
            self._sink.accepted(worker, message, payload, raw, worker.accept())
            self._dirty.add(worker)

    def settle(self, receipt: Receipt) -> None:
        """Note that the broker has one of the MQTT messages that a message became."""
        receipt.open -= 1
        if not receipt.open:
            self._dirty.add(receipt.worker)

    def acknowledge(self) -> None:
        """Tell each worker what is safe, where that changed or it asked."""
        dirty, self._dirty = self._dirty, set()
        for worker in dirty:
            safe = worker.safe()
            if worker.repeat_ack or safe != worker.acked or worker.bulk_next != worker.bulk_acked:
                worker.repeat_ack = False
                worker.acked, worker.bulk_acked = safe, worker.bulk_next
                self._say(worker, protocol.Ack(next=safe, bulk_next=worker.bulk_next))

    def resume(self) -> None:
        """There is room again: ask for what was refused."""
        self.full = False
        for worker in self.workers.values():
            if worker.refused:
                worker.refused = False
                self._sync(worker)

    def forget(self, key: Key) -> None:
        """Drop what is known of a worker that is over; if it comes back all the same, its hello says where it is."""
        worker = self.workers.get(key)
        if worker is not None and worker.route is None and not worker.receipts:
            del self.workers[key]

    def _is_next(self, worker: Worker, seq: int) -> bool:
        if seq < worker.next:
            self._counts.duplicates += 1
            self._repeat_ack(worker)
        elif self.full:
            worker.refused = True
            self._counts.deferred += 1
        elif seq > worker.next:
            self._sync(worker)
        else:
            return True
        return False

    def _bulk(self, worker: Worker, message: schema.Message, payload: bytes, raw: Sequence[bytes]) -> None:
        missing = message.seq - worker.bulk_next
        if missing < 0:
            self._counts.duplicates += 1
            return
        self._counts.bulk_lost += missing
        worker.bulk_next = message.seq + 1
        self._dirty.add(worker)
        if self.full:
            self._counts.unsent += 1
        else:
            self._sink.accepted(worker, message, payload, raw, None)

    def _tombstone(self, worker: Worker, dropped: protocol.Dropped) -> None:
        if dropped.last > GREATEST_SEQ:
            raise DecodeError(f"dropped: last is greater than {GREATEST_SEQ}")
        if dropped.first > worker.next:
            self._sync(worker)
        elif dropped.last < worker.next:
            self._repeat_ack(worker)
        else:
            count = dropped.last + 1 - worker.next
            worker.next += count
            worker.dropped += count
            self._counts.dropped += count
            self._complaints.error("dropped", "%s dropped %d messages: its memory was full", label(*worker.key), count)
            self._dirty.add(worker)

    def _skip(self, worker: Worker, kind: str, payload: bytes) -> bool:
        """Go on behind a message that is no good but next in order: it would be no better the second time."""
        try:
            envelope = _envelopes.decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return False
        is_next = (envelope.run, envelope.worker, envelope.seq) == (*worker.key, worker.next)
        if not is_next or kind in schema.BULK_KINDS or self.full:
            return False
        worker.lost += 1
        self._counts.lost += 1
        worker.next += 1
        self._dirty.add(worker)
        return True

    def _repeat_ack(self, worker: Worker) -> None:
        worker.repeat_ack = True
        self._dirty.add(worker)

    def _sync(self, worker: Worker) -> None:
        now = self._clock()
        if now >= worker.sync_after:
            worker.sync_after = now + SYNC_EVERY_SECS
            self._counts.gaps += 1
            self._say(worker, protocol.Sync(next=worker.next))


def _decode(kind: str, payload: bytes, raw: Sequence[bytes]) -> schema.Message:
    message: schema.Message = schema.decode(payload)
    if message.__struct_config__.tag != kind:
        raise DecodeError(f"{kind} in the head, {message.__struct_config__.tag} in the body")
    if message.seq < 0:
        raise DecodeError(f"seq {message.seq} is negative")
    if raw or kind in _WITH_BUFFERS:
        buffers.check(message, raw)
    return message
