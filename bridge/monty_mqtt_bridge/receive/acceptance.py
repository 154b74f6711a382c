"""This module accepts messages in order, once, and only if valid: the rules of the ZMQ hop. No socket, no clock.

Called by `router` with each message of a worker's connection. Accepted messages go to a `Sink`, the `feeder`; answers
go through `say`; it acknowledges a message once the journal has it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema, zmq_protocol
from monty_mqtt.wire.vocabulary import BUFFER_KINDS, BULK_KINDS
from monty_mqtt_bridge.counters import Counts
from monty_mqtt_bridge.rate_limited_log import Complaints
from monty_mqtt_bridge.receive import raw_buffers
from monty_mqtt_bridge.receive.published_name import renamed, settle
from monty_mqtt_bridge.receive.senders import Worker, Workers, label

__all__ = ["GREATEST_SEQ", "SYNC_EVERY_SECS", "Intake", "Sink"]

GREATEST_SEQ = 2**62
"""Far beyond any run, and sums with it still fit InfluxDB's 64 bits."""

SYNC_EVERY_SECS = 0.1
"""Shortest time between two requests to one worker to send again."""

_ACK_EVERY_SECS = 0.2
_ACK_MESSAGES = 64
_ACK_BYTES = 256 << 10
"""An acknowledgement is due after this time, or number of messages, or bytes: whichever comes first."""


class Sink(Protocol):
    """Sink takes the accepted messages."""

    def accepted(
        self, worker: Worker, kind: str, message: schema.Message, payload: bytes, raw: Sequence[bytes]
    ) -> None:
        """Take a message."""

    def dropped(self, worker: Worker, dropped: zmq_protocol.Dropped) -> None:
        """Note that these seqs will never come."""

    def joined(self, worker: Worker, *, begins: bool) -> Sequence[schema.Command]:
        """Return the commands that hold for a worker that sent a HELLO; `begins`: nothing of it was accepted yet."""

    def began(self, worker: Worker) -> None:
        """Note that the first message of a worker, or its tombstone, comes next."""

    def left(self, worker: Worker) -> None:
        """Note that a worker's connection is gone."""


class _Envelope(msgspec.Struct):
    run: str
    worker: str
    seq: int


_envelopes = msgspec.json.Decoder(_Envelope)


