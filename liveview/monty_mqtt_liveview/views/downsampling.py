"""Chooses which rows of a long course are drawn, so that it looks as if all were drawn. Pure.

Called by `step_rows`: a chart that is a thousand points wide need not hold a hundred thousand.

The chosen rows are real ones and the same for all learning modules, so that a viewer can select a row and see
everything that belongs to it. Rows are kept in this order of importance:

- from each of many short stretches, the rows where the strongest evidence of all objects is highest and lowest;
- from each of fewer long stretches, as many as fit, the rows where any object's evidence is highest and lowest;
- from each of a few stretches, the rows where each sensor is farthest in each direction, so that no excursion of a
  path is lost;
- rows at even distances, for the remaining room.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np

from monty_mqtt_liveview.state.columns import Array
from monty_mqtt_liveview.state.steps.step_table import StepTable

__all__ = ["Stretch", "choose"]

_SHARE = 4
"""One short stretch per this many points: two points are its own, the others are for long stretches and for places."""

_PLACES_SHARE = 8
"""One in this many points is for places of sensors."""


def choose(table: StepTable, first: int, last: int, points: int) -> Array:
    """Return at most `points` rows from `first` to `last`, in order; includes both ends if `points` is 2 or more.

    Args:
        table: The steps.
        first: The first row.
        last: The last row, included.
        points: How many rows at most, 1 or more.
    """
    return Stretch.of(table, first, last).choose(points)


class Stretch(NamedTuple):
    """Holds a stretch of the steps as it is now: rows that are added or reordered later do not change it.

    Attributes:
        first: The first row.
        size: How many rows.
        courses: Evidence of each learning module: arrays of shape (rows, objects).
        places: Locations of each sensor: arrays of shape (rows, 3), in metres.
    """

    first: int
    size: int
    courses: list[Array]
    places: list[Array]

    @classmethod
    def of(cls, table: StepTable, first: int, last: int) -> Self:
        """Return the stretch from row `first` to row `last`, included; takes almost no time."""
        last = min(last, table.count - 1)
        modules = table.learning_modules.values()
        end = max(last + 1, first)
        courses = [module.evidence.between(first, end)[:, : module.known] for module in modules]
        places = [sensor.location.between(first, end) for sensor in table.sensors.values()]
        return cls(first, end - first, [course for course in courses if course.shape[1]], places)

    def choose(self, points: int) -> Array:
        """Return at most `points` of the rows, as the function `choose` does; takes time, and needs no lock."""
        if self.size <= points:
            return np.arange(self.first, self.first + self.size)
        ends = np.unique([0, self.size - 1])[-points:]
        needed = np.union1d(ends, _turns(self.places, points))
        return self.first + _chosen(self.courses, self.size, points, needed)


def _chosen(courses: list[Array], count: int, points: int, needed: Array) -> Array:
    chosen = _extremes(courses, count, points, needed) if courses and points >= _SHARE else needed
    even = np.linspace(0, count - 1, points - len(chosen) + 2)[1:-1].astype(np.int64)
    return np.union1d(chosen, even)


class _Greatest(NamedTuple):
    """Holds the greatest value of each course in each stretch, and its row; minus infinity if there is no value."""

    values: Array
    places: Array

    @classmethod
    def of(cls, stretches: Array) -> Self:
        """Find the extremes of courses of shape (course, stretch, row)."""
        at = stretches.argmax(axis=2)
        values = np.take_along_axis(stretches, at[:, :, None], axis=2)[:, :, 0]
        return cls(values, at + stretches.shape[2] * np.arange(stretches.shape[1]))

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        """Return the extremes of all courses together."""
        return cls(*(np.concatenate([part[at] for part in parts]) for at in range(2)))

    def pooled(self) -> Self:
        """Return the extremes of stretches twice as long."""
        if self.values.shape[1] % 2:
            pad = ((0, 0), (0, 1))
            return type(self)(np.pad(self.values, pad, constant_values=-np.inf), np.pad(self.places, pad)).pooled()
        is_later = self.values[:, 1::2] > self.values[:, ::2]
        return type(self)(*(np.where(is_later, part[:, 1::2], part[:, ::2]) for part in self))

    def rows(self) -> Array:
        """Return the rows of the extremes, the greatest value first."""
        order = np.argsort(-self.values, axis=None, kind="stable")
        return self.places.ravel()[order][self.values.ravel()[order] > -np.inf]


def _turns(places: list[Array], points: int) -> Array:
    """Return the rows where each sensor is farthest in each direction, in as many stretches as there is room for."""
    sides = 2 * sum(place.shape[1] for place in places)
    stretches = points // (_PLACES_SHARE * sides) if sides else 0
    if not stretches:
        return np.array([], np.int64)
    cut = [side for place in places for side in (_cut(place, stretches), _turned(_cut(place, stretches)))]
    return np.unique(np.concatenate([_Greatest.of(side).rows() for side in cut]))


def _extremes(courses: list[Array], count: int, points: int, needed: Array) -> Array:
    cut = [_cut(course, points // _SHARE) for course in courses]
    highest = _Greatest.joined([_Greatest.of(course) for course in cut])
    strongest = np.max([course.max(axis=0) for course in cut], axis=0)
    lowest = _Greatest.joined([_Greatest.of(_turned(course)) for course in cut])
    peaks = highest.places[highest.values.argmax(axis=0), np.arange(highest.places.shape[1])]
    troughs = _Greatest.of(_turned(strongest[None])).rows()
    outline = np.zeros(count, bool)
    outline[needed] = outline[troughs] = True
    outline[peaks[highest.values.max(axis=0) > -np.inf]] = True
    while True:
        fitting = outline.copy()
        fitting[highest.rows()] = fitting[lowest.rows()] = True
        if np.count_nonzero(fitting) <= points:
            return np.flatnonzero(fitting)
        if highest.values.shape[1] == 1:
            break
        highest, lowest = highest.pooled(), lowest.pooled()
    rest = highest.rows()[~outline[highest.rows()]]
    outline[rest[: points - np.count_nonzero(outline)]] = True
    return np.flatnonzero(outline)


def _cut(course: Array, stretches: int) -> Array:
    """Return courses of shape (course, stretch, row), in equally long stretches; missing values are minus infinity."""
    count, width = course.shape
    length = -(-count // stretches)
    cut = np.full((width, stretches * length), -np.inf, course.dtype)
    cut[:, :count] = course.T
    cut[np.isnan(cut)] = -np.inf
    return cut.reshape(width, stretches, length)


def _turned(cut: Array) -> Array:
    """Return courses with the opposite sign; missing values stay minus infinity."""
    return np.where(np.isneginf(cut), cut, -cut)
