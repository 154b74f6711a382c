"""This module turns Monty's statistics of an episode into parts of EpisodeStarted and EpisodeEnded. Reads only.

Called by `episode_logger` right after Monty's own loggers, in every logging configuration.

The statistics come from Monty's own `get_stats_per_lm`, so they cannot differ from what Monty writes. That function
writes into the model (`relative_time`, the location of the most likely hypothesis). In a silent configuration Monty
does not call it, so here it gets views of the learning modules that keep such writes to themselves.
"""
# ruff: noqa: SLF001 - Monty's hypotheses have no public name

from __future__ import annotations

import importlib
import math
import warnings
from typing import Any, Dict, List, Mapping, Optional, Sequence

import msgspec

from monty_mqtt.observe.ground_truth import GroundTruth, is_correct
from monty_mqtt.observe.pose import quaternion_of_target
from monty_mqtt.wire.message_pieces import LearningModuleEpisode, Target

__all__ = [
    "PERFORMANCE_ORDER",
    "episode_outcome",
    "episode_stats",
    "target_of",
    "unjudged",
]

PERFORMANCE_ORDER = (
    "patch_off_object",
    "no_label",
    "pose_time_out",
    "time_out",
    "confused_mlh",
    "correct_mlh",
    "no_match",
    "confused",
    "correct",
)
"""Monty's `BasicGraphMatchingLogger.performance_options` (0.55): a later word wins over an earlier one."""


def episode_outcome(performances: Sequence[Optional[str]], order: Sequence[str] = PERFORMANCE_ORDER) -> Optional[str]:
    """Return the outcome of the whole model: the last word of `order` that any learning module reached.

    It is None if no learning module has an outcome, as in supervised pretraining.
    """
    reached = {word for word in performances if word is not None}
    ranked = [word for word in order if word in reached]
    return ranked[-1] if ranked else next(iter(sorted(reached)), None)


def target_of(target: Optional[Mapping[str, Any]]) -> Optional[Target]:
    """Return Monty's `primary_target` as plain numbers; None without a target."""
    if not target or "object" not in target:
        return None
    rotation = target.get("quat_rotation")
    quaternion = quaternion_of_target(target.get("rotation") if rotation is None else rotation)
    scale = _floats(target.get("scale"))
    return Target(
        object=str(target["object"]),
        location=_floats(target.get("position")),
        rotation=None if quaternion is None else list(quaternion),
        rotation_euler_degs=_floats(target.get("euler_rotation")),
        scale=scale[0] if scale else None,
    )


def episode_stats(model: Any, target: Any, seed: Any) -> Dict[str, LearningModuleEpisode]:
    """Return Monty's statistics of the episode that has just ended, by learning module id.

    Raises:
        Exception: Any exception of Monty's function, for learning modules that it was not written for.
    """
    logging_utils = importlib.import_module("tbp.monty.frameworks.utils.logging_utils")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # numpy's "mean of empty slice", as long as nothing is learned
        stats = logging_utils.get_stats_per_lm(_ModelView(model), target, seed)
    return {
        str(getattr(lm, "learning_module_id", f"LM_{index}")): _part(lm, stats[f"LM_{index}"])
        for index, lm in enumerate(model.learning_modules)
    }


def unjudged(part: LearningModuleEpisode) -> LearningModuleEpisode:
    """Return a learning module's part without Monty's judgement, for a module that was given the object's name.

    In supervised pretraining nothing is matched, and yet Monty writes `no_match` for the first episode of each object,
    because its memory does not hold that object by then; for the other episodes it writes nothing.
    """
    return msgspec.structs.replace(part, outcome=None, stepwise_outcome=None, individual_outcome=None)


class _ModelView:
    """_ModelView is Monty's model with learning modules that do not change."""

    def __init__(self, model: Any) -> None:
        self.learning_modules = [_LearningModuleView(lm) for lm in model.learning_modules]
        self.episode_steps = model.episode_steps
        self.matching_steps = model.matching_steps


class _LearningModuleView:
    """_LearningModuleView is a learning module whose statistics are a copy; all else is its own."""

    def __init__(self, lm: Any) -> None:
        self._lm = lm
        self.buffer = _BufferView(lm.buffer)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lm, name)

    def _get_current_mlh(self) -> Dict[str, Any]:
        mlh = dict(self._lm.current_mlh)
        space = self._lm._hypotheses.get(mlh["graph_id"])
        if mlh["mlh_id"] is not None and space is not None:
            mlh["location"] = space.locations[mlh["mlh_id"]]
        return mlh


class _BufferView:
    """_BufferView is a buffer whose `stats` can be written without changing the buffer."""

    def __init__(self, buffer: Any) -> None:
        self._buffer = buffer
        self.stats = dict(buffer.stats)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._buffer, name)

    def __len__(self) -> int:
        return len(self._buffer)


def _part(lm: Any, stats: Mapping[str, Any]) -> LearningModuleEpisode:
    truth = GroundTruth(lm)
    result, likely = stats.get("result"), stats.get("most_likely_object")
    detected = result if isinstance(result, str) else None
    return LearningModuleEpisode(
        outcome=stats.get("primary_performance"),
        stepwise_outcome=stats.get("stepwise_performance"),
        most_likely_object=likely,
        detected_object=detected,
        is_correct=is_correct(stats.get("primary_performance")),
        is_new=truth.of(detected or likely or "").is_new,
        most_likely_targets=truth.of(likely or detected or "").targets,
        highest_evidence=_number(stats.get("highest_evidence")),
        rotation_error_degs=_number(stats.get("rotation_error")),
        most_likely_rotation_euler_degs=_floats(stats.get("most_likely_rotation")),
        possible_matches=_whole(stats.get("num_possible_matches")),
        steps=_whole(stats.get("num_steps")),
        individual_outcome=stats.get("individual_ts_performance"),
        individual_step=_whole(stats.get("individual_ts_reached_at_step")),
        symmetry_evidence=_number(stats.get("symmetry_evidence")),
        prediction_error=_number(stats.get("episode_avg_prediction_error")),
        goals_attempted=_whole(stats.get("goal_states_attempted")),
        goals_achieved=_whole(stats.get("goal_state_achieved")),
        possible_match_sources=stats.get("possible_match_sources"),
        tfnp=stats.get("TFNP"),
    )


def _number(value: Any) -> Optional[float]:
    """Return a finite number, or None if Monty gives no number or NaN: both are absent on the wire."""
    if value is None or not hasattr(value, "__float__"):
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def _whole(value: Any) -> Optional[int]:
    number = _number(value)
    return None if number is None else int(number)


def _floats(values: Any) -> Optional[List[Optional[float]]]:
    if values is None or not hasattr(values, "__iter__"):
        return None
    return [float(value) for value in values]
