"""Thins a long series of numbers: keeps the least and the greatest of each stretch, so no spike is lost. Pure.

`metrics` keeps every metric in these; `metric_stretch` thins with them what it reads from a recording.
"""

from __future__ import annotations

from array import array

import numpy as np

__all__ = ["Extremes", "Marks"]

_FIRST_WIDTH = 2
_MOST_MARKS = 512

Point = tuple[int, float]


class Extremes:
    """Holds a series of finite numbers in bounded memory.

    The series is divided into stretches of equally many numbers. Two points of each are kept: the least and the
    greatest. When there are too many points, every two neighbouring stretches are joined.
    """

    def __init__(self) -> None:
        self._times, self._values = array("q"), array("d")
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

    def add(self, time_unix_nanos: int, value: float, most: int) -> None:
        """Add a number (time in ns since 1970); keep about `most` points in total, at least 4."""
        point = time_unix_nanos, value
        self._first = self._first or point
        if self._latest is None or time_unix_nanos >= self._latest[0]:
            self._latest = point
        _take(self._open, point)
        self._filled += 1
        if self._filled < self._width:
            return
        for time, kept in self._open:
            self._times.append(time)
            self._values.append(kept)
        self._open, self._filled = [], 0
        while len(self._times) > max(most, 2 * _FIRST_WIDTH):
            self._halve()

    def points(self) -> list[Point]:
        """Return times (ns since 1970) and values, in order of time; the first and the latest are always included."""
        ends = [point for point in (self._first, self._latest) if point]
        return sorted({*zip(self._times, self._values, strict=True), *self._open, *ends})

    def _halve(self) -> None:
        whole = len(self._times) // (2 * _FIRST_WIDTH) * 2 * _FIRST_WIDTH
        rest = list(zip(self._times[whole:], self._values[whole:], strict=True))
        times = np.array(self._times[:whole], np.int64).reshape(-1, 2 * _FIRST_WIDTH)
        values = np.array(self._values[:whole]).reshape(times.shape)
        ends = np.stack([values.argmin(1), values.shape[1] - 1 - values[:, ::-1].argmax(1)], 1)
        at = np.sort(ends, 1)
        self._times = array("q", np.take_along_axis(times, at, 1).tobytes())
        self._values = array("d", np.take_along_axis(values, at, 1).tobytes())
        if rest:
            for point in self._open:
                _take(rest, point)
            self._open, self._filled = rest, self._filled + self._width
        self._width *= 2


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
        self._width = 1

    def add(self, time_unix_nanos: int) -> None:
        """Add an occurrence; when there are too many marks, every two neighbours are joined."""
        self.count += 1
        if self._counts and self._counts[-1] < self._width:
            self._counts[-1] += 1
            return
        self._times.append(time_unix_nanos)
        self._counts.append(1)
        if len(self._times) > _MOST_MARKS:
            pairs = np.array([*self._counts, *[0] * (len(self._counts) % 2)], np.int64).reshape(-1, 2)
            self._times, self._counts = self._times[::2], array("q", pairs.sum(1).tobytes())
            self._width *= 2

    def all(self) -> list[tuple[int, int]]:
        """Return time (ns since 1970) and count of each mark, in order of time."""
        return sorted(zip(self._times, self._counts, strict=True))
