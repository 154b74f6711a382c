"""Returns everything that belongs to one step, and finds the row of a step. Pure.

A part of `views`, from which other modules import it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from monty_mqtt.wire import topics
from monty_mqtt_liveview.state.columns import Array, Column
from monty_mqtt_liveview.state.episodes import Episode, EpisodeKey
from monty_mqtt_liveview.state.frame_index import BulkKey
from monty_mqtt_liveview.state.steps.module_columns import SAMPLED, LearningModuleSteps
from monty_mqtt_liveview.state.steps.sensed_columns import ActionSteps, SensorSteps
from monty_mqtt_liveview.state.steps.step_table import MODES
from monty_mqtt_liveview.state.worker import Worker
from monty_mqtt_liveview.views.numbers import Json, millis, rounded

__all__ = ["bulk", "bulk_at", "bulk_latest", "find_row", "moment"]


def moment(worker: Worker, row: int) -> Json:
    """Return everything that was reported about one step, and which frames and clouds belong to it.

    Args:
        worker: The worker.
        row: The step's row; a negative one counts from the end.

    Raises:
        IndexError: There is no such row.
    """
    table = worker.steps
    row = row + table.count if row < 0 else row
    time = table.time_at(row)
    at = np.array([row])
    mode = int(table.mode.take(at)[0])
    episode, step = int(table.episode.take(at)[0]), int(table.step.take(at)[0])
    limits = {name: value for name, value in (worker.info.limits if worker.info else {}).items() if value is not None}
    return {
        "row": row,
        "time_unix_millis": millis(time),
        "mode": MODES[mode] if mode >= 0 else None,
        "epoch": int(table.epoch.take(at)[0]),
        "episode": episode,
        "step": step,
        "total_step": int(table.total_step.take(at)[0]),
        "motor_only": bool(table.motor_only.take(at)[0]),
        "target_object": table.targets.name(int(table.target.take(at)[0])),
        "learning_modules": {name: _module(module, at) for name, module in table.learning_modules.items()},
        "sensors": {name: _sensor(sensor, at) for name, sensor in table.sensors.items()},
        "actions": _actions(table.actions, at),
        "frames": _frames(worker, row, (episode, step)),
        "clouds": _clouds(worker, row, (episode, step)),
        "limits": limits,
        "steps_left": _steps_left(worker, row, limits),
    }


def find_row(worker: Worker, mode: str, episode: int, step: int) -> int | None:
    """Return the row of a step, else of the nearest step before it in its episode; None if the episode has no rows."""
    known_episode = worker.episodes.get(EpisodeKey(mode, episode))
    if known_episode is None or known_episode.first_row < 0:
        return None
    table = worker.steps
    steps = table.step.between(known_episode.first_row, known_episode.last_row + 1)
    earlier = np.flatnonzero(steps <= step)
    return known_episode.first_row + (int(earlier[-1]) if len(earlier) else 0)


def bulk(worker: Worker, seen: int = 0) -> Json:
    """Return the newest frame, cloud and model of each kind that arrived after a revision of the run; 0 means all."""
    newest = {}
    for key, index in worker.bulk.items():
        latest = bulk_latest(worker, key) if index.revision > seen else None
        if latest is not None:
            time, episode, step = latest
            name = "/".join([key[0], *map(topics.escape, key[1:])])
            newest[name] = {"episode": episode, "step": step, "time_unix_millis": millis(time)}
    return newest


def bulk_at(worker: Worker, row: int, key: BulkKey) -> tuple[int, int, int] | None:
    """Return time, episode and step of the frame, cloud or model that is shown with a step; None if there is none.

    What belongs to a step is published after it: it is the newest message before the next step.

    Args:
        worker: The worker.
        row: The step's row.
        key: Key of the bulk message, as in `Worker.bulk`.

    Raises:
        IndexError: There is no such row.
    """
    table, index = worker.steps, worker.bulk.get(key)
    table.time_at(row)
    if index is None:
        return None
    place = index.at(table.time_at(row + 1) - 1) if row + 1 < table.count else index.latest()
    return None if place is None else index.entry(place)


def bulk_latest(worker: Worker, key: BulkKey) -> tuple[int, int, int] | None:
    """Return time, episode and step of the newest bulk message with a key; None if there is none."""
    index = worker.bulk.get(key)
    place = index.latest() if index else None
    return None if index is None or place is None else index.entry(place)


def _module(module: LearningModuleSteps, at: Array) -> Json:
    names = module.objects.names[: module.known]
    evidence = rounded(module.evidence.take(at, module.known)[0])
    counts = module.hypotheses.take(at, module.known)[0].tolist()
    possible = module.possible.take(at, module.known)[0].tolist()
    numbers: dict[str, Any] = {name: rounded(column.take(at))[0] for name, column in module.numbers.items()}
    evidence_of_winner, scale = numbers.pop("winner_evidence"), numbers.pop("scale")
    return {
        "most_likely": _most_likely(module, at, evidence_of_winner, scale),
        "is_correct": _truth(module.is_correct, at),
        "is_new": bool(module.is_new.take(at)[0]),
        "target_graphs": module.target_sets.name(int(module.target_graphs.take(at)[0])),
        "second_object": module.objects.name(int(module.second.take(at)[0])),
        **numbers,
        "possible_matches": [name for name, flag in zip(names, possible, strict=True) if flag == 1],
        "terminal_state": module.terminals.name(int(module.terminal.take(at)[0])),
        "goal": _goal(module, at),
        "is_goal_achieved": _truth(module.is_goal_achieved, at),
        "target_object": module.objects.name(int(module.target.take(at)[0])),
        "stepwise_target_object": module.objects.name(int(module.stepwise_target.take(at)[0])),
        "evidence": {name: value for name, value in zip(names, evidence, strict=True) if value == value},  # noqa: PLR0124
        **{name: rounded(module.sampled[name].take(at))[0] if module.sampled else None for name in SAMPLED},
        "hypothesis_counts": {name: count for name, count in zip(names, counts, strict=True) if count >= 0},
    }


def _most_likely(module: LearningModuleSteps, at: Array, evidence: float, scale: float) -> Json | None:
    name = module.objects.name(int(module.winner.take(at)[0]))
    if name is None:
        return None
    return {
        "object": name,
        "evidence": evidence,
        "location": rounded(module.location.take(at)[0]),
        "rotation": rounded(module.rotation.take(at)[0]),
        "scale": scale,
    }


def _goal(module: LearningModuleSteps, at: Array) -> Json | None:
    if not module.goal.take(at)[0]:
        return None
    graph = module.objects.name(int(module.goal_object.take(at)[0]))
    return {"object": graph, "location": rounded(module.goal_location.take(at)[0])}


def _sensor(sensor: SensorSteps, at: Array) -> Json:
    pose = rounded(sensor.pose_vectors.take(at)[0])
    said = {name: _feature(sensor, name, at) for name in sensor.features}
    return {
        "location": rounded(sensor.location.take(at)[0]),
        "on_object": _truth(sensor.on_object, at),
        "pose_vectors": [pose[:3], pose[3:6], pose[6:]] if pose[0] == pose[0] else None,
        "features": {name: value for name, value in said.items() if value is not None},
    }


def _feature(sensor: SensorSteps, name: str, at: Array) -> Any:
    """Return a feature as it was sent: a number, a truth or a list of numbers; None if the step has none."""
    values = rounded(sensor.features[name].take(at)[0])
    if all(value != value for value in values):  # noqa: PLR0124
        return None
    if name in sensor.lists:
        return values
    return bool(values[0]) if name in sensor.flags else values[0]


def _actions(actions: ActionSteps, at: Array) -> list[Json]:
    numbers = iter(rounded(actions.amounts.take(at)[0]))
    return [
        {
            "action": name,
            "amounts": {
                amount: [next(numbers) for _ in range(size)] if size else next(numbers) for amount, size in amounts
            },
        }
        for name, amounts in actions.kinds.name(int(actions.kind.take(at)[0])) or ()
    ]


def _truth(column: Column, at: Array) -> bool | None:
    flag = int(column.take(at)[0])
    return None if flag < 0 else bool(flag)


def _frames(worker: Worker, row: int, now: tuple[int, int]) -> list[Json]:
    frames = {key: _at(worker, row, key, now) for key in worker.bulk if key[0] == "frame"}
    return [{"sensor": key[1], "modality": key[2], **place} for key, place in frames.items() if place is not None]


def _clouds(worker: Worker, row: int, now: tuple[int, int]) -> Json:
    """Return the hypotheses of this episode only: Monty discards all hypotheses when an episode ends."""
    began = _began(worker, row)
    clouds = {key[1]: _at(worker, row, key, now, began) for key in worker.bulk if key[0] == "hypotheses"}
    return {name: place for name, place in clouds.items() if place is not None}


def _began(worker: Worker, row: int) -> int:
    """Return the time of the first step of a row's episode, ns since 1970."""
    _, episode = _episode_of(worker, row)
    first = _first_row(episode, row)
    return worker.steps.time_at(first)


