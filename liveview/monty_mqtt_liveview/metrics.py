"""The numbers a run publishes by name: the whole course of each, in bounded memory. Pure.

Place in the flow: `run` adds each `metric`; `values` makes views of them.

Where a course becomes too long every second point of it goes, and from then on every second one is kept.
"""

from __future__ import annotations

from array import array
from typing import Any

from monty_mqtt import schema
from monty_mqtt_liveview.journal import bounded

__all__ = ["Course", "Metrics"]

MOST_POINTS = 1_000_000
"""Of all metrics of a run together."""

MOST_OF_ONE, LEAST_OF_ONE = 4096, 64
MOST_NAMES = 20_000
_MOST_NAME_CHARACTERS = 4_000_000
_NAN = float("nan")


class Course:
    """One metric over time.

    Attributes:
        latest: The newest message.
        count: How many there were in all.
        revision: That of the run at the latest one.
    """

    def __init__(self, latest: schema.Metric) -> None:
        self.latest = latest
        self.metadata: dict[str, Any] = {}
        self.count = 0
        self.revision = 0
        self._times, self._values = array("q"), array("d")
        self._every = 1

    def __len__(self) -> int:
        return len(self._times)

    def add(self, said: schema.Metric, most: int, revision: int) -> None:
        """Keep a value; of more than `most` every second one is kept."""
        if said.time_unix_nanos >= self.latest.time_unix_nanos:
            self.latest, self.metadata = said, bounded(said.metadata)
        if self.count % self._every == 0:
            self._times.append(said.time_unix_nanos)
            self._values.append(_NAN if said.value is None else said.value)
        self.count += 1
        self.revision = revision
        while len(self._times) > most:
            self._times, self._values = self._times[::2], self._values[::2]
            self._every *= 2

    def points(self) -> tuple[list[int], list[float]]:
        """Return times in nanoseconds, in order, and values; the newest is always there."""
        points = dict(zip(self._times, self._values, strict=True))
        points[self.latest.time_unix_nanos] = _NAN if self.latest.value is None else self.latest.value
        times = sorted(points)
        return times, [points[time] for time in times]


class Metrics(dict[tuple[str, str], Course]):
    """All of a run, by worker and name.

    Attributes:
        left_out: How many values came under names that were too many.
        revision: That of the run at the latest value.
    """

    def __init__(self) -> None:
        super().__init__()
        self.left_out = 0
        self.revision = 0
        self._characters = 0

    def add(self, said: schema.Metric, revision: int) -> None:
        """Keep a value."""
        key = said.worker, said.name
        course = self.get(key)
        if course is None:
            if len(self) >= MOST_NAMES or self._characters + len(said.name) > _MOST_NAME_CHARACTERS:
                self.left_out += 1
                return
            self._characters += len(said.name)
            course = self[key] = Course(said)
        course.add(said, min(max(MOST_POINTS // len(self), LEAST_OF_ONE), MOST_OF_ONE), revision)
        self.revision = revision
