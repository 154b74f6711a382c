"""How far away everything is that the depth frames of a run's sensors show: what their colours must span. Pure.

Place in the flow: `run` adds every frame, live or from the recording; `frames` asks. The answer depends on which
frames there were, and on nothing else: not on their order, nor on which of them somebody looked at.
"""

from __future__ import annotations

import math

from monty_mqtt.wire import schema

__all__ = ["DepthRanges"]

_BACKGROUND_POWERS = 3
"""A frame whose nearest part is 8 to 16 times as far away as that of the nearest frame, or farther, is background."""

_MOST_SENSORS = 1000


class DepthRanges:
    """The depths of all frames, by sensor."""

    def __init__(self) -> None:
        self._by_sensor: dict[str, dict[int, tuple[float, float]]] = {}

    def add(self, frame: schema.Frame) -> None:
        """Take in a frame; nothing happens where it does not say how far what it shows is."""
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
        """Return the least and the greatest depth of a sensor without background, metres; None where none is known."""
        by_power = self._by_sensor.get(sensor)
        if not by_power:
            return None
        farthest = min(by_power) + _BACKGROUND_POWERS
        kept = [ends for power, ends in by_power.items() if power <= farthest]
        return min(low for low, _ in kept), max(high for _, high in kept)