class Intake:
    """Intake tracks what was accepted of each worker.

    Args:
        sink: Takes the accepted messages.
        workers: The workers that sent a HELLO so far.
        counts: The bridge's counters.
        complaints: Logs what is dropped.
        clock: Returns monotonic seconds.
        say: Sends an answer to a worker.

    Attributes:
        workers: As given.
        full: Whether messages are refused because there is no room; probes are answered all the same.
    """

    def __init__(
        self,
        sink: Sink,
        workers: Workers,
        counts: Counts,
        complaints: Complaints,
        clock: Callable[[], float],
        say: Callable[[Worker, zmq_protocol.Down], object],
    ) -> None:
        self._sink, self._counts, self._complaints, self._clock, self._say = sink, counts, complaints, clock, say
        self.workers = workers
        self.full = False
        self._dirty: set[Worker] = set()

    @property
    def ack_due(self) -> bool:
        """Whether an acknowledgement may be due for a worker."""
        return bool(self._dirty)

    def identify(self, hello: zmq_protocol.Hello) -> tuple[Worker, bool]:
        """Return the worker that sends a HELLO, a known one or a new one of this name, and whether its life begins."""
        worker, begins = self.workers.of(hello)
        worker.begin_again(hello)
        if hello.base > worker.next:
            wanted, missing = worker.next, worker.lose_to(hello.base)
            text = "%s: %d messages are lost, from seq %d on"
            self._complaints.error("lost", text, label(*worker.key), missing, wanted)
            self._counts.lost += missing
            self._touch(worker)
        worker.safe = max(worker.safe, hello.base)  # the sender does not have the messages below
        return worker, begins

    def control(self, worker: Worker, said: zmq_protocol.Up) -> None:
        """Take a probe or a tombstone.

        Raises:
            DecodeError: It names another worker.
        """
        if (said.run, said.worker) != worker.said:
            raise DecodeError(f"{label(said.run, said.worker)} on a connection of {label(*worker.said)}")
        if isinstance(said, zmq_protocol.Dropped):
            self._tombstone(worker, said)
        elif isinstance(said, zmq_protocol.Probe) and said.next > worker.next and not self.full:
            self._sync(worker)
        else:
            self._repeat_ack(worker)

    def message(self, worker: Worker, kind: str, payload: bytes, raw: Sequence[bytes]) -> None:
        """Take a message if its seq is the next.

        Raises:
            DecodeError: It is not a valid message of this kind, or names another worker.
        """
        try:
            message = _decode(kind, payload, raw)
        except DecodeError as error:
            skipped = "; it was next, so it is lost" if self._skip(worker, kind, payload) else ""
            raise DecodeError(f"{label(*worker.key)}, {kind}: {error}{skipped}") from None
        if (message.run, message.worker) != worker.said:
            raise DecodeError(f"{label(message.run, message.worker)} on a connection of {label(*worker.said)}")
        worker.unacked_bytes += len(payload) + sum(map(len, raw))
        if kind in BULK_KINDS:
            self._bulk(worker, kind, message, payload, raw)
        elif self._is_next(worker, message.seq):
            self._begin(worker)
            self._counts.accepted += 1
            worker.ended = kind == "end"
            worker.next += 1
            self._touch(worker)
            self._pass_on(worker, kind, message, payload, raw)

    def acknowledge(self) -> None:
        """Acknowledge to each worker what is safe: if it asked, or if enough has changed, or after some time.

        Not each time, because reading an acknowledgement in the middle of an experiment costs it 50 microseconds.
        """
        now = self._clock()
        dirty, self._dirty = self._dirty, set()
        for worker in dirty:
            safe = worker.safe
            if safe < worker.next:  # the journal cannot be written now
                self._dirty.add(worker)
            changed = safe != worker.acked or worker.bulk_next != worker.bulk_acked
            if worker.repeat_ack or (changed and self._is_enough(worker, now)):
                worker.repeat_ack = False
                worker.acked, worker.bulk_acked = safe, worker.bulk_next
                worker.ack_after, worker.unacked_bytes = now + _ACK_EVERY_SECS, 0
                self._say(worker, zmq_protocol.Ack(next=safe, bulk_next=worker.bulk_next, published=worker.published))
            elif changed:  # too little has changed yet
                self._dirty.add(worker)

    def resume(self) -> None:
        """Ask for the messages that were refused, because there is room again."""
        self.full = False
        for worker in list(self.workers.by_id.values()):
            if worker.refused:
                worker.refused = False
                self._sync(worker)

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

    def _bulk(self, worker: Worker, kind: str, message: schema.Message, payload: bytes, raw: Sequence[bytes]) -> None:
        missing = message.seq - worker.bulk_next
        if missing < 0:
            self._counts.duplicates += 1
            return
        self._counts.bulk_lost += missing
        worker.bulk_next = message.seq + 1
        self._touch(worker)
        if self.full:
            self._counts.unsent += 1
        else:
            self._begin(worker)
            self._pass_on(worker, kind, message, payload, raw)

    def _pass_on(
        self, worker: Worker, kind: str, message: schema.Message, payload: bytes, raw: Sequence[bytes]
    ) -> None:
        """Pass on a message under the name that its worker is published under."""
        if worker.key != worker.said:
            payload = renamed(payload, worker.published)
            message = msgspec.structs.replace(message, worker=worker.published)
        self._sink.accepted(worker, kind, message, payload, raw)

    def _begin(self, worker: Worker) -> None:
        if not worker.is_named:
            settle(worker, self.workers)
            if worker.key != worker.said:
                text = "%s has been before: what comes now is published as worker %r"
                self._complaints.note("name", text, label(*worker.said), worker.published[:100])
        if worker.begins:
            worker.begins = False
            self.workers.add(worker)
            self._sink.began(worker)

    def _tombstone(self, worker: Worker, dropped: zmq_protocol.Dropped) -> None:
        if dropped.last > GREATEST_SEQ:
            raise DecodeError(f"dropped: last is greater than {GREATEST_SEQ}")
        if dropped.first > worker.next:
            self._sync(worker)
        elif dropped.last < worker.next:
            self._repeat_ack(worker)
        else:
            self._begin(worker)
            count = worker.skip_to(dropped.last + 1)
            self._count_dropped(worker, count, dropped.reason)
            self._touch(worker)
            self._sink.dropped(worker, dropped)

    def _count_dropped(self, worker: Worker, count: int, reason: str) -> None:
        who = label(*worker.key)
        if reason == "too_large":
            worker.too_large += count
            self._counts.too_large += count
            self._complaints.error("too large", "%s: %d messages are larger than the broker takes", who, count)
        else:
            worker.dropped += count
            self._counts.dropped += count
            self._complaints.error("dropped", "%s dropped %d messages: its memory was full", who, count)

    def _skip(self, worker: Worker, kind: str, payload: bytes) -> bool:
        """Skip an invalid message that is next in order, because it would be invalid the second time, too."""
        try:
            envelope = _envelopes.decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return False
        is_next = (envelope.run, envelope.worker, envelope.seq) == (*worker.said, worker.next)
        if not is_next or kind in BULK_KINDS or self.full:
            return False
        self._counts.lost += worker.lose_to(worker.next + 1)
        self._touch(worker)
        return True

    @staticmethod
    def _is_enough(worker: Worker, now: float) -> bool:
        many = worker.safe - worker.acked >= _ACK_MESSAGES or worker.unacked_bytes >= _ACK_BYTES
        return many or worker.ended or now >= worker.ack_after

    def _touch(self, worker: Worker) -> None:
        """Mark a worker for the journal to write its position, and for an acknowledgement after that."""
        self._dirty.add(worker)
        self.workers.changed.add(worker)

    def _repeat_ack(self, worker: Worker) -> None:
        worker.repeat_ack = True
        self._dirty.add(worker)

    def _sync(self, worker: Worker) -> None:
        now = self._clock()
        if now >= worker.sync_after:
            worker.sync_after = now + SYNC_EVERY_SECS
            self._counts.gaps += 1
            self._say(worker, zmq_protocol.Sync(next=worker.next))


def _decode(kind: str, payload: bytes, raw: Sequence[bytes]) -> schema.Message:
    message: schema.Message = schema.decode(payload)
    if message.__struct_config__.tag != kind:
        raise DecodeError(f"{kind} in the head, {message.__struct_config__.tag} in the body")
    if message.seq < 0:
        raise DecodeError(f"seq {message.seq} is negative")
    if max(message.seq, abs(message.time_unix_nanos)) > GREATEST_SEQ:
        raise DecodeError(f"seq or time_unix_nanos is greater than {GREATEST_SEQ}")
    if raw or kind in BUFFER_KINDS:
        raw_buffers.check(message, raw)
    return message
