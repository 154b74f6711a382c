"""Stores the numbers of steps in growing columns, because a run may have a hundred thousand steps. Pure.

`step_table` and `module_columns` keep one row per step in these; views read ranges of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from monty_mqtt_liveview.state.scratch_file import Array, ScratchFile, SpilledRows

__all__ = ["BLOCK_ROWS", "KEPT_ROWS", "Array", "Column", "Names", "Table", "by_keys", "numbers", "vectors", "wholes"]

T = TypeVar("T")

BLOCK_ROWS, KEPT_ROWS = 8192, 2048
"""Rows that leave memory together; and how many of the newest always stay, since waiting rows are still put there."""

_FIRST_ROWS = 16
_GROWTH = 1.25
_MOST_NAMES = 32_767
_NAN = float("nan")


class Column:
    """Stores one value, or several, per row; unset values are `fill`. Older rows may be in a scratch file on disk.

    Args:
        dtype: Type of a value.
        fill: Value of a row before it is set.
        width: Values per row; None means one scalar per row.
    """

    def __init__(self, dtype: npt.DTypeLike, fill: float, width: int | None = None) -> None:
        self._fill = fill
        shape = (_FIRST_ROWS,) if width is None else (_FIRST_ROWS, width)
        self._values: Array = np.full(shape, fill, dtype)
        self._spilled: list[SpilledRows] = []
        self._first = 0

    @property
    def nbytes(self) -> int:
        """Memory that the rows take, in bytes."""
        return self._values.nbytes

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a value."""
        return self._values.dtype

    def put(self, rows: Array, values: Array) -> None:
        """Set the values of rows that are in memory; `rows` must be ascending."""
        self._make_room(int(rows[-1]) + 1)
        self._values[rows - self._first] = values

    def put_at(self, rows: Array, places: Array, values: Array) -> None:
        """Set the values at some places of rows in memory; the rows become wider if necessary."""
        if len(places):
            self._make_wide(int(places.max()) + 1)
            self._make_room(int(rows[-1]) + 1)
            self._values[rows[:, None] - self._first, places] = values

    def view(self, count: int) -> Array:
        """Return the first `count` rows; the array must not be written to."""
        return self.between(0, count)

    def between(self, first: int, end: int) -> Array:
        """Return the rows from `first` up to but not including `end`; the array must not be written to."""
        self._make_room(end)
        in_memory = self._values[max(first - self._first, 0) : max(end - self._first, 0)]
        if first >= self._first:
            return in_memory
        parts = [
            self._widened(spilled.read()) for spilled in self._spilled[first // BLOCK_ROWS : -(-end // BLOCK_ROWS)]
        ]
        begin = first // BLOCK_ROWS * BLOCK_ROWS
        return np.concatenate([*parts, in_memory])[first - begin : end - begin]

    def take(self, rows: Array, width: int | None = None) -> Array:
        """Return a copy of the chosen rows, of each the first `width` values."""
        self._make_room(int(rows.max(initial=-1)) + 1)
        if width is not None:
            self._make_wide(width)
        taken: Array = self._values[np.maximum(rows - self._first, 0)]
        for block in np.unique(rows[rows < self._first] // BLOCK_ROWS).tolist():
            chosen = np.flatnonzero(rows // BLOCK_ROWS == block)
            taken[chosen] = self._widened(self._spilled[block].read()[rows[chosen] - block * BLOCK_ROWS])
        return taken if width is None else taken[:, :width]

    def reorder(self, order: Array) -> None:
        """Reorder the rows, all in memory; rows that `order` leaves out are dropped."""
        self._values = self.view(int(order.max(initial=-1)) + 1)[order]
        self._spilled, self._first = [], 0

    def spill(self, scratch: ScratchFile, count: int) -> None:
        """Move all but the newest of the first `count` rows to the scratch file.

        Raises:
            OSError: There is no room in the file; the remaining rows stay in memory.
        """
        self._make_room(count)
        done = 0
        try:
            while self._first + done + BLOCK_ROWS + KEPT_ROWS <= count:
                self._spilled.append(scratch.put(self._values[done : done + BLOCK_ROWS]))
                done += BLOCK_ROWS
        finally:
            if done:
                self._values, self._first = self._values[done : count - self._first].copy(), self._first + done

    def _widened(self, rows: Array) -> Array:
        missing = self._values.shape[1] - rows.shape[1] if rows.ndim > 1 else 0
        return np.pad(rows, ((0, 0), (0, missing)), constant_values=self._fill) if missing else rows

    def _make_room(self, rows: int) -> None:
        rows -= self._first
        if rows > len(self._values):
            self._grow((max(rows, int(_GROWTH * len(self._values))), *self._values.shape[1:]))

    def _make_wide(self, width: int) -> None:
        if width > self._values.shape[1]:
            self._grow((len(self._values), width))

    def _grow(self, shape: tuple[int, ...]) -> None:
        grown = np.full(shape, self._fill, self._values.dtype)
        grown[tuple(slice(size) for size in self._values.shape)] = self._values
        self._values = grown


class Table:
    """Groups columns with the same rows, and further tables: all attributes, and all values of dict attributes."""

    @property
    def nbytes(self) -> int:
        """Memory that the columns take, in bytes."""
        return sum(column.nbytes for column in self.columns())

    def spill(self, scratch: ScratchFile, count: int) -> None:
        """Move all but the newest of the first `count` rows to the scratch file.

        Raises:
            OSError: There is no room in the file.
        """
        for column in self.columns():
            column.spill(scratch, count)

    def columns(self) -> Iterable[Column]:
        """Yield every column, including those of further tables."""
        for value in vars(self).values():
            for part in value.values() if isinstance(value, dict) else (value,):
                if isinstance(part, Column):
                    yield part
                elif isinstance(part, Table):
                    yield from part.columns()


class Names(Generic[T]):
    """Numbers names in the order in which they were first seen; -1 means no name, or that there are too many names."""

    def __init__(self) -> None:
        self.names: list[T] = []
        self._places: dict[T | None, int] = {None: -1}

    def __len__(self) -> int:
        return len(self.names)

    def place(self, name: T | None) -> int:
        """Return the number of a name; a new number if the name was never seen."""
        place = self._places.get(name)
        if place is None:
            if name is None or len(self.names) >= _MOST_NAMES:
                return -1
            place = self._places[name] = len(self.names)
            self.names.append(name)
        return place

    def places(self, names: Iterable[T | None]) -> Array:
        """Return the numbers of several names as int16."""
        known = self._places
        try:
            places = [known[name] for name in names]
        except KeyError:
            places = [self.place(name) for name in names]
        return np.array(places, np.int16)

    def find(self, name: T | None) -> int:
        """Return the number of a name; -1 if it was never seen."""
        return self._places.get(name, -1)

    def name(self, place: int) -> T | None:
        """Return the name that a number stands for; None for -1."""
        return self.names[place] if 0 <= place < len(self.names) else None


def numbers(values: Sequence[Any]) -> Array:
    """Return numbers, or rows of numbers, as a float32 array; None becomes NaN."""
    with np.errstate(over="ignore"):
        return np.array(values, np.float64).astype(np.float32)


def wholes(values: Sequence[Any], dtype: npt.DTypeLike) -> Array:
    """Return whole numbers, or rows of them, as an array; numbers beyond the type's range become its nearest."""
    bounds = np.iinfo(np.dtype(dtype))
    try:
        return np.array(values, np.int64).clip(bounds.min, bounds.max).astype(dtype)
    except OverflowError:
        return np.array(values, object).clip(bounds.min, bounds.max).astype(dtype)


def vectors(values: Iterable[Sequence[float | None] | None], width: int) -> Array:
    """Return vectors as an array of shape (n, `width`); missing numbers are NaN."""
    missing = [_NAN] * width
    return numbers([value if value and len(value) == width else _fitted(value or (), missing) for value in values])


def by_keys(mappings: Iterable[Mapping[str, Any] | None]) -> dict[tuple[str, ...], list[int]]:
    """Group the mappings by their keys, order included: keys -> places. Empty mappings are left out."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for place, mapping in enumerate(mappings):
        if mapping:
            groups.setdefault(tuple(mapping), []).append(place)
    return groups


def _fitted(value: Sequence[float | None], missing: list[float]) -> list[float | None]:
    return [*value, *missing][: len(missing)]
