"""What the bridge knows of each worker: where it is in its sequence, and what is not safe yet.

Place in the flow: `receiver` asks here whether a message is next; `publisher` settles the receipts; what is settled
is what `receiver` acknowledges.
"""

from __future__ import annotations

from collections import deque

from monty_mqtt.protocol import Hello

__all__ = ["Key", "Receipt", "Worker", "label"]

_LONGEST_IN_LOG = 64

Key = tuple[str, str]
"""Run and worker."""


def label(run: str, worker: str) -> str:
    """Return a worker's name for a log line: never more than the line, whatever the name."""
    return f"{run[:_LONGEST_IN_LOG]!r}, {worker[:_LONGEST_IN_LOG]!r}"


class Receipt:
    """One accepted message, and in how many MQTT messages it still waits for the broker.

    Attributes:
        worker: Whose it is.
        seq: Its number.
        open: MQTT messages not yet acknowledged by the broker.
    """

    __slots__ = ("open", "seq", "worker")

    def __init__(self, worker: Worker, seq: int) -> None:
        self.worker = worker
        self.seq = seq
        self.open = 0


class Worker:
    """One experiment object.

    Attributes:
        key: Run and worker.
        route: ZMQ's name of its newest connection; None while it has none.
        next: The next seq wanted.
        bulk_next: The next bulk seq expected.
        acked: What was last acknowledged, `next` of the Ack; -1 before the first.
        bulk_acked: Likewise of the bulk sequence.
        repeat_ack: An Ack is due although nothing changed.
        refused: A message was not taken for want of room; SYNC when there is.
        sync_after: Monotonic seconds before which no other SYNC is sent.
        lost: Messages that will never come.
        dropped: Messages the sender dropped.
        ended: Its `end` was accepted.
    """

    def __init__(self, hello: Hello) -> None:
        self.key: Key = (hello.run, hello.worker)
        self.route: bytes | None = None
        self.started_unix_nanos = hello.started_unix_nanos
        self.next = hello.base
        self.bulk_next = hello.bulk_base
        self.acked = self.bulk_acked = -1
        self.repeat_ack = False
        self.refused = False
        self.sync_after = 0.0
        self.lost = 0
        self.dropped = 0
        self.ended = False
        self.receipts: deque[Receipt] = deque()

    def is_again(self, hello: Hello) -> bool:
        """Return whether this hello is from the same experiment object, not from a new one of the same name."""
        return hello.started_unix_nanos in (0, self.started_unix_nanos)

    def accept(self) -> Receipt:
        """Take the message whose seq is `next`."""
        receipt = Receipt(self, self.next)
        self.next += 1
        self.receipts.append(receipt)
        return receipt

    def safe(self) -> int:
        """Return the seq below which everything is with the broker."""
        receipts = self.receipts
        while receipts and receipts[0].open <= 0:
            receipts.popleft()
        return receipts[0].seq if receipts else self.next
