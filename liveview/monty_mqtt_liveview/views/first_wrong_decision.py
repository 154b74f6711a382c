"""Finds the first wrong decision of an episode, per learning module: the step where the target lost its lead for good.

A part of `views`, from which other modules import it. Pure.

The object that leads after a step is Monty's own decision: its most likely hypothesis. Monty also says whether that is
right, and the steps carry it (`LearningModuleStep.is_correct`). A step for which Monty does not say so (no observation
yet, a new object, no target) counts neither as right nor as wrong.
"""

from __future__ import annotations

import numpy as np

from monty_mqtt_liveview.state.columns import Array
from monty_mqtt_liveview.state.episodes import EpisodeKey
from monty_mqtt_liveview.state.steps.module_columns import LearningModuleSteps
from monty_mqtt_liveview.state.steps.step_table import MODES
from monty_mqtt_liveview.state.worker import Worker
from monty_mqtt_liveview.views.numbers import Json

__all__ = ["wrong"]

_NO_BELIEF = ("no_observations_yet", "patch_off_object")
_NO_LABEL = "no_label"
"""Monty's name of the target when there is no ground truth."""


def wrong(worker: Worker, mode: str, episode: int) -> dict[str, Json]:
    """Return the verdict on each learning module in an episode, by the module's id.

    Raises:
        KeyError: There is no such episode.
    """
    known_episode = worker.episodes[EpisodeKey(mode, episode)]
    table = worker.steps
    rows = (
        np.arange(known_episode.first_row, known_episode.last_row + 1) if known_episode.first_row >= 0 else np.arange(0)
    )
    place = MODES.index(mode) if mode in MODES else -1
    rows = rows[(table.mode.take(rows) == place) & (table.episode.take(rows) == episode)]
    shown = known_episode.target.object if known_episode.target else None
    verdicts = {}
    for name, module in table.learning_modules.items():
        target = _target(module, rows) or shown or _first(table.targets.names, table.target.take(rows))
        verdicts[name] = _verdict(module, rows, target)
        at = verdicts[name]["row"]
        verdicts[name]["step"] = None if at is None else int(table.step.between(at, at + 1)[0])
    return verdicts


def _verdict(module: LearningModuleSteps, rows: Array, target: str | None) -> Json:
    is_correct = module.is_correct.take(rows)
    decided = np.flatnonzero(is_correct >= 0)
    word, at = _decision(is_correct[decided] > 0) if len(decided) else (_why_none(module, rows, target), None)
    shown = decided[-1 if at is None else at] if len(decided) else None
    return {
        "verdict": word,
        "row": None if at is None else int(rows[decided[at]]),
        "step": None,
        "winner": None if shown is None else module.objects.name(int(module.winner.take(rows)[shown])),
        "target": None if target == _NO_LABEL else target,
    }


def _decision(is_right: Array) -> tuple[str, int | None]:
    """Return the verdict on a series of decisions, and the place of the first one after the last right one."""
    if not is_right.any():
        return "never_led", None
    if is_right[-1]:
        return "kept", None
    return "lost", int(np.flatnonzero(is_right)[-1]) + 1


def _why_none(module: LearningModuleSteps, rows: Array, target: str | None) -> str:
    """Return why no step counts as right or wrong."""
    nobody = [-1, *(module.objects.find(word) for word in _NO_BELIEF)]
    if not (~np.isin(module.winner.take(rows), nobody) & (module.is_new.take(rows) == 0)).any():
        return "no_evidence"
    return "no_target" if target in {None, _NO_LABEL} else "not_told"


def _target(module: LearningModuleSteps, rows: Array) -> str | None:
    return _first(module.objects.names, module.target.take(rows))


def _first(names: list[str], places: Array) -> str | None:
    known = places[places >= 0]
    return names[known[0]] if len(known) else None
