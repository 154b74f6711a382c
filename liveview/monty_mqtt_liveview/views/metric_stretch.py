"""Returns a stretch of a metric: as it is kept in memory, and where that is thinned, as it was published. Pure.

A stretch is of time, or of another axis on which the user placed the values: step, epoch, episode. Called by `web.api`;
`service` reads what was published from the recording.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import pairwise
from math import isnan, nan
from typing import Literal, NamedTuple

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema
from monty_mqtt_liveview.state.extremes import Extremes, Places, Point
from monty_mqtt_liveview.state.metrics import AXES, NO_NUMBER, MetricCourse, places_of
from monty_mqtt_liveview.views.numbers import Json

__all__ = ["Axis", "MetricStretch"]

Axis = Literal["time", "step", "epoch", "episode"]

_NANOS_PER_MILLI = 1_000_000
_MICROS = 3
"""Digits of a millisecond that are kept, because many numbers are published within one millisecond."""


_MANY_SHARE, _FAR_MORE = 4, 2
"""A stretch is not read from the recording if a quarter of the wanted points is in memory, and it has twice as many."""


class NotFiniteMark(NamedTuple):
    """Marks a time at which one or more numbers were not finite."""

    time_unix_nanos: int
    kind: str
    numbers: int
    places: Places


class Whole(NamedTuple):
    """Holds what is true of the whole metric.

    Attributes:
        axis: The axis along which it is cut.
        span: Its first and last time, ns since 1970.
        ends: Its first and last place on the axis, for time in ns since 1970; None if no value has a place there.
        left_out: How many values have no place on the axis.
        values_per_point: How many values were published for each that is in memory.
    """

    axis: Axis
    span: tuple[int, int]
    ends: tuple[float, float] | None
    left_out: int
    values_per_point: float


class MetricStretch(NamedTuple):
    """Holds a stretch of a metric.

    Attributes:
        points: The finite values, in order along the axis.
        marks: Where numbers were not finite, in order of time.
        span: First and last time at which values of the stretch may have been published, ns since 1970.
        ends: First and last place of the stretch on the axis, for time in ns since 1970.
        whole: What is true of the whole metric.
        is_whole: Whether every number of the stretch is included.
    """

    points: list[Point]
    marks: list[NotFiniteMark]
    span: tuple[int, int]
    ends: tuple[float, float]
    whole: Whole
    is_whole: bool

    @classmethod
    def of(cls, course: MetricCourse, axis: Axis = "time") -> MetricStretch:
        """Return everything that is in memory and has a place on the axis; the caller must hold the state's lock."""
        points = course.numbers.points()
        marks = sorted(
            NotFiniteMark(time, kind, n, places)
            for kind, marks in course.marks.items()
            for time, n, places in marks.all()
        )
        times = [*(point.time_unix_nanos for point in points), *(mark.time_unix_nanos for mark in marks)]
        span = min(times), max(times)
        per_point = course.count / max(len(points), 1)
        whole = Whole(axis, span, span, 0, per_point)
        if axis != "time":
            ends = course.axes.get(axis)
            left_out = course.count - (ends.count if ends else 0)
            whole = Whole(axis, span, (ends.first, ends.last) if ends else None, left_out, per_point)
        stretch = cls(points, marks, span, whole.ends or (0, 0), whole, course.numbers.is_whole)
        return _sorted(stretch)

    def between(self, first: float, last: float) -> MetricStretch:
        """Return the points of a part, and one before and one after it, so that lines reach its edges.

        Args:
            first: Its first place on the axis; for time, milliseconds since 1970.
            last: Its last place.
        """
        begun, over = self.whole.span
        if self.whole.axis == "time":
            first, last = int(first * _NANOS_PER_MILLI), int(last * _NANOS_PER_MILLI)
            span = max(int(first), begun), min(int(last), over)
        else:
            span = self._span_of(first, last)
        return _cut(self._replace(span=span, ends=(first, last)))

    def is_fine_enough(self, most: int) -> bool:
        """Return whether the recording would add little to a picture of `most` points, and take long to read."""
        kept = len(self.points)
        return self.is_whole or (_MANY_SHARE * kept >= most and kept * self.whole.values_per_point > _FAR_MORE * most)

    def completed(self, payloads: Iterable[bytes]) -> MetricStretch:
        """Add every number that was published in the stretch, from the payloads; unchanged if there are none."""
        metrics = [metric for metric in map(_metric_of, payloads) if metric is not None and self._has(metric)]
        if not metrics:
            return self
        points = {point[:2]: point for point in self.points}
        marks: dict[int, NotFiniteMark] = {}
        for metric in metrics:
            time, places = metric.time_unix_nanos, places_of(metric.metadata)
            if metric.value is None:
                marks[time] = NotFiniteMark(time, metric.not_finite or NO_NUMBER, 1, places)
            else:
                points[time, metric.value] = Point(time, metric.value, places)
        stretch = self._replace(points=list(points.values()), marks=sorted(marks.values(), key=_time_of), is_whole=True)
        return _cut(_sorted(stretch))

    def thinned(self, most: int) -> MetricStretch:
        """Return about `most` points; the least and the greatest of every part are kept."""
        if len(self.points) <= most:
            return self
        kept = Extremes()
        for time, value, places in self.points:
            kept.add(time, value, most, places)
        return _sorted(self._replace(points=kept.points(), is_whole=False))

    def told(self) -> Json:
        """Return the JSON that browsers receive; times have microseconds."""
        whole = self.whole
        ends = whole.ends or (None, None)
        return {
            "axis": whole.axis,
            "times_unix_millis": [_millis(point.time_unix_nanos) for point in self.points],
            "values": [point.value for point in self.points],
            "axes": _columns([point.places for point in self.points]),
            "not_finite": [
                {"time_unix_millis": _millis(at), "kind": kind, "count": n, "axes": _named(places)}
                for at, kind, n, places in self.marks
            ],
            "first_unix_millis": _millis(whole.span[0]),
            "last_unix_millis": _millis(whole.span[1]),
            "first": _millis(whole.span[0]) if whole.axis == "time" else ends[0],
            "last": _millis(whole.span[1]) if whole.axis == "time" else ends[1],
            "left_out": whole.left_out,
            "is_whole": self.is_whole,
        }

    def _span_of(self, first: float, last: float) -> tuple[int, int]:
        """Return between which times values may have been published that stand from `first` to `last` on the axis.

        Of a thinned metric that is where one kept value and the next stand on both sides, or one of them within.
        """
        begun, over = self.whole.span
        known = [(point.time_unix_nanos, _place(self.whole.axis, point)) for point in sorted(self.points, key=_time_of)]
        if not known:
            return begun, over
        known = [(begun, known[0][1]), *known, (over, known[-1][1])]
        times = [
            time
            for (time_before, before), (time_after, after) in pairwise(known)
            if min(before, after) <= last and max(before, after) >= first
            for time in (time_before, time_after)
        ]
        return (min(times), max(times)) if times else (over, over)

    def _has(self, metric: schema.Metric) -> bool:
        return self.span[0] <= metric.time_unix_nanos <= self.span[1]


