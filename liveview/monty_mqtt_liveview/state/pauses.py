"""Adds up how long a worker was paused, so that elapsed times can leave the pauses out. Pure.

Filled by `worker` with every status message; read by `episodes` and `heads`.
"""

from __future__ import annotations

from monty_mqtt.wire import schema

__all__ = ["Pauses"]


class Pauses:
    """Adds up the pauses of a worker.

    Attributes:
        nanos: Length of all finished pauses together, in ns.
    """

    def __init__(self) -> None:
        self.nanos = 0
        self._since_unix_nanos: int | None = None

    def note(self, status: schema.Status) -> None:
        """Begin or end a pause according to a status message."""
        if status.status == "paused":
            if self._since_unix_nanos is None:
                self._since_unix_nanos = status.time_unix_nanos
        elif self._since_unix_nanos is not None:
            self.nanos += max(status.time_unix_nanos - self._since_unix_nanos, 0)
            self._since_unix_nanos = None
