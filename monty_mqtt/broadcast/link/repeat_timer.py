"""This module says when a HELLO or PROBE that nobody answers is repeated.

Used by `bridge_link`. Times are of the monotonic clock, which the caller reads.
"""

from __future__ import annotations

__all__ = ["RepeatTimer"]

_FIRST_SECS = 0.5
_MOST_SECS = 4.0
"""Repeated after 0.5, 1, 2, 4, 4, … s: while the bridge is frozen, HELLOs and PROBEs pile up in its socket."""


class RepeatTimer:
    """RepeatTimer waits longer after each repetition.

    Attributes:
        due_at: When to send again, monotonic seconds.
    """

    def __init__(self) -> None:
        self.due_at = 0.0
        self._secs = _FIRST_SECS

    def quicken(self) -> None:
        """Wait only 0.5 s after the next HELLO or PROBE."""
        self._secs = _FIRST_SECS

    def sent(self, now: float) -> None:
        """Note that a HELLO or PROBE was sent."""
        self.due_at = now + self._secs
        self._secs = min(2 * self._secs, _MOST_SECS)

    def answered(self, now: float) -> None:
        """Note that the bridge has got on with what was sent."""
        self._secs = _FIRST_SECS
        self.due_at = now + _FIRST_SECS

    def begin(self, now: float) -> None:
        """Note that something waits for an acknowledgement again."""
        self.due_at = max(self.due_at, now + _FIRST_SECS)
