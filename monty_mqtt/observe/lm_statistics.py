"""This module reads what a learning module notes of each step: its prediction error and its goal states. Reads only.

Called by `model_reader`, which keeps one `StatisticsReader` for each learning module.

Monty appends these to `buffer.stats`, only in steps in which the learning module was used; so what is new since the
last step belongs to this one.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

__all__ = ["StatisticsReader"]

_Fields = Tuple[Dict[str, Any], float]


class StatisticsReader:
    """StatisticsReader reads what is new in the statistics of one learning module.

    Args:
        lm: A learning module of any kind.
    """

    def __init__(self, lm: Any) -> None:
        self._lm = lm
        self._goal: Any = None
        self._errors = self._goals = 0

    def begin_episode(self) -> None:
        """Begin anew, because Monty has emptied the statistics."""
        self._goal = None
        self._errors = self._goals = 0

    def read(self) -> _Fields:
        """Return the fields of `LearningModuleStep` that are new in this step, and the sum of their numbers."""
        fields: Dict[str, Any] = {}
        checksum = 0.0
        stats = getattr(getattr(self._lm, "buffer", None), "stats", None)
        if stats is not None:
            errors: List[Any] = stats.get("mlh_prediction_error") or []
            if len(errors) > self._errors:
                fields["prediction_error"] = error = float(errors[-1])
                checksum += error
            self._errors = len(errors)
            achieved: List[Any] = stats.get("goal_state_achieved") or []
            if len(achieved) > self._goals:
                fields["is_goal_achieved"] = bool(achieved[-1])
            self._goals = len(achieved)
        goal = getattr(getattr(self._lm, "gsg", None), "output_goal", None)
        if goal is not self._goal:  # Monty makes a new object for every goal state, and keeps it in motor-only steps
            self._goal = goal
            if goal is not None:
                fields["goal_object"] = _tested_object(goal)
                fields["goal_location"] = location = _numbers(goal.location)
                checksum += sum(location or ())
        return fields, checksum


def _numbers(location: Any) -> Optional[List[float]]:
    return None if location is None else [float(part) for part in location]


def _tested_object(goal: Any) -> Optional[str]:
    hypothesis = (getattr(goal, "info", None) or {}).get("hypothesis_to_test") or {}
    graph = hypothesis.get("graph_id")
    return None if graph is None else str(graph)
