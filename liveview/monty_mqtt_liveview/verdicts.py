"""The first wrong decision of an episode, per learning module: the step where the target lost its lead for good. Pure.

Place in the flow: a part of `views`, which is what everybody imports.

Who leads after a step is Monty's own decision, the most likely hypothesis; where a learning module tells none, the
object with the highest evidence, and of several with the same evidence the target. A step after which nobody leads (no
observation yet, motor-only steps before the first) decides nothing.

Graph ids need not be names of objects: in unsupervised learning they are `new_object0`, … Which graphs were learned
from the target only Monty knows, and says so by giving a rotation error exactly where the most likely object is right.
"""

from __future__ import annotations

import numpy as np

from monty_mqtt_liveview.beliefs import LearningModuleSteps
from monty_mqtt_liveview.columns import Array
from monty_mqtt_liveview.episodes import EpisodeKey
from monty_mqtt_liveview.plain import Json
from monty_mqtt_liveview.steps import MODES
from monty_mqtt_liveview.worker import Worker

__all__ = ["wrong"]

_UNDECIDED = ("no_observations_yet", "patch_off_object")
_NEW_OBJECT = "new_object0"
"""Monty's most likely object where it has no hypothesis, and the first one learned without supervision."""

_NO_LABEL = "no_label"
"""Monty's target where there is no ground truth."""


def wrong(worker: Worker, mode: str, episode: int) -> dict[str, Json]:
    """Return the verdict on each learning module in an episode.

    Raises:
        KeyError: There is no such episode.
    """
    found = worker.episodes[EpisodeKey(mode, episode)]
    table = worker.steps
    rows = np.arange(found.first_row, found.last_row + 1) if found.first_row >= 0 else np.arange(0)
    place = MODES.index(mode) if mode in MODES else -1
    rows = rows[(table.mode.take(rows) == place) & (table.episode.take(rows) == episode)]
    shown = found.target.object if found.target else None
    verdicts = {}
    for name, module in table.learning_modules.items():
        target = _target(module, rows) or shown or _first(table.targets.names, table.target.take(rows))
        verdicts[name] = _verdict(module, rows, target)
        at = verdicts[name]["row"]
        verdicts[name]["step"] = None if at is None else int(table.step.view(table.count)[at])
    return verdicts


def _verdict(module: LearningModuleSteps, rows: Array, target: str | None) -> Json:
    leader, is_right = leads(module, rows, target)
    decided = np.flatnonzero(leader >= 0)
    word, at = _decision(is_right[decided], is_known=target not in {None, _NO_LABEL})
    shown = decided[-1 if at is None else at] if len(decided) else None
    return {
        "verdict": word,
        "row": None if at is None else int(rows[decided[at]]),
        "step": None,
        "winner": None if shown is None else module.objects.name(int(leader[shown])),
        "target": None if target == _NO_LABEL else target,
    }


def _decision(is_right: Array, *, is_known: bool) -> tuple[str, int | None]:
    """Return the verdict on some decisions, and which was the first wrong one for good.

    Args:
        is_right: Whether each was for the target.
        is_known: Whether the target is.
    """
    if not len(is_right):
        return "no_evidence", None
    if not is_known:
        return "no_target", None
    if not is_right.any():
        return "never_led", None
    if is_right[-1]:
        return "kept", None
    return "lost", int(np.flatnonzero(is_right)[-1]) + 1


def leads(module: LearningModuleSteps, rows: Array, target: str | None) -> tuple[Array, Array]:
    """Return the object that leads after each step, -1 nobody, and whether it is the target."""
    objects = module.objects
    leader = module.winner.take(rows).astype(np.int64)
    evidence = module.evidence.take(rows, module.known)
    has_own = np.zeros(len(rows), bool)
    inside = (leader >= 0) & (leader < module.known)
    has_own[inside] = np.isfinite(evidence[inside, leader[inside]])
    for word in _UNDECIDED:
        leader[leader == objects.find(word)] = -1
    leader[(leader == objects.find(_NEW_OBJECT)) & ~has_own] = -1
    place = objects.find(target)
    told_none = (module.winner.take(rows) < 0) & np.isfinite(evidence).any(axis=1)
    leader[told_none] = _highest(evidence[told_none], place)
    is_right = (leader >= 0) & np.isfinite(module.numbers["rotation_error_degs"].take(rows))
    return leader, is_right | ((leader == place) & (place >= 0))


def _highest(evidence: Array, target: int) -> Array:
    """Return the object with the highest evidence in each row; the target where it is among several."""
    known = np.where(np.isfinite(evidence), evidence, -np.inf)
    found = known.argmax(axis=1) if known.size else np.empty(0, np.int64)
    if 0 <= target < known.shape[1]:
        found[known[:, target] == known.max(axis=1, initial=-np.inf)] = target
    return found


def _target(module: LearningModuleSteps, rows: Array) -> str | None:
    return _first(module.objects.names, module.target.take(rows))


def _first(names: list[str], places: Array) -> str | None:
    known = places[places >= 0]
    return names[known[0]] if len(known) else None
