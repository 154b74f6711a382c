"""This module acknowledges to each worker what is safe.

Called by `acceptance` with each change, and by the loop. A message is safe when the journal has it; for a worker that
may go on with another bridge, when the broker has it, because another bridge does not have this journal.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from monty_mqtt.wire import zmq_protocol
from monty_mqtt_bridge.receive.sender import Sender

__all__ = ["Acknowledgements"]

_EVERY_SECS = 0.2
_MESSAGES = 64
_BYTES = 256 << 10
"""An acknowledgement is due after this time, or number of messages, or bytes: whichever comes first."""


class Acknowledgements:
    """Acknowledgements knows which workers wait for one. It lives in one thread.

    Args:
        clock: Returns monotonic seconds.
        say: Sends an answer to a worker.
    """

    def __init__(self, clock: Callable[[], float], say: Callable[[Sender, zmq_protocol.Down], object]) -> None:
        self._clock, self._say = clock, say
        self._dirty: set[Sender] = set()
        self._unpublished: deque[tuple[int, Sender, int]] = deque()

    @property
    def due(self) -> bool:
        """Whether an acknowledgement may be due for a worker."""
        return bool(self._dirty)

    def touch(self, sender: Sender) -> None:
        """Note that something of a worker was accepted."""
        self._dirty.add(sender)

    def repeat(self, sender: Sender) -> None:
        """Acknowledge once more, because the worker asked or does not know."""
        sender.repeat_ack = True
        self._dirty.add(sender)

    def await_broker(self, sender: Sender) -> None:
        """Let what was just taken wait for the broker, if the worker may use several bridges."""
        if sender.is_shared:
            self._unpublished.append((sender.last_row, sender, sender.next))

    def share(self, sender: Sender, hello: zmq_protocol.Hello) -> None:
        """Note whether a worker may use several bridges, by its HELLO."""
        is_shared = hello.bridges > 1 and not hello.replayed
        if is_shared and not sender.is_shared:
            sender.published_next = sender.fed_seq + 1
            self._unpublished.append((sender.last_row, sender, sender.next))
        sender.is_shared = is_shared
        sender.published_next = max(sender.published_next, hello.base)

    def published(self, row: int) -> None:
        """Note that the broker has everything up to this row of the journal."""
        while self._unpublished and self._unpublished[0][0] <= row:
            _, sender, published_next = self._unpublished.popleft()
            sender.published_next = max(sender.published_next, published_next)

    def send(self, *, last: bool = False) -> None:
        """Acknowledge to each worker what is safe: if it asked, or if enough has changed, or after some time.

        Not each time, because reading an acknowledgement in the middle of an experiment costs it 50 microseconds; but
        at the last time, when the bridge ends, whatever has changed.
        """
        now = self._clock()
        dirty, self._dirty = self._dirty, set()
        for sender in dirty:
            safe = sender.acknowledgeable
            if safe < sender.next:  # the journal cannot be written now, or the broker does not have it yet
                self._dirty.add(sender)
            changed = safe != sender.acked or sender.bulk_next != sender.bulk_acked
            if sender.repeat_ack or (changed and (last or _is_enough(sender, now))):
                sender.repeat_ack = False
                sender.acked, sender.bulk_acked = safe, sender.bulk_next
                sender.ack_after, sender.unacked_bytes = now + _EVERY_SECS, 0
                self._say(sender, zmq_protocol.Ack(next=safe, bulk_next=sender.bulk_next, published=sender.published))
            elif changed:  # too little has changed yet
                self._dirty.add(sender)


def _is_enough(sender: Sender, now: float) -> bool:
    is_much = sender.acknowledgeable - sender.acked >= _MESSAGES or sender.unacked_bytes >= _BYTES
    return is_much or sender.ended or now >= sender.ack_after