def _first_row(episode: Episode | None, row: int) -> int:
    """Return the row in which a row's episode begins; the row itself if the episode is not known, or is another's."""
    return episode.first_row if episode and 0 <= episode.first_row <= row else row


def _episode_of(worker: Worker, row: int) -> tuple[str, Episode | None]:
    """Return a row's mode, and its episode if it is known."""
    table, at = worker.steps, np.array([row])
    mode = int(table.mode.take(at)[0])
    name = MODES[mode] if mode >= 0 else ""
    return name, worker.episodes.get(EpisodeKey(name, int(table.episode.take(at)[0])))


def _at(worker: Worker, row: int, key: BulkKey, now: tuple[int, int], since: int = 0) -> Json | None:
    entry = bulk_at(worker, row, key)
    if entry is None or entry[0] < since:
        return None
    at, episode, step = entry
    return {"episode": episode, "step": step, "time_unix_millis": millis(at), "is_older": (episode, step) != now}


def _steps_left(worker: Worker, row: int, limits: dict[str, float]) -> int | None:
    """Return how many steps are left before Monty gives up, if all of them match; None if there is no limit.

    Counts as Monty's `MaximumSteps` and `MaxTotalSteps` (0.55) do: the former counts steps in which learning modules
    matched, the latter steps of any kind.
    """
    table, at = worker.steps, np.array([row])
    name, episode = _episode_of(worker, row)
    rows = np.arange(_first_row(episode, row), row + 1)
    matched = int(np.count_nonzero((table.motor_only.take(rows) == 0) & (table.exploring.take(rows) == 0)))
    taken = {f"max_{name}_steps": matched, "max_total_steps": int(table.step.take(at)[0]) + 1}
    left = [int(limits[limit]) - steps for limit, steps in taken.items() if limit in limits]
    return max(min(left), 0) if left else None
