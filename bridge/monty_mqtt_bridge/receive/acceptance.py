"""This module accepts messages in order, once, and only if valid: the rules of the ZMQ hop. No socket, no clock.

Called by `router` with each message of a worker's connection. Accepted messages go to a `Sink`, the `feeder`; answers
go through `say`, and `acknowledgements` sends what is safe.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema, zmq_protocol
from monty_mqtt.wire.vocabulary import BUFFER_KINDS, BULK_KINDS
from monty_mqtt_bridge.counters import BridgeCounters
from monty_mqtt_bridge.rate_limited_log import RateLimitedLog
from monty_mqtt_bridge.receive import raw_buffers
from monty_mqtt_bridge.receive.acknowledgements import Acknowledgements
from monty_mqtt_bridge.receive.published_name import renamed, settle
from monty_mqtt_bridge.receive.sender import Sender, label
from monty_mqtt_bridge.receive.senders import Senders

__all__ = ["GREATEST_SEQ", "SYNC_EVERY_SECS", "Acceptance", "Sink"]

GREATEST_SEQ = 2**62
"""Far beyond any run, and sums with it still fit InfluxDB's 64 bits."""

SYNC_EVERY_SECS = 0.1
"""Shortest time between two requests to one worker to send again."""


class Sink(Protocol):
    """Sink takes the accepted messages."""

    def accepted(
        self, sender: Sender, kind: str, message: schema.Message, payload: bytes, raw: Sequence[bytes]
    ) -> None:
        """Take a message."""

    def dropped(self, sender: Sender, dropped: zmq_protocol.Dropped) -> None:
        """Note that these seqs will never come."""

    def joined(self, sender: Sender, *, begins: bool) -> Sequence[schema.Command]:
        """Return the commands that hold for a worker that sent a HELLO; `begins`: nothing of it was accepted yet."""

    def began(self, sender: Sender) -> None:
        """Note that the first message of a worker, or its tombstone, comes next."""

    def left(self, sender: Sender) -> None:
        """Note that a worker's connection is gone."""


class _Envelope(msgspec.Struct):
    run: str
    worker: str
    seq: int


_envelopes = msgspec.json.Decoder(_Envelope)


