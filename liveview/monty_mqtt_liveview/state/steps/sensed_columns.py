"""Stores what one sensor module sensed, and what was done, one row per step. Pure.

Called by `step_table`, which passes several steps at once: that is ten times as fast as passing them one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from monty_mqtt.wire.message_pieces import SensorModuleStep
from monty_mqtt_liveview.state.columns import Array, Column, Names, Table, by_keys, numbers, vectors

__all__ = ["ActionSteps", "SensorSteps"]

MOST_FEATURES = 32
"""Features per sensor module whose values are kept."""

_MOST_VALUES = 16
"""Numbers of one feature, and of all actions of a step, that are kept; a feature with more is not kept at all."""

_GREATEST_WHOLE = 2**63
_NAN = float("nan")
_THREE, _NINE = 3, 9


class SensorSteps(Table):
    """Stores what one sensor module sensed.

    Attributes:
        location: Where it sensed, x, y, z in metres.
        on_object: Whether on an object (1, 0; -1 unknown).
        pose_vectors: Three unit vectors, one after the other: surface normal and both principal curvatures.
        features: Numbers of each feature; a feature that is one number has one column.
        lists: Names of the features that are lists of numbers.
        flags: Names of the features that are true or false.
    """

    def __init__(self) -> None:
        self.location = Column(np.float32, _NAN, _THREE)
        self.on_object = Column(np.int8, -1)
        self.pose_vectors = Column(np.float32, _NAN, _NINE)
        self.features: dict[str, Column] = {}
        self.lists: set[str] = set()
        self.flags: set[str] = set()

    def put(self, rows: Array, sensed: Sequence[SensorModuleStep]) -> None:
        """Store what the sensor module sensed in some steps; `rows` must be ascending."""
        self.location.put(rows, vectors([reading.location for reading in sensed], _THREE))
        on_objects = [reading.on_object for reading in sensed]
        self.on_object.put(rows, np.array([-1 if known is None else known for known in on_objects], np.int8))
        poses = [list(chain.from_iterable(reading.pose_vectors or ())) for reading in sensed]
        if any(poses):
            self.pose_vectors.put(rows, vectors(poses, _NINE))
        self._put_features(rows, [reading.features or {} for reading in sensed])

    def _put_features(self, rows: Array, features: list[dict[str, Any]]) -> None:
        for names, chosen in by_keys(features).items():
            for name in names:
                self._put_feature(name, rows[chosen], [features[place][name] for place in chosen])

    def _put_feature(self, name: str, rows: Array, values: list[Any]) -> None:
        table = _alike(values)
        if table is None:
            rows, values, table = _kept_rows(rows, values)
        if not len(rows) or (name not in self.features and len(self.features) >= MOST_FEATURES):
            return
        column = self.features.setdefault(name, Column(np.float32, _NAN, 1))
        self.flags |= {name} if isinstance(values[0], bool) else set()
        self.lists |= {name} if any(isinstance(value, list) for value in values) else set()
        column.put_at(rows, np.arange(table.shape[1]), table)


def _alike(values: list[Any]) -> Array | None:
    """Return numbers, or lists of equally many, as rows of an array; None if they are something else, or too many."""
    try:
        table = numbers(values) if isinstance(values[0], (float, int, list)) else None
    except (ValueError, TypeError, OverflowError):
        return None
    if table is not None and table.ndim == 1:
        table = table[:, None]
    return table if table is not None and table.ndim == 2 and 0 < table.shape[1] <= _MOST_VALUES else None  # noqa: PLR2004


def _kept_rows(rows: Array, values: list[Any]) -> tuple[Array, list[Any], Array]:
    """Return the rows whose values are a number or a few, these values, and their numbers as an array."""
    kept = [(place, of_step) for place, value in enumerate(values) if (of_step := _kept_numbers(value))]
    places = [place for place, _ in kept]
    width = max((len(of_step) for _, of_step in kept), default=0)
    return rows[places], [values[place] for place in places], vectors([of_step for _, of_step in kept], width)


_Kind = tuple[tuple[str, tuple[tuple[str, int], ...]], ...]


class ActionSteps(Table):
    """Stores the actions of each step.

    Attributes:
        kinds: Distinct combinations of actions, each with its name, and its amounts by name: how many numbers each is;
            0 stands for a number that is no list.
        kind: Place in `kinds`; -1 if absent.
        amounts: The numbers of all amounts, one after the other.
    """

    def __init__(self) -> None:
        self.kinds = Names[_Kind]()
        self.kind = Column(np.int16, -1)
        self.amounts = Column(np.float32, _NAN, 1)

    def put(self, rows: Array, actions: Sequence[list[str]], amounts: Sequence[list[dict[str, Any]]]) -> None:
        """Store the names of the actions of some steps, and their amounts as far as they are numbers."""
        kinds: list[_Kind | None] = []
        values: list[list[float | None]] = []
        for names, given in zip(actions, amounts, strict=True):
            kept: list[float | None] = []
            amounts_of_each = [*given, *({} for _ in names)]
            named = list(zip(names[:_MOST_VALUES], amounts_of_each, strict=False))
            kind = tuple((name, _keep_amounts(of_action, kept)) for name, of_action in named)
            kinds.append(kind or None)
            values.append(kept)
        self.kind.put(rows, self.kinds.places(kinds))
        width = max(map(len, values))
        if width:
            self.amounts.put_at(rows, np.arange(width), vectors(values, width))


def _keep_amounts(amounts: dict[str, Any], kept: list[float | None]) -> tuple[tuple[str, int], ...]:
    """Append the numbers of an action to those of its step while there is room; return which they are."""
    sizes = []
    for name, value in amounts.items():
        found = _kept_numbers(value)
        if found and len(kept) + len(found) <= _MOST_VALUES:
            kept += found
            sizes.append((name, len(found) if isinstance(value, list) else 0))
    return tuple(sizes)


def _kept_numbers(value: Any) -> list[float | None]:
    """Return a number, or a list of a few numbers, as a list; anything else as an empty one. None stands for NaN."""
    if value is None:
        return []
    parts = value if isinstance(value, list) else [value]
    return parts if len(parts) <= _MOST_VALUES and all(part is None or _is_number(part) for part in parts) else []


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and abs(value) <= _GREATEST_WHOLE)
