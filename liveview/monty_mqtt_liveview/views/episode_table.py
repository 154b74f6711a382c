"""Makes the table of episodes: which object each one showed, and its result. Pure.

A part of `views`, from which other modules import it.
"""

from __future__ import annotations

from typing import Any

from monty_mqtt.wire import schema
from monty_mqtt.wire.object_names import believed, graph_of, recognised
from monty_mqtt_liveview.state.episodes import Episode
from monty_mqtt_liveview.state.run import Run
from monty_mqtt_liveview.state.worker import Worker
from monty_mqtt_liveview.views.numbers import Json, millis, short
from monty_mqtt_liveview.views.results import most_likely

__all__ = ["episode_rows"]


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
