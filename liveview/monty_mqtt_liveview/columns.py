"""Columns that grow: what steps said, as numbers side by side, because a run may have a hundred thousand of them. Pure.

Place in the flow: `steps` keeps one row per step in these, `views` cuts pieces out of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Column", "Names"]

_FIRST_ROWS = 64


class Column:
    """One value, or `width` values, per row; what was never put is `fill`.

    Args:
        dtype: Of a value.
        fill: What a row has before something is put there.
        width: Values per row; None is one value that is no array.
    """

    def __init__(self, dtype: npt.DTypeLike, fill: float, width: int | None = None) -> None:
        self._fill = fill
        shape = (_FIRST_ROWS,) if width is None else (_FIRST_ROWS, width)
        self._values: npt.NDArray[Any] = np.full(shape, fill, dtype)

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        return self._values.nbytes

    def put(self, row: int, value: Any) -> None:
        """Set a row, or its first values where the value is shorter than the row."""
        self._make_room(row + 1)
        if self._values.ndim == 1:
            self._values[row] = value
        else:
            self._values[row, : len(value)] = value

    def put_at(self, row: int, place: int, value: float) -> None:
        """Set one value of a row, which becomes wider if it must."""
        self._make_wide(place + 1)
        self._make_room(row + 1)
        self._values[row, place] = value

    def take(self, rows: npt.NDArray[np.int64], width: int | None = None) -> npt.NDArray[Any]:
        """Return chosen rows as a copy, of each the first `width` values."""
        self._make_room(int(rows.max(initial=-1)) + 1)
        if width is None:
            return self._values[rows]
        self._make_wide(width)
        return self._values[rows, :width]

    def _make_room(self, rows: int) -> None:
        if rows > len(self._values):
            grown = np.full((max(rows, 2 * len(self._values)), *self._values.shape[1:]), self._fill, self._values.dtype)
            grown[: len(self._values)] = self._values
            self._values = grown

    def _make_wide(self, width: int) -> None:
        if width > self._values.shape[1]:
            grown = np.full((len(self._values), max(width, 2 * self._values.shape[1])), self._fill, self._values.dtype)
            grown[:, : self._values.shape[1]] = self._values
            self._values = grown


class Names:
    """Names as small numbers, in the order in which they were first seen; -1 is no name."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._places: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.names)

    def place(self, name: str | None) -> int:
        """Return the number of a name, a new one if it was never seen."""
        if name is None:
            return -1
        found = self._places.get(name)
        if found is None:
            found = self._places[name] = len(self.names)
            self.names.append(name)
        return found

    def find(self, name: str | None) -> int:
        """Return the number of a name, -1 if it was never seen."""
        return -1 if name is None else self._places.get(name, -1)