class Acceptance:
    """Acceptance tracks what was accepted of each worker.

    Args:
        sink: Takes the accepted messages.
        senders: The workers that sent a HELLO so far.
        counts: The bridge's counters.
        log: Logs what is dropped.
        clock: Returns monotonic seconds.
        say: Sends an answer to a worker.

    Attributes:
        senders: As given.
        acknowledgements: Acknowledges what was accepted.
        full: Whether messages are refused because there is no room; probes are answered all the same.
    """

    def __init__(
        self,
        sink: Sink,
        senders: Senders,
        counts: BridgeCounters,
        log: RateLimitedLog,
        clock: Callable[[], float],
        say: Callable[[Sender, zmq_protocol.Down], object],
    ) -> None:
        self._sink, self._counts, self._log, self._clock, self._say = sink, counts, log, clock, say
        self.senders = senders
        self.full = False
        self.acknowledgements = Acknowledgements(clock, say)

    def identify(self, hello: zmq_protocol.Hello) -> tuple[Sender, bool]:
        """Return the worker that sends a HELLO, a known one or a new one of this name, and whether its life begins."""
        sender, begins = self.senders.of(hello)
        sender.begin_again(hello)
        if hello.base > sender.next:
            self._leap(sender, hello)
        sender.safe = max(sender.safe, hello.base)  # the sender does not have the messages below
        self._share(sender, hello)
        if begins and hello.elsewhere and not hello.replayed:  # its life began elsewhere, and it may be silent for long
            self._begin(sender)
        return sender, begins

    def _leap(self, sender: Sender, hello: zmq_protocol.Hello) -> None:
        """Go on with a later message than the next, because the sender does not have those between any more."""
        wanted, missing = max(sender.next, hello.elsewhere), sender.lose_to(hello.base, hello.elsewhere)
        if missing:
            text = "%s: %d messages are lost, from seq %d on"
            self._log.error("lost", text, label(*sender.key), missing, wanted)
            self._counts.lost += missing
        self._touch(sender)

    def _share(self, sender: Sender, hello: zmq_protocol.Hello) -> None:
        """Note whether a sender may use several bridges, and what other bridges have."""
        sender.elsewhere = hello.elsewhere
        if hello.elsewhere:
            sender.bulk_next = max(sender.bulk_next, hello.bulk_base)
        self.acknowledgements.share(sender, hello)

    def control(self, sender: Sender, signal: zmq_protocol.Up) -> None:
        """Take a probe or a tombstone.

        Raises:
            DecodeError: It names another worker.
        """
        if (signal.run, signal.worker) != sender.own_key:
            raise DecodeError(f"{label(signal.run, signal.worker)} on a connection of {label(*sender.own_key)}")
        if isinstance(signal, zmq_protocol.Dropped):
            self._tombstone(sender, signal)
        elif isinstance(signal, zmq_protocol.Probe) and signal.next > sender.next and not self.full:
            self._sync(sender)
        else:
            self.acknowledgements.repeat(sender)

    def message(self, sender: Sender, kind: str, payload: bytes, raw: Sequence[bytes]) -> None:
        """Take a message if its seq is the next.

        Raises:
            DecodeError: It is not a valid message of this kind, or names another worker.
        """
        try:
            message = _decode(kind, payload, raw)
        except DecodeError as error:
            skipped = "; it was next, so it is lost" if self._skip(sender, kind, payload) else ""
            raise DecodeError(f"{label(*sender.key)}, {kind}: {error}{skipped}") from None
        if (message.run, message.worker) != sender.own_key:
            raise DecodeError(f"{label(message.run, message.worker)} on a connection of {label(*sender.own_key)}")
        sender.unacked_bytes += len(payload) + sum(map(len, raw))
        if kind in BULK_KINDS:
            self._bulk(sender, kind, message, payload, raw)
        elif self._is_next(sender, message.seq):
            self._begin(sender)
            self._counts.accepted += 1
            sender.ended = kind == "end"
            sender.next += 1
            self._touch(sender)
            self._pass_on(sender, kind, message, payload, raw)
            self.acknowledgements.await_broker(sender)

    def resume(self) -> None:
        """Ask for the messages that were refused, because there is room again."""
        self.full = False
        for sender in list(self.senders.by_id.values()):
            if sender.refused:
                sender.refused = False
                self._sync(sender)

    def _is_next(self, sender: Sender, seq: int) -> bool:
        if seq < sender.next:
            self._counts.duplicates += 1
            self.acknowledgements.repeat(sender)
        elif self.full:
            sender.refused = True
            self._counts.deferred += 1
        elif seq > sender.next:
            self._sync(sender)
        else:
            return True
        return False

    def _bulk(self, sender: Sender, kind: str, message: schema.Message, payload: bytes, raw: Sequence[bytes]) -> None:
        missing = message.seq - sender.bulk_next
        if missing < 0:
            self._counts.duplicates += 1
            return
        self._counts.bulk_lost += missing
        sender.bulk_next = message.seq + 1
        self._touch(sender)
        if self.full:
            self._counts.unsent += 1
        else:
            self._begin(sender)
            self._pass_on(sender, kind, message, payload, raw)

    def _pass_on(
        self, sender: Sender, kind: str, message: schema.Message, payload: bytes, raw: Sequence[bytes]
    ) -> None:
        """Pass on a message under the name that its worker is published under."""
        if sender.key != sender.own_key:
            payload = renamed(payload, sender.published)
            message = msgspec.structs.replace(message, worker=sender.published)
        self._sink.accepted(sender, kind, message, payload, raw)

    def _begin(self, sender: Sender) -> None:
        if not sender.is_named:
            settle(sender, self.senders)
            if sender.key != sender.own_key:
                text = "%s has been before: what comes now is published as worker %r"
                self._log.note("name", text, label(*sender.own_key), sender.published[:100])
        if sender.begins:
            sender.begins = False
            self.senders.add(sender)
            self._sink.began(sender)

    def _tombstone(self, sender: Sender, dropped: zmq_protocol.Dropped) -> None:
        if dropped.last > GREATEST_SEQ:
            raise DecodeError(f"dropped: last is greater than {GREATEST_SEQ}")
        if dropped.first > sender.next:
            self._sync(sender)
        elif dropped.last < sender.next:
            self.acknowledgements.repeat(sender)
        else:
            self._begin(sender)
            count = sender.skip_to(dropped.last + 1)
            self._count_dropped(sender, count, dropped.reason)
            self._touch(sender)
            self._sink.dropped(sender, dropped)
            self.acknowledgements.await_broker(sender)

    def _count_dropped(self, sender: Sender, count: int, reason: str) -> None:
        who = label(*sender.key)
        if reason == "too_large":
            sender.too_large += count
            self._counts.too_large += count
            self._log.error("too large", "%s: %d messages are larger than the broker takes", who, count)
        else:
            sender.dropped += count
            self._counts.dropped += count
            self._log.error("dropped", "%s dropped %d messages: its memory was full", who, count)

    def _skip(self, sender: Sender, kind: str, payload: bytes) -> bool:
        """Skip an invalid message that is next in order, because it would be invalid the second time, too."""
        try:
            envelope = _envelopes.decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return False
        is_next = (envelope.run, envelope.worker, envelope.seq) == (*sender.own_key, sender.next)
        if not is_next or kind in BULK_KINDS or self.full:
            return False
        self._counts.lost += sender.lose_to(sender.next + 1)
        self._touch(sender)
        return True

    def _touch(self, sender: Sender) -> None:
        """Mark a worker for the journal to write its position, and for an acknowledgement after that."""
        self.acknowledgements.touch(sender)
        self.senders.changed.add(sender)

    def _sync(self, sender: Sender) -> None:
        now = self._clock()
        if now >= sender.sync_after:
            sender.sync_after = now + SYNC_EVERY_SECS
            self._counts.gaps += 1
            self._say(sender, zmq_protocol.Sync(next=sender.next))


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
