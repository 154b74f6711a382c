"""What the bridge knows of each worker: where it is in its sequence, and what of it is safe.

Place in the flow: `intake` asks here who says hello and whether a message is next; `journal` writes what changed and
brings back who is not at hand.
"""

from __future__ import annotations

from collections.abc import Callable

from monty_mqtt.protocol import Hello

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
        key: Run and worker.
        started_unix_nanos: What its hello said; tells senders of one name apart.
        id: Its number in the journal.
        route: ZMQ's name of its newest connection; None while it has none.
        gone_at: When its connection went, monotonic seconds; None while it has one.
        first: The first seq that was asked of it.
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
        dropped: Messages the sender dropped.
        ended: Its `end` was accepted.
        real: An experiment said hello for it, not only somebody who restores what it left.
        restoring: Who speaks for it now only restores.
        fed_seq: The last seq that went on from the journal.
        last_row: The last row of the journal that is its.
        heard_unix_nanos: When something was last accepted of it, the bridge's clock.
    """

    def __init__(self, hello: Hello) -> None:
        self.key: Key = (hello.run, hello.worker)
        self.started_unix_nanos = hello.started_unix_nanos
        self.id = 0
        self.route: bytes | None = None
        self.gone_at: float | None = None
        self.first = self.next = self.safe = hello.base
        self.gap: int | None = None
        self.bulk_next = hello.bulk_base
        self.acked = self.bulk_acked = -1
        self.ack_after = 0.0
        self.unacked_bytes = 0
        self.repeat_ack = False
        self.refused = False
        self.sync_after = 0.0
        self.lost = 0
        self.dropped = 0
        self.ended = False
        self.real = not hello.replayed
        self.restoring = hello.replayed
        self.fed_seq = hello.base - 1
        self.last_row = 0
        self.heard_unix_nanos = 0

    def is_again(self, hello: Hello) -> bool:
        """Return whether this hello is from the same experiment object, not from a new one of the same name."""
        return hello.started_unix_nanos in (0, self.started_unix_nanos)

    def skip_to(self, seq: int) -> int:
        """Go on with this seq; return how many before it will be missing."""
        missing = seq - self.next
        if self.gap is None:
            self.gap = self.next
        self.next = seq
        return missing

    def begin_again(self, hello: Hello) -> None:
        """Take from a recording, which says hello, what those before it lacked; what they had behind that, once more.

        Recordings of a run may begin in its middle and have gaps, each its own. What an experiment said itself is not
        taken a second time.
        """
        if self.real or not hello.replayed or hello.started_unix_nanos:
            return
        if hello.base < self.first:
            self.first = begin = hello.base
        elif self.gap is not None and hello.base <= self.gap:
            begin = self.gap
        else:
            return
        self.next = self.safe = begin
        self.gap, self.lost, self.dropped, self.bulk_next = None, 0, 0, hello.bulk_base


def _nobody(_hello: Hello) -> Worker | None:
    return None


class Workers:
    """All workers at hand.

    Args:
        find: Looks for a worker that is not, and may be the one that says hello.
        last_id: Greatest number that was ever given.

    Attributes:
        newest: The last sender of each name that was an experiment.
        by_id: All of them, by their number.
        changed: Those that the journal has to write.
    """

    def __init__(self, find: Callable[[Hello], Worker | None] = _nobody, last_id: int = 0) -> None:
        self._find = find
        self._last_id = last_id
        self.newest: dict[Key, Worker] = {}
        self.by_id: dict[int, Worker] = {}
        self.changed: set[Worker] = set()

    def of(self, hello: Hello) -> tuple[Worker, bool]:
        """Return the worker that says hello, and whether its life begins with it."""
        worker = self._at_hand(hello) or self._find(hello)
        begins = not hello.replayed and not (worker and worker.real)
        if worker is None:
            worker = Worker(hello)
            self._last_id = worker.id = self._last_id + 1
        worker.real = worker.real or not hello.replayed
        worker.restoring = hello.replayed
        self.add(worker)
        self.changed.add(worker)
        return worker, begins

    def add(self, worker: Worker) -> None:
        """Have a worker at hand."""
        self.by_id[worker.id] = worker
        if worker.real and not worker.restoring:
            self.newest[worker.key] = worker

    def forget(self, worker: Worker) -> None:
        """Let go of a worker; the journal still has it."""
        self.by_id.pop(worker.id, None)
        if self.newest.get(worker.key) is worker:
            del self.newest[worker.key]

    def forget_run(self, run: str) -> None:
        """Let go of the workers of a run that the journal does not have any more, but for those that are connected."""
        for worker in [one for one in self.by_id.values() if one.key[0] == run and one.route is None]:
            self.forget(worker)
            self.changed.discard(worker)

    def _at_hand(self, hello: Hello) -> Worker | None:
        newest = self.newest.get((hello.run, hello.worker))
        if newest is not None and newest.is_again(hello):
            return newest
        key = (hello.run, hello.worker)
        return next((one for one in self.by_id.values() if one.key == key and one.is_again(hello)), None)
