"""Which rows of a long course to draw, so that it looks as if all were drawn. Pure.

Place in the flow: `rows` asks which; a chart that is a thousand points wide need not hold a hundred thousand.

Rows are real ones and the same for all learning modules, so that a row can be looked at with everything that belongs
to it. The course is cut into stretches. Of each of many short ones the rows are kept where the strongest evidence of
all is highest and where it is lowest; of each of fewer long ones, as many as fit, those where any object's evidence is
highest and lowest. What room is left goes to rows at even distances.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np

from monty_mqtt_liveview.columns import Array
from monty_mqtt_liveview.steps import StepTable

__all__ = ["choose"]

_SHARE = 4
"""One short stretch for so many points: two of them are its own, the others for the long ones."""


def choose(table: StepTable, first: int, last: int, points: int) -> Array:
    """Return at most `points` rows from `first` to `last`, in order; both are among them where there are two.

    Args:
        table: The steps.
        first: The first row.
        last: The last row.
        points: How many rows at most, 1 or more.
    """
    last = min(last, table.count - 1)
    count = max(last - first + 1, 0)
    if count <= points:
        return np.arange(first, first + count)
    ends = np.unique([0, count - 1])[-points:]
    courses = [one.evidence.view(table.count)[first : last + 1, : one.known] for one in table.learning_modules.values()]
    courses = [course for course in courses if course.shape[1]]
    found = _extremes(courses, count, points, ends) if courses and points >= _SHARE else ends
    even = np.linspace(0, count - 1, points - len(found) + 2)[1:-1].astype(np.int64)
    return first + np.union1d(found, even)


class _Extremes(NamedTuple):
    """The greatest value of each course in each stretch, and where it is."""

    values: Array
    places: Array

    @classmethod
    def of(cls, stretches: Array, length: int) -> Self:
        """Return those of courses that are cut already: stretch, row, course; NaN is never the greatest."""
        known = np.where(np.isnan(stretches), -np.inf, stretches)
        at = known.argmax(axis=1)
        values = np.take_along_axis(known, at[:, None], axis=1)[:, 0]
        return cls(values, at + length * np.arange(len(known))[:, None])

    def pooled(self) -> Self:
        """Return those of stretches twice as long."""
        if len(self.values) % 2:
            pad = ((0, 1), (0, 0))
            return type(self)(np.pad(self.values, pad, constant_values=-np.inf), np.pad(self.places, pad)).pooled()
        is_later = self.values[1::2] > self.values[::2]
        return type(self)(*(np.where(is_later, part[1::2], part[::2]) for part in self))

    def rows(self) -> Array:
        """Return where they are, the greatest first."""
        order = np.argsort(-self.values, axis=None, kind="stable")
        return self.places.ravel()[order][np.isfinite(self.values.ravel()[order])]


def _extremes(courses: list[Array], count: int, points: int, ends: Array) -> Array:
    stretches = points // _SHARE
    length = -(-count // stretches)
    cut = [_cut(course, stretches, length) for course in courses]
    highest = _joined([_Extremes.of(course, length) for course in cut])
    lowest = _joined([_Extremes.of(-course, length) for course in cut])
    peaks = highest.places[np.arange(stretches), highest.values.argmax(axis=1)][highest.values.max(axis=1) > -np.inf]
    strongest = np.max([np.where(np.isnan(course), -np.inf, course).max(axis=2) for course in cut], axis=0)
    strongest[np.isneginf(strongest)] = np.nan
    troughs = _Extremes.of(-strongest[:, :, None], length).rows()
    outline = np.unique(np.concatenate([ends, peaks, troughs]))
    while True:
        found = np.union1d(outline, np.concatenate([highest.rows(), lowest.rows()]))
        if len(found) <= points:
            return found
        if len(highest.values) == 1:
            break
        highest, lowest = highest.pooled(), lowest.pooled()
    rest = np.setdiff1d(highest.rows(), outline)
    return np.union1d(outline, rest[: points - len(outline)])


def _cut(course: Array, stretches: int, length: int) -> Array:
    missing = stretches * length - len(course)
    padded = np.pad(course, ((0, missing), (0, 0)), constant_values=np.nan)
    return padded.reshape(stretches, length, course.shape[1])


def _joined(parts: list[_Extremes]) -> _Extremes:
    return _Extremes(
        np.concatenate([part.values for part in parts], axis=1),
        np.concatenate([part.places for part in parts], axis=1),
    )
