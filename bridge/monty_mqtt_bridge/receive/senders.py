"""What the bridge knows of each worker: where it is in its sequence, and what of it is safe.

Place in the flow: `acceptance` asks here who says hello and whether a message is next; `journal` writes what changed
and brings back who is not at hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from hmac import compare_digest
from typing import Protocol

from monty_mqtt.wire.zmq_protocol import Hello

__all__ = ["Key", "Worker", "Workers", "label"]

_LONGEST_IN_LOG = 64

Key = tuple[str, str]
"""Run and worker."""


def label(run: str, worker: str) -> str:
    """Return a worker's name for a log line: never more than the line, whatever the name."""
    return f"{run[:_LONGEST_IN_LOG]!r}, {worker[:_LONGEST_IN_LOG]!r}"


class Worker:
    """One experiment object.

    Attributes:
        said: Run and worker as its hello names them.
        key: Run and worker as they are published. Two that say one name are told apart: the second is `<worker>-2`.
        is_named: Whether `key` is certain; before its first message it is not.
        claim: The name under which it says that another bridge published it; empty if it says nothing of it.
        started_unix_nanos: What its hello said; tells senders of one name apart.
        proof: Digest of the token that its hello said: who says that again is itself. The token is not kept.
        id: Its number in the journal.
        route: ZMQ's name of its newest connection; None while it has none.
        gone_at: When its connection went, monotonic seconds; None while it has one.
        first: The first seq that was asked of it.
        whole_from: The seq from which on nothing was lost on the way.
        gap: The first seq after it that is missing; None while none is.
        next: The next seq wanted.
        safe: The seq below which everything is in the journal.
        bulk_next: The next bulk seq expected.
        acked: What was last acknowledged, `next` of the Ack; -1 before the first.
        bulk_acked: Likewise of the bulk sequence.
        ack_after: Monotonic seconds before which a few new messages are no reason for an Ack.
        unacked_bytes: Bytes that came since the last Ack.
        repeat_ack: An Ack is due although nothing changed.
        refused: A message was not taken for want of room; SYNC when there is.
        sync_after: Monotonic seconds before which no other SYNC is sent.
        lost: Messages that will never come.
        dropped: Messages the sender dropped because its memory was full.
        too_large: Messages that are larger than the broker takes.
        ended: Its `end` was accepted.
        real: An experiment said hello for it, not only somebody who restores what it left.
        restoring: Who speaks for it now only restores.
        begins: It said hello, and nothing of it was accepted yet.
        fed_seq: The last seq that went on from the journal.
        last_row: The last row of the journal that is its.
        heard_unix_nanos: When something was last accepted of it, the bridge's clock.
    """

    def __init__(self, hello: Hello) -> None:
        self.said: Key = (hello.run, hello.worker)
        self.key = self.said
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
        """Return whether this hello is from the same experiment object: nobody else knows its token."""
        return hello.started_unix_nanos == self.started_unix_nanos and compare_digest(_proof(hello), self.proof)

    @property
    def published(self) -> str:
        """The worker's name in what is published; empty while that is not certain."""
        return self.key[1] if self.is_named else ""

    @property
    def is_recording(self) -> bool:
        """Whether it is what somebody recorded: only experiments and their spools have a start."""
        return not self.started_unix_nanos

    def skip_to(self, seq: int) -> int:
        """Go on with this seq; return how many before it will be missing."""
        missing = seq - self.next
        if self.gap is None:
            self.gap = self.next
        self.next = seq
        return missing

    def lose_to(self, seq: int) -> int:
        """Go on with this seq, although its sender may still have what is before it; return how many that are."""
        missing = self.skip_to(seq)
        self.lost += missing
        self.whole_from = seq
        return missing

    def has_all_from(self, seq: int) -> bool:
        """Return whether everything from this seq on was taken, as far as it came."""
        return seq >= self.whole_from

    def begin_again(self, hello: Hello) -> None:
        """Take from a file, which says hello, what those before it lacked; what they had behind that, once more.

        Recordings of a run may begin in its middle and have gaps, each its own. What an experiment said itself is not
        taken a second time.
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
        """Return from which seq on this file has to be taken once more, None where it may go on."""
        if hello.base < self.first or not self.has_all_from(hello.base):
            return hello.base
        is_recording = not hello.started_unix_nanos
        return self.gap if is_recording and self.gap is not None and hello.base <= self.gap else None


def _proof(hello: Hello) -> bytes:
    return sha256(hello.token.encode()).digest() if hello.token else b""


def _nothing(_key: Key, *, published: bool) -> list[Worker]:  # noqa: ARG001 - as who has a journal calls it
    return []


class Find(Protocol):
    """Looks for workers that are not at hand, newest first: those that say a name, or are published under it."""

    def __call__(self, key: Key, /, *, published: bool) -> list[Worker]:
        """Return them."""


class Workers:
    """All workers at hand.

    Args:
        find: Looks for those that are not.
        last_id: Greatest number that was ever given.

    Attributes:
        newest: The experiment that is published under each name; of older journals, which have several, the last.
        by_id: All of them, by their number.
        changed: Those that the journal has to write.
        retained: Names under which the broker has retained something that this bridge said.
    """

    def __init__(self, find: Find = _nothing, last_id: int = 0) -> None:
        self._find = find
        self._last_id = last_id
        self._saying: dict[Key, list[Worker]] = {}
        self._published: dict[Key, list[Worker]] = {}
        self.newest: dict[Key, Worker] = {}
        self.by_id: dict[int, Worker] = {}
        self.changed: set[Worker] = set()
        self.retained: set[Key] = set()

    def of(self, hello: Hello) -> tuple[Worker, bool]:
        """Return the worker that says hello, and whether its life begins with it.

        A new one is written by nobody before something of it was accepted: hellos alone must not fill memory or disk.
        """
        candidates = self._candidates(hello)
        worker = _restored(hello, candidates) if hello.replayed else _itself(hello, candidates)
        is_new = worker is None
        if worker is None:
            worker = _begun(hello, candidates)
            self._last_id = worker.id = self._last_id + 1
        else:
            self.changed.add(worker)
        begins = not hello.replayed and (worker.begins or is_new or not worker.real)
        worker.real = worker.real or not hello.replayed
        worker.begins = begins
        worker.restoring = hello.replayed
        self.add(worker)
        return worker, begins

    def add(self, worker: Worker) -> None:
        """Have a worker at hand."""
        if worker.id not in self.by_id:
            self.by_id[worker.id] = worker
            self._saying.setdefault(worker.said, []).insert(0, worker)
        if not worker.is_named:
            return
        named = self._published.setdefault(worker.key, [])
        if worker not in named:
            named.insert(0, worker)
        if worker.real and not worker.restoring:
            self.newest[worker.key] = worker

    def had(self, key: Key) -> list[Worker]:
        """Return the workers that were published under a name."""
        return [*self._published.get(key, ()), *self._find(key, published=True)]

    def connected(self, hello: Hello) -> list[Worker]:
        """Return the experiments at hand that the one who says hello would restore, and that send themselves."""
        key = (hello.run, hello.worker)
        if not hello.started_unix_nanos:
            same = self._published.get(key, [])
        else:
            same = [one for one in self._saying.get(key, ()) if one.started_unix_nanos == hello.started_unix_nanos]
        return [one for one in same if one.real and one.route is not None and not one.restoring]

    def forget(self, worker: Worker) -> None:
        """Let go of a worker; the journal still has it, if anything of it was accepted."""
        if self.by_id.pop(worker.id, None) is None:
            return
        _take_out(self._saying, worker.said, worker)
        if worker.is_named:
            _take_out(self._published, worker.key, worker)
        if self.newest.get(worker.key) is worker:
            del self.newest[worker.key]

    def forget_run(self, run: str) -> None:
        """Let go of the workers of a run that the journal does not have any more, but for those that are connected."""
        for worker in [one for one in self.by_id.values() if one.key[0] == run and one.route is None]:
            self.forget(worker)
            self.changed.discard(worker)
        self.retained = {key for key in self.retained if key[0] != run}

    def _candidates(self, hello: Hello) -> list[Worker]:
        """Return who may be the one that says hello. Only a recording says the name that was published."""
        key, published = (hello.run, hello.worker), not hello.started_unix_nanos
        at_hand = (self._published if published else self._saying).get(key, ())
        return [*at_hand, *self._find(key, published=published)]


def _take_out(named: dict[Key, list[Worker]], key: Key, worker: Worker) -> None:
    named[key].remove(worker)
    if not named[key]:
        del named[key]


def _itself(hello: Hello, candidates: Iterable[Worker]) -> Worker | None:
    """Return the sender that says hello once more; one of which only a replay was known, is an experiment after all."""
    same = [one for one in candidates if one.is_again(hello)]
    return next((one for one in same if one.real), same[0] if same else None)


def _restored(hello: Hello, candidates: Iterable[Worker]) -> Worker | None:
    """Return whose messages are restored.

    Who knows the token continues the sender itself, if that lacks nothing of the file. Everybody else continues only
    what was restored before: a recording, or somebody who calls himself one, changes no experiment's position.
    """
    is_recording = not hello.started_unix_nanos
    same = [one for one in candidates if one.is_again(hello) or (is_recording and not one.real)]
    continued = [one for one in same if one.real and one.has_all_from(hello.base)]
    return next(iter([*continued, *(one for one in same if not one.real)]), None)


def _begun(hello: Hello, candidates: Iterable[Worker]) -> Worker:
    """Return a new sender. A recording has no token: what it has, the last experiment of its name has sent."""
    worker = Worker(hello)
    last = next((one for one in candidates if one.real), None)
    if last is not None and hello.replayed and not hello.started_unix_nanos and hello.base >= last.whole_from:
        worker.next = worker.safe = max(last.next, hello.base)
        worker.bulk_next = max(last.bulk_next, hello.bulk_base)
        worker.fed_seq = worker.next - 1
    return worker
