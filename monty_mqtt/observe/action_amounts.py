"""This module reads how much actions do: their distances, angles, poses. Reads only.

Called by the step hook with the actions of each step.
"""

from __future__ import annotations

import math
from typing import Any, Dict, Iterable, List, NamedTuple

__all__ = ["ActionAmounts", "amounts_of"]

_NUMBERS = frozenset({float, int})


class ActionAmounts(NamedTuple):
    """ActionAmounts holds the numbers of each action by Monty's names, and how many of them are NaN or infinite."""

    of_actions: List[Dict[str, Any]]
    non_finite: int


def amounts_of(actions: Iterable[Any]) -> ActionAmounts:
    """Return the numbers and lists of numbers that actions have; what else they have is left out."""
    of_actions = []
    checksum = 0.0
    for action in actions:
        amounts: Dict[str, Any] = {}
        for name, value in getattr(action, "__dict__", {}).items():
            kind = type(value)
            if kind in _NUMBERS:
                amounts[name] = value
                checksum += value
            elif kind is not str:
                plain = _plain(value)
                if plain is not None:
                    amounts[name] = plain
                    checksum += sum(plain) if type(plain) is list else plain
        of_actions.append(amounts)
    # One sum reveals any NaN or infinity among the numbers; only then they are counted one by one.
    return ActionAmounts(of_actions, 0 if checksum - checksum == 0 else _non_finite(of_actions))


def _plain(value: Any) -> Any:
    """Return a number, or numbers as a list; None if it is neither."""
    if hasattr(value, "w") and hasattr(value, "x"):  # a quaternion of numpy-quaternion
        value = [value.w, value.x, value.y, value.z]
    elif hasattr(value, "tolist"):
        value = value.tolist()
    if type(value) in _NUMBERS:
        return value
    is_list = isinstance(value, (list, tuple)) and all(type(part) in _NUMBERS for part in value)
    return list(value) if is_list else None


def _non_finite(of_actions: List[Dict[str, Any]]) -> int:
    values = [value for amounts in of_actions for value in amounts.values()]
    numbers = [part for value in values for part in (value if type(value) is list else [value])]
    return sum(not math.isfinite(number) for number in numbers)
