"""Sums up the results of the episodes: which object was taken for which, how often, how far off, how long. Pure.

A part of `views`, from which other modules import it. Whether an episode or a learning module is correct is not decided
here: the messages say so, by Monty's rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from monty_mqtt.wire import schema
from monty_mqtt.wire.mode_sum import ModeSum, finished
from monty_mqtt.wire.object_names import recognised
from monty_mqtt_liveview.state.columns import Array
from monty_mqtt_liveview.state.run import Run
from monty_mqtt_liveview.views.heads import mode_head
from monty_mqtt_liveview.views.numbers import Json, rounded

__all__ = ["most_likely", "results"]

_ALL = "all"
_BINS = 20
_ROTATION_EDGES = np.arange(0.0, 181.0, 10.0)
_MOST_BELIEVABLE = 1e9
_ANGLES = 3


def results(run: Run, worker_name: str | None = None) -> dict[str, Json]:
    """Return tables and histograms of the finished episodes of each mode, `eval` first.

    Args:
        run: The run.
        worker_name: Name of the worker; None means all workers.
    """
    workers = [worker for worker in run.workers.values() if worker_name in (None, worker.name)]
    ended = [episode for worker in workers for episode in worker.known.episodes.values()]
    return {mode: _of_mode(ended, mode) for mode in sorted({episode.mode for episode in ended if episode.outcome})}


def _of_mode(of_all_modes: Sequence[schema.EpisodeEnded], mode: str) -> Json:
    ended = [episode for episode in of_all_modes if episode.mode == mode]
    return {
        **_confusion(ended),
        "per_object": _per_object(ended),
        "per_pose": _per_pose(ended),
        "histograms": _histograms(ended),
        **_sums(ended),
    }


def most_likely(ended: schema.EpisodeEnded) -> schema.LearningModuleEpisode | None:
    """Return the learning module that names what the model took the target for; None if none names an object.

    The deciding modules are those whose outcome equals the episode's outcome. Among them, the object that is named most
    often wins, then the module with the most evidence.
    """
    modules = ended.learning_modules.values()
    deciding = [module for module in modules if module.outcome == ended.outcome] or modules
    naming = [(name, module) for module in deciding if (name := recognised(module)) is not None]
    counts = Counter(name for name, _ in naming)

    def weight(naming: tuple[str, schema.LearningModuleEpisode]) -> tuple[int, float]:
        return counts[naming[0]], naming[1].highest_evidence or 0.0

    return max(naming, key=weight)[1] if naming else None


class _Cells:
    """Counts how often each shown object was taken for which object, and how often Monty called that right or wrong."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.right: Counter[tuple[str, str]] = Counter()
        self.wrong: Counter[tuple[str, str]] = Counter()

    def add(self, shown: str, taken_for: str, *, is_correct: bool | None) -> None:
        cell = shown, taken_for
        self.counts[cell] += 1
        self.right[cell] += is_correct is True
        self.wrong[cell] += is_correct is False


def _confusion(ended: Sequence[schema.EpisodeEnded]) -> Json:
    tables = _counted(ended)
    targets = sorted({target for table in tables.values() for target, _ in table.counts})
    predicted = _columns(targets, tables.values())

    def rows(counter: Counter[tuple[str, str]]) -> list[list[int]]:
        return [[counter[target, taken_for] for taken_for in predicted] for target in targets]

    return {
        "targets": targets,
        "predicted": predicted,
        "confusion": {name: rows(table.counts) for name, table in tables.items()},
        "right": {name: rows(table.right) for name, table in tables.items()},
        "wrong": {name: rows(table.wrong) for name, table in tables.items()},
    }


def _columns(targets: Sequence[str], tables: Iterable[_Cells]) -> list[str]:
    """Return the names for the columns; those that are right for a target come first, in the targets' order."""
    cells = list(tables)
    named = {name for table in cells for _, name in table.counts}
    right = {cell for table in cells for cell, count in table.right.items() if count}
    columns: dict[str, None] = {}
    for target in targets:
        columns.update(dict.fromkeys(sorted(name for shown, name in right if shown == target) or [target]))
    return list(columns | dict.fromkeys(sorted(named)))


