"""Keeps the course over time of each number that a run publishes by name, in bounded memory. Pure.

Filled by `run` with each `metric` message; `user_values` makes views of them.

When a course becomes too long, the least and the greatest value of each stretch stay. NaN and infinite values are kept
as marks.
"""

from __future__ import annotations

from typing import Any

from monty_mqtt.wire import schema
from monty_mqtt_liveview.state.extremes import Extremes, Marks
from monty_mqtt_liveview.state.log_lines import bounded

__all__ = ["MOST_OF_ONE", "NO_NUMBER", "MetricCourse", "Metrics"]

MOST_POINTS = 1_000_000
"""Limit for all metrics of a run together."""

MOST_OF_ONE, LEAST_OF_ONE = 4096, 64
MOST_NAMES = 20_000
_MOST_NAME_CHARACTERS = 4_000_000

NO_NUMBER = "none"
"""Name of a null value that does not say whether it was NaN or infinite: the user published None."""

_KINDS = frozenset({"nan", "inf", "-inf"})


class MetricCourse:
    """Holds one metric over time.

    Attributes:
        latest: The newest message.
        metadata: Additional values of the newest message.
        count: How many values arrived in all.
        revision: Revision of the run at the latest value.
        numbers: The finite values.
        marks: Times of the other values, by kind: `nan`, `inf`, `-inf`, `none`.
    """

    def __init__(self, latest: schema.Metric) -> None:
        self.latest = latest
        self.metadata: dict[str, Any] = {}
        self.count = 0
        self.revision = 0
        self.numbers = Extremes()
        self.marks: dict[str, Marks] = {}

    def __len__(self) -> int:
        return len(self.numbers)

    def add(self, message: schema.Metric, most: int, revision: int) -> None:
        """Add a value; keep about `most` points in total."""
        if message.time_unix_nanos >= self.latest.time_unix_nanos:
            self.latest, self.metadata = message, bounded(message.metadata)
        if message.value is None:
            kind = message.not_finite if message.not_finite in _KINDS else None
            self.marks.setdefault(kind or NO_NUMBER, Marks()).add(message.time_unix_nanos)
        else:
            self.numbers.add(message.time_unix_nanos, message.value, most)
        self.count += 1
        self.revision = revision


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
