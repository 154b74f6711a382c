"""Makes the table of episodes: which object each one showed, its result, and how evidence grew. Pure.

A part of `views`, from which other modules import it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from monty_mqtt.wire import schema
from monty_mqtt.wire.object_names import believed, graph_of, recognised
from monty_mqtt_liveview.state.columns import Array
from monty_mqtt_liveview.state.episodes import Episode
from monty_mqtt_liveview.state.run import Run
from monty_mqtt_liveview.state.steps.module_columns import LearningModuleSteps
from monty_mqtt_liveview.state.worker import Worker
from monty_mqtt_liveview.views.numbers import Json, millis, rounded, short
from monty_mqtt_liveview.views.results import most_likely

__all__ = ["episode_rows", "sparklines"]

_SPARKLINE_POINTS = 24


def episode_rows(run: Run, worker_name: str | None = None, seen: int = 0) -> list[Json]:
    """Return the rows of the table: the episodes of one worker, or of all, in the order in which they began.

    Args:
        run: The run.
        worker_name: Name of the worker; None means all workers.
        seen: Return only episodes that changed after this revision of the run.
    """
    workers = [worker for worker in run.workers.values() if worker_name is None or worker.name == worker_name]
    episodes = [
        (episode.first_unix_nanos, worker, episode)
        for worker in workers
        if worker.revision > seen
        for episode in worker.episodes.values()
        if episode.revision > seen
    ]
    episodes.sort(key=lambda timed: timed[0])
    return [_row(worker, episode) for _, worker, episode in episodes]


def sparklines(worker: Worker, stretches: Sequence[tuple[int, int]]) -> list[Json]:
    """Return how evidence grew in some stretches of the steps: of the target, and of the strongest other object.

    Args:
        worker: The worker.
        stretches: First and last row of each; rows that are not there are left out.
    """
    table = worker.steps
    chosen = [_spread(first, min(last, table.count - 1)) for first, last in stretches]
    rows = np.concatenate([*chosen, np.arange(0)])
    sides = [_sides(module, rows) for module in table.learning_modules.values()]
    target, other = np.max(sides, axis=0) if sides else np.full((2, len(rows)), -np.inf)
    ends = np.cumsum([len(part) for part in chosen])[:-1]
    return [
        {"target": _finite(of_target), "other": _finite(of_other)}
        for of_target, of_other in zip(np.split(target, ends), np.split(other, ends), strict=True)
    ][: len(chosen)]


def _spread(first: int, last: int) -> Array:
    """Return a few rows at even distances, both ends among them; none if the last comes before the first."""
    return np.unique(np.linspace(first, last, _SPARKLINE_POINTS).astype(np.int64)) if first <= last else np.arange(0)


def _sides(module: LearningModuleSteps, rows: Array) -> Array:
    """Return the greatest evidence of the target's graphs and of all others, per row; minus infinity where is none."""
    evidence = module.evidence.take(rows, module.known)
    evidence[np.isnan(evidence)] = -np.inf
    is_target = np.zeros((len(module.target_sets) + 1, module.known), bool)  # the last one: no graph stands for it
    for place, graphs in enumerate(module.target_sets.names):
        found = [at for at in map(module.objects.find, graphs) if 0 <= at < module.known]
        is_target[place, found] = True
    of_target = is_target[module.target_graphs.take(rows)]
    sides = [np.where(chosen, evidence, -np.inf).max(axis=1, initial=-np.inf) for chosen in (of_target, ~of_target)]
    return np.array(sides)


def _finite(values: Array) -> list[float | None]:
    return rounded(np.where(np.isneginf(values), np.nan, values))


def _row(worker: Worker, episode: Episode) -> Json:
    ended, target = episode.ended, episode.target
    return {
        "worker": worker.name,
        "mode": episode.key.mode,
        "epoch": episode.epoch,
        "episode": episode.key.episode,
        "target": target.object if target else None,
        "target_rotation_euler_degs": target.rotation_euler_degs if target else None,
        "started_unix_millis": millis(episode.first_unix_nanos),
        "elapsed_secs": short(episode.elapsed_secs),
        "steps": ended.steps if ended else episode.steps,
        "first_row": episode.first_row,
        "last_row": episode.last_row,
        "episode_seed": _seed(episode),
        "is_over": ended is not None,
        "graph_targets": episode.started.graph_targets if episode.started else {},
        **_outcome(worker, episode),
    }


def _outcome(worker: Worker, episode: Episode) -> Json:
    ended = episode.ended
    modules = ended.learning_modules if ended else {}
    return {
        "outcome": ended.outcome if ended else None,
        "correct": ended.correct if ended else None,
        "used_mlh": ended.used_mlh if ended else None,
        **(_taken_for(ended) if ended else _believed(worker, episode)),
        "rotation_error_degs": short(ended.rotation_error_degs) if ended else None,
        "matching_steps": ended.matching_steps if ended else None,
        "learned": ended.learned if ended else [],
        "learning_modules": {name: _module(module) for name, module in modules.items()},
    }


def _taken_for(ended: schema.EpisodeEnded) -> Json:
    module = most_likely(ended)
    if module is None:
        return _likely(None, None)
    return _likely(graph_of(module), recognised(module), module.most_likely_rotation_euler_degs)


def _believed(worker: Worker, episode: Episode) -> Json:
    step = worker.known.step
    if step is None or (step.mode, step.episode) != episode.key:
        return _likely(None, None)
    likely = [(module.most_likely, module) for module in step.learning_modules.values() if module.most_likely]
    if not likely:
        return _likely(None, None)
    hypothesis, module = max(likely, key=lambda likely_module: likely_module[0].evidence or 0.0)
    return _likely(hypothesis.object, believed(module))


def _likely(graph: str | None, name: str | None, rotation_euler_degs: list[float | None] | None = None) -> Json:
    return {
        "most_likely_object": graph,
        "most_likely_name": name,
        "most_likely_rotation_euler_degs": rotation_euler_degs,
    }


def _module(module: schema.LearningModuleEpisode) -> Json:
    row: dict[str, Any] = {
        "outcome": module.outcome,
        "most_likely_object": module.most_likely_object,
        "recognised": recognised(module),
        "rotation_error_degs": short(module.rotation_error_degs),
        "steps": module.steps,
        "highest_evidence": short(module.highest_evidence),
    }
    return row


def _seed(episode: Episode) -> int | None:
    seeds = [
        message.episode_seed
        for message in (episode.ended, episode.started)
        if message and message.episode_seed is not None
    ]
    return seeds[0] if seeds else None
