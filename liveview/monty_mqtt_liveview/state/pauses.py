"""How long a worker was paused: no clock that says how long something took counts that. Pure.

Place in the flow: `worker` notes every status here; `episodes` and `heads` leave pauses out.
"""

from __future__ import annotations

from monty_mqtt.wire import schema

__all__ = ["Pauses"]


class Pauses:
    """The pauses of a worker.

    Attributes:
        nanos: How long those that are over were together.
    """

    def __init__(self) -> None:
        self.nanos = 0
        self._since_unix_nanos: int | None = None

    def note(self, status: schema.Status) -> None:
        """Take in a status."""
        if status.status == "paused":
            if self._since_unix_nanos is None:
                self._since_unix_nanos = status.time_unix_nanos
        elif self._since_unix_nanos is not None:
            self.nanos += max(status.time_unix_nanos - self._since_unix_nanos, 0)
            self._since_unix_nanos = None
