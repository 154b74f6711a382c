"""This module counts what burst sampling did to the hypotheses of a learning module in a step. Reads only, no clock.

Called by `model_reader` at every step. Monty's `BurstSamplingHypothesesUpdater` (0.55) removes hypotheses whose
evidence does not rise, and puts new ones behind those that stay. Its tracker of each object keeps their ages in this
order, so ages never rise from one hypothesis to the next: the oldest is the first, the new ones are the last, and their
number is found without reading all.

That an object was updated is seen by the telemetry that Monty then replaces; a tracker alone looks the same after a
step that did not reach the module.
"""

from __future__ import annotations

import math
from typing import Any, Callable, Dict, Tuple

__all__ = ["sampling_reader"]

_NEW_AGE = 1
_NOTHING = (None, None, 0)

_OF_OTHER_VERSIONS = (AttributeError, LookupError, TypeError)
"""What reading a tracker raises where a version of Monty keeps other things: then nothing is told, and nothing lost."""


def sampling_reader(lm: Any) -> Callable[[str], Dict[str, Any]]:
    """Return a function that returns the fields of `LearningModuleStep` about sampling, given the most likely object.

    It returns none of them for a module without burst sampling.
    """
    if not hasattr(getattr(lm, "hypotheses_updater", None), "evidence_slope_trackers"):
        return lambda _: {}
    return _SamplingReader(lm).read


class _SamplingReader:
    def __init__(self, lm: Any) -> None:
        self._lm = lm
        self._seen: Dict[str, Tuple[Any, Any, int]] = {}  # telemetry of an object's latest update, tracker, its size
        self._is_known = True

    def read(self, most_likely: str) -> Dict[str, Any]:
        if self._is_known:
            try:
                return self._told(most_likely)
            except _OF_OTHER_VERSIONS:
                self._is_known = False
        return {}

    def _told(self, most_likely: str) -> Dict[str, Any]:
        updater = self._lm.hypotheses_updater
        trackers, seen = updater.evidence_slope_trackers, self._seen
        added = removed = 0
        is_updated = False
        for graph, telemetry in self._lm.hypotheses_updater_telemetry.items():
            latest, known_tracker, size = seen.get(graph, _NOTHING)
            if telemetry is latest or not telemetry:
                continue  # the step did not reach this object
            is_updated = True
            tracker = trackers[graph]
            ages = tracker.hyp_ages()
            count = len(ages)
            new = _new_ones(ages, count) if count and ages.item(-1) == _NEW_AGE else 0
            added += new
            if tracker is known_tracker:
                removed += size + new - count
            seen[graph] = (telemetry, tracker, count)
        if not is_updated:
            return {}
        slope = float(updater.max_slope)
        return {
            "hypotheses_added": added,
            "hypotheses_removed": removed,
            "evidence_slope_max": slope if math.isfinite(slope) else None,
            **_ages_of(trackers.get(most_likely)),
        }


def _ages_of(tracker: Any) -> Dict[str, Any]:
    ages: Any = [] if tracker is None else tracker.hyp_ages()
    count = len(ages)
    if not count:
        return {}
    median = (ages.item((count - 1) // 2) + ages.item(count // 2)) / 2
    return {"hypothesis_age_median": median, "hypothesis_age_max": ages.item(0)}


def _new_ones(ages: Any, count: int) -> int:
    """Return how many hypotheses at the end of the ages are new, if the last one is."""
    low, high = 0, count - 1
    while low < high:
        middle = (low + high) // 2
        if ages.item(middle) > _NEW_AGE:
            low = middle + 1
        else:
            high = middle
    return count - low
