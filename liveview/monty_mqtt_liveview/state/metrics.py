"""Keeps the course over time of each number that a run publishes by name, in bounded memory. Pure.

Filled by `run` with each `metric` message; `user_values` makes views of them.

When a course becomes too long, the least and the greatest value of each stretch stay. NaN and infinite values are kept
as marks. Beside each value stand the step, epoch and episode that were published with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from monty_mqtt.wire import schema
from monty_mqtt_liveview.state.extremes import NOWHERE, Extremes, Marks, Places
from monty_mqtt_liveview.state.log_lines import bounded

__all__ = ["AXES", "MOST_OF_ONE", "NO_NUMBER", "AxisEnds", "MetricCourse", "Metrics", "places_of"]

AXES = ("step", "epoch", "episode")
"""What a metric may be drawn over besides time: the keys of its metadata, in the order of `Places`."""

_MOST_PLACE = 2**53
"""The largest whole number that every reader of JSON has exactly; what is beyond has no place on an axis."""

MOST_POINTS = 1_000_000
"""Limit for all metrics of a run together."""

MOST_OF_ONE, LEAST_OF_ONE = 4096, 64
MOST_NAMES = 20_000
_MOST_NAME_CHARACTERS = 4_000_000

NO_NUMBER = "none"
"""Name of a null value that does not say whether it was NaN or infinite: the user published None."""

_KINDS = frozenset({"nan", "inf", "-inf"})


class AxisEnds(msgspec.Struct):
    """Holds how many values have a place on an axis, and the first and the last place."""

    count: int
    first: float
    last: float


class MetricCourse:
    """Holds one metric over time.

    Attributes:
        latest: The newest message.
        metadata: Additional values of the newest message.
        count: How many values arrived in all.
        revision: Revision of the run at the latest value.
        numbers: The finite values.
        marks: Times of the other values, by kind: `nan`, `inf`, `-inf`, `none`.
        axes: The axes on which it has values.
    """

    def __init__(self, latest: schema.Metric) -> None:
        self.latest = latest
        self.metadata: dict[str, Any] = {}
        self.count = 0
        self.revision = 0
        self.numbers = Extremes()
        self.marks: dict[str, Marks] = {}
        self.axes: dict[str, AxisEnds] = {}

    def __len__(self) -> int:
        return len(self.numbers)

    def add(self, message: schema.Metric, most: int, revision: int) -> None:
        """Add a value; keep about `most` points in total."""
        if message.time_unix_nanos >= self.latest.time_unix_nanos:
            self.latest, self.metadata = message, bounded(message.metadata)
        places = places_of(message.metadata) if message.metadata else NOWHERE
        if message.value is None:
            kind = message.not_finite if message.not_finite in _KINDS else None
            self.marks.setdefault(kind or NO_NUMBER, Marks()).add(message.time_unix_nanos, places)
        else:
            self.numbers.add(message.time_unix_nanos, message.value, most, places)
        for axis, place in zip(AXES, places, strict=False):
            self._note(axis, place)
        self.count += 1
        self.revision = revision

    def _note(self, axis: str, place: float | None) -> None:
        if place is None:
            return
        ends = self.axes.get(axis)
        if ends is None:
            self.axes[axis] = AxisEnds(1, place, place)
            return
        ends.count += 1
        ends.first, ends.last = min(ends.first, place), max(ends.last, place)


class Metrics(dict[tuple[str, str], MetricCourse]):
    """Holds all metrics of a run, by worker and name.

    Attributes:
        left_out: How many values were dropped because there were too many names.
        revision: Revision of the run at the latest value.
    """

    def __init__(self) -> None:
        super().__init__()
        self.left_out = 0
        self.revision = 0
        self._characters = 0

    def add(self, message: schema.Metric, revision: int) -> None:
        """Add a value to its metric."""
        key = message.worker, message.name
        course = self.get(key)
        if course is None:
            if len(self) >= MOST_NAMES or self._characters + len(message.name) > _MOST_NAME_CHARACTERS:
                self.left_out += 1
                return
            self._characters += len(message.name)
            course = self[key] = MetricCourse(message)
        course.add(message, min(max(MOST_POINTS // len(self), LEAST_OF_ONE), MOST_OF_ONE), revision)
        self.revision = revision


def places_of(metadata: Mapping[str, Any]) -> Places:
    """Return where a value stands on each of `AXES`; empty if it stands on none."""
    places = tuple(_place(metadata.get(axis)) for axis in AXES)
    return NOWHERE if places == (None, None, None) else places


def _place(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if -_MOST_PLACE <= value <= _MOST_PLACE else None
