"""Thins a long series of numbers: keeps the least and the greatest of each stretch, so no spike is lost. Pure.

`metrics` keeps every metric in these; `metric_stretch` thins with them what it reads from a recording.
"""

from __future__ import annotations

from array import array
from math import isnan, nan
from operator import itemgetter
from typing import NamedTuple, TypeVar

import numpy as np

from monty_mqtt_liveview.state.scratch_file import Array

__all__ = ["NOWHERE", "Extremes", "Marks", "Places", "Point"]

_FIRST_WIDTH = 2
_MOST_MARKS = 512

Number = TypeVar("Number", int, float)

Places = tuple[float | None, ...]
"""Where a number stands on axes other than time, in the order of the axes; None where it has no place."""

NOWHERE: Places = ()
"""The places of a number that stands on no axis but time."""


class Point(NamedTuple):
    """Holds a number with its time (ns since 1970) and its places."""

    time_unix_nanos: int
    value: float
    places: Places = NOWHERE


class Extremes:
    """Holds a series of finite numbers in bounded memory.

    The series is divided into stretches of equally many numbers. Two points of each are kept: the least and the
    greatest. When there are too many points, every two neighbouring stretches are joined.
    """

    def __init__(self) -> None:
        self._times, self._values = array("q"), array("d")
        self._places: list[array[float]] = []
        self._width = _FIRST_WIDTH
        self._open: list[Point] = []
        self._filled = 0
        self._first: Point | None = None
        self._latest: Point | None = None

    def __len__(self) -> int:
        return len(self._times) + len(self._open)

    @property
    def is_whole(self) -> bool:
        """Whether every number is still kept."""
        return self._width == _FIRST_WIDTH

    def add(self, time_unix_nanos: int, value: float, most: int, places: Places = NOWHERE) -> None:
        """Add a number (time in ns since 1970); keep about `most` points in total, at least 4."""
        point = Point(time_unix_nanos, value, places)
        self._first = self._first or point
        if self._latest is None or time_unix_nanos >= self._latest[0]:
            self._latest = point
        _take(self._open, point)
        self._filled += 1
        if self._filled < self._width:
            return
        for kept in self._open:
            self._keep(kept)
        self._open, self._filled = [], 0
        while len(self._times) > max(most, 2 * _FIRST_WIDTH):
            self._halve()

    def points(self) -> list[Point]:
        """Return the points in order of time; the first and the latest are always included."""
        ends = [point for point in (self._first, self._latest) if point]
        found = {point[:2]: point for point in (*ends, *self._open, *self._kept(0))}
        return [found[at] for at in sorted(found)]

    def _keep(self, point: Point) -> None:
        self._times.append(point.time_unix_nanos)
        self._values.append(point.value)
        if point.places and not self._places:  # the first that has a place: those before have none
            self._places = [array("d", [nan]) * (len(self._times) - 1) for _ in point.places]
        for column, place in zip(self._places, point.places or (None,) * len(self._places), strict=True):
            column.append(nan if place is None else place)

    def _kept(self, first: int) -> list[Point]:
        """Return the kept points from number `first` on."""
        times, values = self._times[first:], self._values[first:]
        if not self._places:
            return [Point(*point) for point in zip(times, values, strict=True)]
        places = map(_told, zip(*(column[first:] for column in self._places), strict=True))
        return [Point(*point) for point in zip(times, values, places, strict=True)]

    def _halve(self) -> None:
        whole = len(self._times) // (2 * _FIRST_WIDTH) * 2 * _FIRST_WIDTH
        rest = self._kept(whole)
        values = np.array(self._values[:whole]).reshape(-1, 2 * _FIRST_WIDTH)
        ends = np.stack([values.argmin(1), values.shape[1] - 1 - values[:, ::-1].argmax(1)], 1)
        at = np.sort(ends, 1)
        self._times = _taken(self._times, at, whole)
        self._values = _taken(self._values, at, whole)
        self._places = [_taken(column, at, whole) for column in self._places]
        if rest:
            for point in self._open:
                _take(rest, point)
            self._open, self._filled = rest, self._filled + self._width
        self._width *= 2


def _told(row: tuple[float, ...]) -> Places:
    places = tuple(None if isnan(place) else place for place in row)
    return NOWHERE if places.count(None) == len(places) else places


def _taken(column: array[Number], at: Array, whole: int) -> array[Number]:
    """Return of each stretch of the first `whole` numbers those at these places."""
    rows = np.array(column[:whole]).reshape(len(at), -1)
    return array(column.typecode, np.take_along_axis(rows, at, 1).tobytes())


def _take(ends: list[Point], point: Point) -> None:
    """Replace the least or greatest of `ends` by the point if it exceeds it; keep the two in order of arrival."""
    if len(ends) < _FIRST_WIDTH:
        ends.append(point)
        return
    least, greatest = ends if ends[0][1] <= ends[1][1] else reversed(ends)
    if point[1] > greatest[1]:
        ends[:] = least, point
    elif point[1] < least[1]:
        ends[:] = greatest, point


class Marks:
    """Holds the times of occurrences; if there are very many, the first time of several and their number."""

    def __init__(self) -> None:
        self.count = 0
        self._times, self._counts = array("q"), array("q")
        self._places: list[Places] = []
        self._width = 1

    def add(self, time_unix_nanos: int, places: Places = NOWHERE) -> None:
        """Add an occurrence; when there are too many marks, every two neighbours are joined."""
        self.count += 1
        if self._counts and self._counts[-1] < self._width:
            self._counts[-1] += 1
            return
        self._times.append(time_unix_nanos)
        self._counts.append(1)
        self._places.append(places)
        if len(self._times) > _MOST_MARKS:
            pairs = np.array([*self._counts, *[0] * (len(self._counts) % 2)], np.int64).reshape(-1, 2)
            self._times, self._counts = self._times[::2], array("q", pairs.sum(1).tobytes())
            self._places = self._places[::2]
            self._width *= 2

    def all(self) -> list[tuple[int, int, Places]]:
        """Return time (ns since 1970), count and places of each mark, in order of time."""
        return sorted(zip(self._times, self._counts, self._places, strict=True), key=itemgetter(0, 1))
