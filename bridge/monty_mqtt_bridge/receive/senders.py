"""This module keeps what the bridge knows of each worker: its position in its sequence, and what of it is safe.

Called by `acceptance` for each HELLO and message; `journal` writes the changes, and `known_senders` loads workers that
are not in memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from hmac import compare_digest
from typing import Protocol

from monty_mqtt.wire.zmq_protocol import Hello

__all__ = ["Key", "Sender", "Senders", "label"]

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

    def lose_to(self, seq: int) -> int:
        """Go on with this seq, although the sender may still have earlier ones; return how many are lost so."""
        missing = self.skip_to(seq)
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


def _nothing(_key: Key, *, published: bool) -> list[Sender]:  # noqa: ARG001 - has the signature of the journal's search
    return []


class FindSenders(Protocol):
    """FindSenders searches for workers that are not in memory, newest first, by their own or their published name."""

    def __call__(self, key: Key, /, *, published: bool) -> list[Sender]:
        """Return the workers that were found."""


class Senders:
    """Senders holds all workers that are in memory.

    Args:
        find: Searches for those that are not.
        last_id: The greatest worker number so far.

    Attributes:
        newest: The experiment published under each name; of older journals, which have several per name, the last.
        by_id: All workers, by their number.
        changed: Workers that the journal must write.
        retained: Names under which the broker has retained a status of this bridge.
    """

    def __init__(self, find: FindSenders = _nothing, last_id: int = 0) -> None:
        self._find = find
        self._last_id = last_id
        self._by_own_key: dict[Key, list[Sender]] = {}
        self._by_key: dict[Key, list[Sender]] = {}
        self.newest: dict[Key, Sender] = {}
        self.by_id: dict[int, Sender] = {}
        self.changed: set[Sender] = set()
        self.retained: set[Key] = set()

    def of(self, hello: Hello) -> tuple[Sender, bool]:
        """Return the worker that sends a HELLO, and whether its life begins with it.

        A new worker is not written before a message of it was accepted: HELLOs alone must not fill memory or disk.
        """
        candidates = self._candidates(hello)
        sender = _restored(hello, candidates) if hello.replayed else _itself(hello, candidates)
        is_new = sender is None
        if sender is None:
            sender = _begun(hello, candidates)
            self._last_id = sender.id = self._last_id + 1
        else:
            self.changed.add(sender)
        begins = not hello.replayed and (sender.begins or is_new or not sender.real)
        sender.real = sender.real or not hello.replayed
        sender.begins = begins
        sender.restoring = hello.replayed
        self.add(sender)
        return sender, begins

    def add(self, sender: Sender) -> None:
        """Keep a worker in memory."""
        if sender.id not in self.by_id:
            self.by_id[sender.id] = sender
            self._by_own_key.setdefault(sender.own_key, []).insert(0, sender)
        if not sender.is_named:
            return
        named = self._by_key.setdefault(sender.key, [])
        if sender not in named:
            named.insert(0, sender)
        if sender.real and not sender.restoring:
            self.newest[sender.key] = sender

    def had(self, key: Key) -> list[Sender]:
        """Return the workers that were published under a name."""
        return [*self._by_key.get(key, ()), *self._find(key, published=True)]

    def connected(self, hello: Hello) -> list[Sender]:
        """Return the connected experiments that send themselves what this HELLO would restore."""
        key = (hello.run, hello.worker)
        if not hello.started_unix_nanos:
            same = self._by_key.get(key, [])
        else:
            started, named = hello.started_unix_nanos, self._by_own_key.get(key, ())
            same = [sender for sender in named if sender.started_unix_nanos == started]
        return [sender for sender in same if sender.real and sender.route is not None and not sender.restoring]

    def forget(self, sender: Sender) -> None:
        """Remove a worker from memory; the journal still has it, if a message of it was accepted."""
        if self.by_id.pop(sender.id, None) is None:
            return
        _take_out(self._by_own_key, sender.own_key, sender)
        if sender.is_named:
            _take_out(self._by_key, sender.key, sender)
        if self.newest.get(sender.key) is sender:
            del self.newest[sender.key]

    def forget_run(self, run: str) -> None:
        """Remove a run's workers from memory, except those that are connected; the journal has forgotten the run."""
        of_run = [sender for sender in self.by_id.values() if sender.run == run]
        for sender in [sender for sender in of_run if sender.route is None]:
            self.forget(sender)
            self.changed.discard(sender)
        self.retained = {key for key in self.retained if key[0] != run}

    def _candidates(self, hello: Hello) -> list[Sender]:
        """Return the workers that may be the sender of this HELLO. Only a recording uses the published name."""
        key, published = (hello.run, hello.worker), not hello.started_unix_nanos
        at_hand = (self._by_key if published else self._by_own_key).get(key, ())
        return [*at_hand, *self._find(key, published=published)]


def _take_out(named: dict[Key, list[Sender]], key: Key, sender: Sender) -> None:
    named[key].remove(sender)
    if not named[key]:
        del named[key]


def _itself(hello: Hello, candidates: Iterable[Sender]) -> Sender | None:
    """Return the sender of a repeated HELLO; one that was known only from a replay is an experiment after all."""
    same = [candidate for candidate in candidates if candidate.is_again(hello)]
    return next((candidate for candidate in same if candidate.real), same[0] if same else None)


def _restored(hello: Hello, candidates: Iterable[Sender]) -> Sender | None:
    """Return the worker whose messages are restored.

    A program that knows the token continues the sender itself, if that lacks nothing of the file. Any other program
    continues only what was restored before: a recording, or a program that claims to be one, never changes the position
    of an experiment.
    """
    is_recording = not hello.started_unix_nanos
    same = [candidate for candidate in candidates if candidate.is_again(hello) or (is_recording and not candidate.real)]
    continued = [candidate for candidate in same if candidate.real and candidate.has_all_from(hello.base)]
    return next(iter([*continued, *(candidate for candidate in same if not candidate.real)]), None)


def _begun(hello: Hello, candidates: Iterable[Sender]) -> Sender:
    """Return a new sender. A recording has no token: the last experiment of its name has sent the same messages."""
    sender = Sender(hello)
    last = next((candidate for candidate in candidates if candidate.real), None)
    if last is not None and hello.replayed and not hello.started_unix_nanos and hello.base >= last.whole_from:
        sender.next = sender.safe = max(last.next, hello.base)
        sender.bulk_next = max(last.bulk_next, hello.bulk_base)
        sender.fed_seq = sender.next - 1
    return sender
