"""Returns a metric in a span of time: as it is kept in memory, and where that is thinned, as it was published. Pure.

Called by `web.api`; `service` reads what was published from the recording.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import NamedTuple, Self

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema
from monty_mqtt_liveview.state.extremes import Extremes
from monty_mqtt_liveview.state.metrics import NO_NUMBER, MetricCourse
from monty_mqtt_liveview.views.numbers import Json

__all__ = ["MetricStretch"]

_NANOS_PER_MILLI = 1_000_000
_MICROS = 3
"""Digits of a millisecond that are kept, because many numbers are published within one millisecond."""


class NotFiniteMark(NamedTuple):
    """Marks a time at which one or more numbers were not finite."""

    time_unix_nanos: int
    kind: str
    numbers: int


class MetricStretch(NamedTuple):
    """Holds a metric in a span of time.

    Attributes:
        points: Times (ns since 1970) and finite values, in order.
        marks: Times at which numbers were not finite, in order.
        span: First and last time of the span, ns since 1970.
        whole_span: First and last time of the whole metric, ns since 1970.
        is_whole: Whether every number of the span is included.
    """

    points: list[tuple[int, float]]
    marks: list[NotFiniteMark]
    span: tuple[int, int]
    whole_span: tuple[int, int]
    is_whole: bool

    @classmethod
    def of(cls, course: MetricCourse) -> Self:
        """Return everything that is in memory; the caller must hold the state's lock."""
        points = course.numbers.points()
        marks = sorted(NotFiniteMark(time, kind, n) for kind, marks in course.marks.items() for time, n in marks.all())
        times = [*(time for time, _ in points), *(mark.time_unix_nanos for mark in marks)]
        span = min(times), max(times)
        return cls(points, marks, span, span, course.numbers.is_whole)

    def between(self, first_unix_millis: float, last_unix_millis: float) -> Self:
        """Return the points of a span of time, and one before and one after it, so that lines reach its edges."""
        first, last = int(first_unix_millis * _NANOS_PER_MILLI), int(last_unix_millis * _NANOS_PER_MILLI)
        times = [time for time, _ in self.points]
        begin, end = max(bisect_left(times, first) - 1, 0), bisect_right(times, last) + 1
        marks = [mark for mark in self.marks if first <= mark.time_unix_nanos <= last]
        return self._replace(points=self.points[begin:end], marks=marks, span=(first, last))

    def completed(self, payloads: Iterable[bytes]) -> Self:
        """Add every number that was published in the span, from the payloads; unchanged if there are none."""
        metrics = [
            metric for metric in map(_metric_of, payloads) if metric is not None and self._has(metric.time_unix_nanos)
        ]
        if not metrics:
            return self
        numbers = {(metric.time_unix_nanos, metric.value) for metric in metrics if metric.value is not None}
        others = {
            NotFiniteMark(metric.time_unix_nanos, metric.not_finite or NO_NUMBER, 1)
            for metric in metrics
            if metric.value is None
        }
        points = sorted(numbers.union(self.points))
        return self._replace(points=points, marks=sorted(others), is_whole=True)

    def thinned(self, most: int) -> Self:
        """Return about `most` points; the least and the greatest of every part are kept."""
        if len(self.points) <= most:
            return self
        kept = Extremes()
        for time, value in self.points:
            kept.add(time, value, most)
        return self._replace(points=kept.points(), is_whole=False)

    def told(self) -> Json:
        """Return the JSON that browsers receive; times have microseconds."""
        return {
            "times_unix_millis": [_millis(time) for time, _ in self.points],
            "values": [value for _, value in self.points],
            "not_finite": [{"time_unix_millis": _millis(at), "kind": kind, "count": n} for at, kind, n in self.marks],
            "first_unix_millis": _millis(self.whole_span[0]),
            "last_unix_millis": _millis(self.whole_span[1]),
            "is_whole": self.is_whole,
        }

    def _has(self, time_unix_nanos: int) -> bool:
        return self.span[0] <= time_unix_nanos <= self.span[1]


def _metric_of(payload: bytes) -> schema.Metric | None:
    try:
        message = schema.decode(payload)
    except DecodeError:
        return None
    return message if isinstance(message, schema.Metric) else None


def _millis(time_unix_nanos: int) -> float:
    return round(time_unix_nanos / _NANOS_PER_MILLI, _MICROS)
