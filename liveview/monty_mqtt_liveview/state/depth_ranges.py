"""Determines the range of depths that the colours of a run's depth frames must cover. Pure.

Filled by `run` with every frame, live or from the recording; read by `web.frames`. The answer depends only on the set
of frames: not on their order, nor on which of them were viewed.
"""

from __future__ import annotations

import math

from monty_mqtt.wire import schema

__all__ = ["DepthRanges"]

_BACKGROUND_POWERS = 3
"""A frame counts as background if its nearest part is at least about 8 to 16 times as far as the nearest frame's."""

_MOST_SENSORS = 1000


class DepthRanges:
    """Holds the depth ranges of all frames, by sensor."""

    def __init__(self) -> None:
        self._by_sensor: dict[str, dict[int, tuple[float, float]]] = {}

    def add(self, frame: schema.Frame) -> None:
        """Add a frame; a frame that does not state its depths is ignored."""
        near, low, high = frame.near_metres, frame.foreground_min_metres, frame.foreground_max_metres
        if near is None or low is None or high is None or not 0 < low <= near <= high:
            return
        if frame.sensor not in self._by_sensor and len(self._by_sensor) >= _MOST_SENSORS:
            return
        by_power = self._by_sensor.setdefault(frame.sensor, {})
        power = math.frexp(near)[1]
        least, greatest = by_power.get(power, (low, high))
        by_power[power] = min(least, low), max(greatest, high)

    def span(self, sensor: str) -> tuple[float, float] | None:
        """Return the least and greatest depth of a sensor, without background, in metres; None if none is known."""
        by_power = self._by_sensor.get(sensor)
        if not by_power:
            return None
        farthest = min(by_power) + _BACKGROUND_POWERS
        kept = [ends for power, ends in by_power.items() if power <= farthest]
        return min(low for low, _ in kept), max(high for _, high in kept)
