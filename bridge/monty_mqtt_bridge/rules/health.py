"""This module computes the bridge's own health, once a second. Pure.

Called by `pipeline`, which publishes it on `monty/bridge/v1/<id>/health` and as points.
"""

from __future__ import annotations

from typing import Any

import msgspec

from monty_mqtt.wire import schema
from monty_mqtt.wire.vocabulary import STATUS_CODES
from monty_mqtt_bridge.counters import BridgeCounters
from monty_mqtt_bridge.rules.life import Life

__all__ = ["Rates", "of_life", "snapshot"]


class Rates:
    """Rates measures how fast some counters grow, and how late messages are.

    Args:
        now: Monotonic seconds.
    """

    def __init__(self, now: float) -> None:
        self._at = now
        self._before = BridgeCounters()
        self._delay_nanos: int | None = None

    def fed(self, message: schema.Message | None, now_unix_nanos: int) -> None:
        """Note a message that is on its way to the broker for the first time."""
        if message is not None:
            delay = now_unix_nanos - message.time_unix_nanos
            self._delay_nanos = max(delay, self._delay_nanos or 0)  # if the sender's clock is ahead, there is no delay

    def since_last(self, counts: BridgeCounters, now: float) -> dict[str, float]:
        """Return the growth per second and the worst delay since the last call; no delay without messages."""
        secs = max(now - self._at, 1e-3)
        names = ("received", "published", "points")
        rates = {f"{name}_per_sec": (getattr(counts, name) - getattr(self._before, name)) / secs for name in names}
        delay, self._delay_nanos = self._delay_nanos, None
        self._at, self._before = now, msgspec.structs.replace(counts)
        rounded = {name: round(rate, 1) for name, rate in rates.items()}
        return rounded if delay is None else {**rounded, "delay_secs": round(delay / 1e9, 6)}


def of_life(life: Life, now: float, now_unix_nanos: int) -> dict[str, Any]:
    """Return the health of a worker; `now` is monotonic seconds."""
    started = life.sender.started_unix_nanos if life.sender else 0
    return {
        "running_secs": max(now_unix_nanos - started, 0) / 1e9 if started else None,
        "status_code": STATUS_CODES.get(life.word),
        "stalled": life.stalled,
        "secs_since_step": None if life.last_step is None else now - life.last_step,
        "lost": life.sender.lost if life.sender else 0,
        "dropped": life.sender.dropped if life.sender else 0,
        "spooled": life.spooled,
        "too_large": life.sender.too_large if life.sender else 0,
    }


def snapshot(counts: BridgeCounters, **now: Any) -> dict[str, Any]:
    """Return all counters, and the caller's values of the moment."""
    return {**now, **msgspec.structs.asdict(counts)}