def _place(axis: Axis, point: Point | NotFiniteMark) -> float:
    """Return where a point stands on an axis; NaN if it has no place there."""
    if axis == "time":
        return point.time_unix_nanos
    place = point.places[AXES.index(axis)] if point.places else None
    return nan if place is None else place


def _sorted(stretch: MetricStretch) -> MetricStretch:
    """Return a stretch with the points and marks that have a place on its axis, the points in order along it."""
    axis = stretch.whole.axis
    placed = [(place, point) for point in stretch.points if not isnan(place := _place(axis, point))]
    placed.sort(key=lambda one: (one[0], one[1].time_unix_nanos))
    marks = [mark for mark in stretch.marks if not isnan(_place(axis, mark))]
    return stretch._replace(points=[point for _, point in placed], marks=marks)


def _cut(stretch: MetricStretch) -> MetricStretch:
    """Return a stretch without the points that are beyond its ends, but for one on each side."""
    axis, (first, last) = stretch.whole.axis, stretch.ends
    places = [_place(axis, point) for point in stretch.points]
    begin, end = max(bisect_left(places, first) - 1, 0), bisect_right(places, last) + 1
    marks = [mark for mark in stretch.marks if first <= _place(axis, mark) <= last]
    return stretch._replace(points=stretch.points[begin:end], marks=marks)


def _metric_of(payload: bytes) -> schema.Metric | None:
    try:
        message = schema.decode(payload)
    except DecodeError:
        return None
    return message if isinstance(message, schema.Metric) else None


def _columns(places: list[Places]) -> dict[str, list[float | None]]:
    """Return the places of points by axis, of those axes on which any of them has one."""
    if not any(places):
        return {}
    columns = zip(*(row or (None,) * len(AXES) for row in places), strict=True)
    named = zip(AXES, map(list, columns), strict=True)
    return {axis: column for axis, column in named if any(place is not None for place in column)}


def _named(places: Places) -> dict[str, float]:
    return {axis: place for axis, place in zip(AXES, places, strict=False) if place is not None}


def _time_of(point: Point | NotFiniteMark) -> int:
    return point.time_unix_nanos


def _millis(time_unix_nanos: int) -> float:
    return round(time_unix_nanos / _NANOS_PER_MILLI, _MICROS)
