"""This module holds what is known of one worker's life, and the status that the bridge publishes of it. Pure.

Held by `liveness`, which decides; read by `command_rules`.
"""

from __future__ import annotations

from collections import deque
from statistics import median

import msgspec

from monty_mqtt.wire import schema
from monty_mqtt.wire.vocabulary import LIVE_STATUSES
from monty_mqtt_bridge.receive.sender import Key, Sender

__all__ = ["Life", "status_of"]

_STALL_SECS = 30.0
_STALL_MEDIANS = 20
_INTERVALS = 101

_MISSING = ("lost", "dropped", "too_large")


class Life:
    """Life holds what is known of one worker.

    Attributes:
        key: Run and worker.
        sender: Its position in the sequence; None for a worker that only the broker remembers.
        status: The last status, the worker's own or the retained one.
        gone_at: When its connection went, monotonic seconds; None while it has one.
        disconnected: Whether that status was published.
        stalled: Whether that was published.
        ended: Whether its `end` came.
        last_step: When its last step or start of an episode came, monotonic seconds.
        dropped: Number of messages that it has dropped, by its own status.
        spooled: Number of messages in its spool; counted while its connection is gone.
        reported: Status word and number of spooled messages in the last `run_health` point.
        joined_unix_nanos: When its last HELLO came, wall clock; 0 if none came to this process.
    """

    def __init__(self, key: Key, sender: Sender | None) -> None:
        self.key = key
        self.sender = sender
        self.status: schema.Status | None = None
        self.gone_at: float | None = None
        self.disconnected = False
        self.stalled = False
        self.ended = False
        self.last_step: float | None = None
        self.dropped = 0
        self.spooled = 0
        self.reported = ("", 0)
        self.joined_unix_nanos = 0
        self._intervals: deque[float] = deque(maxlen=_INTERVALS)

    @property
    def live(self) -> bool:
        """Whether it is connected, or was a moment ago, and not over."""
        return not self.ended and not self.disconnected and self.word in LIVE_STATUSES

    @property
    def word(self) -> str:
        """The worker's status word."""
        if self.disconnected:
            return "disconnected"
        return self.status.status if self.status else "running"

    @property
    def highest_seq(self) -> int:
        """The last seq of it that was published."""
        seen = self.status.seq if self.status else 0
        return max(seen, self.sender.fed_seq) if self.sender else seen

    def lacks_more(self) -> bool:
        """Return whether more messages are known to be missing than the last status reports."""
        if self.sender is None or self.status is None:
            return False
        return any(getattr(self.sender, name) > getattr(self.status, name) for name in _MISSING)

    def stepped(self, now: float) -> None:
        """Note a step."""
        if self.last_step is not None:
            self._intervals.append(now - self.last_step)
        self.last_step = now

    def stalls_after_secs(self) -> float:
        """Return how many seconds it may be without a step."""
        return max(_STALL_SECS, _STALL_MEDIANS * median(self._intervals)) if self._intervals else _STALL_SECS


def status_of(life: Life, now_unix_nanos: int) -> schema.Status:
    """Return the status as the bridge publishes it: after all that was received, before all that will come."""
    run, worker = life.key
    base = life.status or schema.Status(run=run, worker=worker, seq=0, time_unix_nanos=0, status="running")
    return msgspec.structs.replace(
        base,
        seq=life.highest_seq,
        time_unix_nanos=now_unix_nanos,
        status=life.word,
        stalled=life.stalled,
        highest_seq=life.highest_seq if life.disconnected else None,
        lost=life.sender.lost if life.sender else base.lost,
        dropped=max(life.dropped, life.sender.dropped if life.sender else base.dropped),
        spooled=life.spooled,
        too_large=max(base.too_large, life.sender.too_large if life.sender else 0),
    )
