"""This module keeps what the bridge knows of one worker: its position in its sequence, and what of it is safe.

Held by `senders`; changed by `acceptance` with each HELLO and message.
"""

from __future__ import annotations

from hashlib import sha256
from hmac import compare_digest

from monty_mqtt.wire.zmq_protocol import Hello

__all__ = ["Key", "Sender", "label"]

_LONGEST_IN_LOG = 64

Key = tuple[str, str]
"""Run and worker."""


def label(run: str, worker: str) -> str:
    """Return a worker's name for a log line, cut to a bounded length."""
    return f"{run[:_LONGEST_IN_LOG]!r}, {worker[:_LONGEST_IN_LOG]!r}"


class Sender:
    """Sender is one experiment object.

    Attributes:
        own_key: Run and worker as its HELLO names them.
        key: Run and worker as they are published. If two workers have one name, the second is `<worker>-2`.
        run: Id of its run.
        own_name: The worker's name in its HELLO.
        is_named: Whether `key` is final; before its first message it is not.
        claim: The name under which, by its HELLO, another bridge published it; empty if the HELLO has none.
        started_unix_nanos: Start time in its HELLO; tells senders of one name apart.
        proof: Digest of the token in its HELLO, which is not kept. The same token in a HELLO shows the same sender.
        id: Number of the worker in the journal.
        route: ZMQ's name of its newest connection; None while it has none.
        gone_at: When its connection went, monotonic seconds; None while it has one.
        first: The first seq that was asked of it.
        whole_from: The seq from which on nothing was lost on the way.
        gap: The first missing seq after that; None while none is missing.
        next: The next seq wanted.
        safe: The seq below which everything is in the journal.
        bulk_next: The next bulk seq expected.
        acked: `next` of the last Ack; -1 before the first.
        bulk_acked: `bulk_next` of the last Ack; -1 before the first.
        ack_after: Monotonic seconds before which a few new messages do not cause an Ack.
        unacked_bytes: Bytes received since the last Ack.
        repeat_ack: Whether an Ack is due although nothing changed.
        refused: Whether a message was not taken because there was no room; a SYNC follows when there is.
        sync_after: Monotonic seconds before which no other SYNC is sent.
        lost: Number of messages that will never come.
        dropped: Number of messages that the sender dropped because its memory was full.
        too_large: Number of messages that are larger than the broker accepts.
        is_shared: Whether it may use several bridges: then only what the broker has is acknowledged.
        published_next: The seq below which the broker has everything; kept for a worker that may use several bridges.
        elsewhere: The seq below which, by its last HELLO, other bridges have acknowledged everything.
        is_moved: Whether another bridge has it now, so that what comes late must not replace what is retained.
        ended: Whether its `end` was accepted.
        real: Whether an experiment sent a HELLO for it, not only a program that restores.
        restoring: Whether the current sender only restores.
        begins: Whether it has sent a HELLO, and no message of it was accepted yet.
        fed_seq: The last seq that went on from the journal.
        last_row: Number of its last row in the journal.
        heard_unix_nanos: When a message of it was last accepted, by the bridge's clock.
    """

    def __init__(self, hello: Hello) -> None:
        self.own_key: Key = (hello.run, hello.worker)
        self.key = self.own_key
        self.run, self.own_name = self.own_key
        self.is_named = False
        self.claim = hello.published or (hello.worker if hello.base else "")
        self.started_unix_nanos = hello.started_unix_nanos
        self.proof = _proof(hello)
        self.id = 0
        self.route: bytes | None = None
        self.gone_at: float | None = None
        self.first = self.whole_from = self.next = self.safe = hello.base
        self.gap: int | None = None
        self.bulk_next = hello.bulk_base
        self.acked = self.bulk_acked = -1
        self.ack_after = 0.0
        self.unacked_bytes = 0
        self.repeat_ack = False
        self.refused = False
        self.sync_after = 0.0
        self.lost = 0
        self.dropped = self.too_large = 0
        self.is_shared = self.is_moved = False
        self.published_next, self.elsewhere = hello.base, 0
        self.ended = False
        self.real = not hello.replayed
        self.restoring = hello.replayed
        self.begins = False
        self.fed_seq = hello.base - 1
        self.last_row = 0
        self.heard_unix_nanos = 0

    def is_again(self, hello: Hello) -> bool:
        """Return whether this HELLO is from the same experiment object: no other process knows its token."""
        return hello.started_unix_nanos == self.started_unix_nanos and compare_digest(_proof(hello), self.proof)

    @property
    def published(self) -> str:
        """The name under which the worker is published; empty while that is not final."""
        return self.key[1] if self.is_named else ""

    @property
    def acknowledgeable(self) -> int:
        """The seq below which everything may be acknowledged: the journal has it, or the broker."""
        return min(self.safe, self.published_next) if self.is_shared else self.safe

    @property
    def is_recording(self) -> bool:
        """Whether its messages come from a recording: only experiments and their spools have a start time."""
        return not self.started_unix_nanos

    def skip_to(self, seq: int) -> int:
        """Go on with this seq; return how many before it will be missing."""
        missing = seq - self.next
        if self.gap is None:
            self.gap = self.next
        self.next = seq
        return missing

    def lose_to(self, seq: int, elsewhere: int = 0) -> int:
        """Go on with this seq, although the sender may still have earlier ones; return how many are lost so.

        Those below `elsewhere` are not lost: another bridge has them.
        """
        missing = max(0, seq - max(self.next, elsewhere))
        self.skip_to(seq)
        self.lost += missing
        self.whole_from = seq
        return missing

    def has_all_from(self, seq: int) -> bool:
        """Return whether all received messages from this seq on were taken without a loss."""
        return seq >= self.whole_from

    def begin_again(self, hello: Hello) -> None:
        """Go back in the sequence if the file behind this HELLO has messages that earlier files lacked.

        Recordings of a run may begin in its middle and have gaps, each its own; what they had behind a gap is taken
        once more. Messages that an experiment sent itself are not taken a second time.
        """
        if self.real or not hello.replayed:
            return
        begin = self._again_from(hello)
        if begin is not None:
            self.first, self.whole_from = min(self.first, hello.base), min(self.whole_from, begin)
            self.next = self.safe = begin
            self.gap, self.bulk_next = None, hello.bulk_base
            self.lost = self.dropped = self.too_large = 0

    def _again_from(self, hello: Hello) -> int | None:
        """Return the seq from which on this file must be taken once more; None if it may go on."""
        if hello.base < self.first or not self.has_all_from(hello.base):
            return hello.base
        is_recording = not hello.started_unix_nanos
        return self.gap if is_recording and self.gap is not None and hello.base <= self.gap else None


def _proof(hello: Hello) -> bytes:
    return sha256(hello.token.encode()).digest() if hello.token else b""