def _counted(ended: Sequence[schema.EpisodeEnded]) -> dict[str, _Cells]:
    """Return the counts of the whole model and of each learning module."""
    tables = {_ALL: _Cells()}
    for episode in ended:
        if episode.target is None:
            continue
        shown = episode.target.object
        deciding = most_likely(episode)
        taken_for = (deciding and recognised(deciding)) or _nothing(episode.outcome)
        tables[_ALL].add(shown, taken_for, is_correct=deciding.is_correct if deciding else None)
        for name, module in episode.learning_modules.items():
            taken_for = recognised(module) or _nothing(module.outcome)
            tables.setdefault(name, _Cells()).add(shown, taken_for, is_correct=module.is_correct)
    return tables


def _nothing(outcome: str | None) -> str:
    return f"({outcome or 'nothing'})"


def _per_object(ended: Sequence[schema.EpisodeEnded]) -> list[Json]:
    by_object: dict[str, list[schema.EpisodeEnded]] = {}
    for episode in ended:
        if episode.target is not None:
            by_object.setdefault(episode.target.object, []).append(episode)
    return [{"object": name, **_sums(by_object[name])} for name in sorted(by_object)]


def _per_pose(ended: Sequence[schema.EpisodeEnded]) -> list[Json]:
    """Return the results of each object in each rotation, and its episodes, those that went wrong first."""
    by_pose: dict[tuple[str, tuple[float, ...]], list[schema.EpisodeEnded]] = {}
    for episode in ended:
        if episode.target is None:
            continue
        rotation = _known_rotation(episode.target.rotation_euler_degs)
        if rotation is not None:
            by_pose.setdefault((episode.target.object, rotation), []).append(episode)
    return [
        {
            "object": name,
            "rotation_euler_degs": list(rotation),
            "episodes": [
                {"worker": episode.worker, "episode": episode.episode}
                for episode in sorted(by_pose[name, rotation], key=lambda episode: bool(episode.correct))
            ],
            **_sums(by_pose[name, rotation]),
        }
        for name, rotation in sorted(by_pose)
    ]


def _known_rotation(euler_degs: Sequence[float | None] | None) -> tuple[float, ...] | None:
    """Return Euler angles in degrees, rounded to a thousandth; None where one is not known."""
    angles = [round(angle, 3) for angle in euler_degs or () if angle is not None and np.isfinite(angle)]
    return tuple(angle + 0.0 for angle in angles) if len(angles) == _ANGLES else None


def _sums(ended: Sequence[schema.EpisodeEnded]) -> Json:
    added = ModeSum()
    for episode in ended:
        added.add(finished(episode))
    return mode_head(added.progress(sum(episode.steps for episode in ended)))


def _histograms(ended: Sequence[schema.EpisodeEnded]) -> Json:
    return {
        "steps": _histogram([episode.steps for episode in ended]),
        "secs": _histogram([episode.elapsed_secs for episode in ended]),
        "rotation_error_degs": _histogram([episode.rotation_error_degs for episode in ended], _ROTATION_EDGES),
    }


def _histogram(values: Iterable[float | None], edges: Array | None = None) -> Json:
    known = [round(value, 5) for value in values if value is not None and abs(value) < _MOST_BELIEVABLE]
    counts, bin_edges = _round_bins(known) if edges is None else np.histogram(known, edges)
    return {"edges": rounded(bin_edges), "counts": counts.tolist()}


def _round_bins(values: Sequence[float]) -> tuple[Array, Array]:
    """Return counts and edges of at most `_BINS` + 1 bins.

    Edges are multiples of 1, 2 or 5 times a power of ten; for whole numbers the edges are whole numbers.
    """
    if not values:
        return np.zeros(1, np.int64), np.arange(2.0)
    low, high = min(values), max(values)
    least = max((high - low) / _BINS, 1.0 if all(value == round(value) for value in values) else 1e-5)
    power = 10.0 ** np.floor(np.log10(least))
    width = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least * (1 - 1e-9))
    places = np.floor(np.array(values) / width + 1e-6).astype(np.int64)  # 0.3 / 0.1 is a little less than 3
    first, last = int(places.min()), int(places.max())
    return np.bincount(places - first), np.round(np.arange(first, last + 2) * width, 10)
