"""The bridge's own health, once a second. Pure.

Place in the flow: `pipeline` makes one each second and publishes it on `monty/bridge/v1/<id>/health` and as points.
"""

from __future__ import annotations

from typing import Any

import msgspec

from monty_mqtt_bridge.counts import Counts

__all__ = ["Rates", "snapshot"]


class Rates:
    """How fast some counters grow.

    Args:
        now: Monotonic seconds.
    """

    def __init__(self, now: float) -> None:
        self._at = now
        self._before = Counts()

    def since_last(self, counts: Counts, now: float) -> dict[str, float]:
        """Return the growth per second since the last call."""
        secs = max(now - self._at, 1e-3)
        names = ("received", "published", "points")
        rates = {f"{name}_per_sec": (getattr(counts, name) - getattr(self._before, name)) / secs for name in names}
        self._at, self._before = now, msgspec.structs.replace(counts)
        return {name: round(rate, 1) for name, rate in rates.items()}


def snapshot(counts: Counts, **now: Any) -> dict[str, Any]:
    """Return all counters, and what the caller adds of the moment."""
    return {**now, **msgspec.structs.asdict(counts)}
