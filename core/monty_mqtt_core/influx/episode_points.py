"""This module makes points that compare episodes, each one and by mode. Pure: no I/O, no clock.

Called by `points` for each episode that ended, and for each progress. InfluxQL cannot group by a field, so the outcome
or object that is compared stands in the tag `name`, and the count in a cell of a matrix is a field.
"""

from __future__ import annotations

import math

import msgspec

from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import LearningModuleEpisode
from monty_mqtt.wire.object_names import recognised
from monty_mqtt.wire.vocabulary import verdict
from monty_mqtt_core.influx.line_protocol import Misfits, floats, point, series

__all__ = ["FIELDS", "UNDER_WAY", "fields_of_module", "lines_of_modes", "lines_of_results"]

FIELDS: dict[str, dict[str, type]] = {
    "object": {
        "episode": int, "correct": int, "used_mlh": int, "steps": int, "elapsed_secs": float,
        "rotation_error_degs": float,
    },
    "mode_progress": {
        "episodes_done": int, "episodes_expected": int, "steps": int, "outcomes": str, "correct": int,
        "accuracy": float, "used_mlh": int, "rotation_errors": int, "rotation_error_degs": float, "mean_steps": float,
        "mean_matching_steps": float, "mean_secs": float,
    },
    "outcome": {"episode": int, "steps": int, "elapsed_secs": float},
    "timeline": {"state": str, "episode": int, "target_object": str},
}  # fmt: skip
"""Type of every field except those of `confusion`, whose fields are object names and floats."""

UNDER_WAY = "under_way"
"""State of the timeline from the end of an episode until the outcome of the next is known."""

_json = msgspec.json.Encoder()
_NO_OUTCOME = "no_outcome"
"""State and recognised object of an episode without an outcome, as in supervised pretraining."""


def fields_of_module(
    ended: schema.EpisodeEnded, learning_module: str, module: LearningModuleEpisode
) -> list[tuple[str, object]]:
    """Return the fields of a learning module's point of an episode."""
    correct, used_mlh = verdict(module.outcome)
    nodes = ended.graph_nodes.get(learning_module)
    same_names = (
        "steps", "stepwise_outcome", "most_likely_object", "detected_object", "highest_evidence",
        "rotation_error_degs", "possible_matches", "individual_outcome", "individual_step", "symmetry_evidence",
        "prediction_error", "goals_attempted", "goals_achieved", "tfnp",
    )  # fmt: skip
    return [
        ("epoch", ended.epoch), ("episode", ended.episode),
        ("target_object", ended.target.object if ended.target else None), ("outcome", module.outcome),
        ("recognised", recognised(module)), ("correct", correct), ("used_mlh", used_mlh),
        ("graphs", None if nodes is None else len(nodes)),
        ("graph_nodes", None if nodes is None else sum(nodes.values())),
        *((name, getattr(module, name)) for name in same_names),
    ]  # fmt: skip


def lines_of_results(ended: schema.EpisodeEnded, experiment: str | None, misfits: Misfits) -> list[str | None]:
    """Return the points of an episode: on the timeline, of its outcome and object, and of the confusion matrix.

    Args:
        ended: The episode.
        experiment: The experiment's name, if known.
        misfits: Counts the values that fit no field.
    """
    target = ended.target.object if ended.target else None
    lines = _timeline(ended, experiment, target, misfits)
    lines.append(_named("outcome", ended.outcome or _NO_OUTCOME, ended, experiment, misfits))
    if target is not None:
        lines.append(_named("object", target, ended, experiment, misfits))
        lines += _rotation_errors(ended, experiment, target, misfits)
        lines += [
            _confusion(ended, experiment, target, name, module, misfits)
            for name, module in ended.learning_modules.items()
        ]
    return lines


def lines_of_modes(progress: schema.Progress, experiment: str | None, misfits: Misfits) -> list[str | None]:
    """Return a point for each mode, with the sums of its episodes so far."""
    return [_mode(progress, name, mode, experiment, misfits) for name, mode in progress.modes.items()]


def _mode(
    progress: schema.Progress, name: str, mode: schema.ModeProgress, experiment: str | None, misfits: Misfits
) -> str | None:
    types = FIELDS["mode_progress"]
    outcomes = _json.encode(mode.outcomes).decode() if mode.outcomes else None
    values = {**{field: getattr(mode, field) for field in types}, "outcomes": outcomes}
    prefix = series(
        "mode_progress", "experiment", experiment, "mode", name, "run", progress.run, "worker", progress.worker
    )
    return point(types, prefix, values.items(), progress.time_unix_nanos, misfits)


def _timeline(
    ended: schema.EpisodeEnded, experiment: str | None, target: str | None, misfits: Misfits
) -> list[str | None]:
    # A chart of states draws a value from its point on, so the outcome stands at the episode's start.
    nanos = ended.elapsed_secs * 1e9
    started = ended.time_unix_nanos - max(int(nanos) if math.isfinite(nanos) else 0, 1)
    prefix = series("timeline", "experiment", experiment, "run", ended.run, "worker", ended.worker)
    fields = [("state", ended.outcome or _NO_OUTCOME), ("episode", ended.episode), ("target_object", target)]
    types = FIELDS["timeline"]
    return [
        point(types, prefix, fields, started, misfits),
        point(types, prefix, [("state", UNDER_WAY)], ended.time_unix_nanos, misfits),
    ]


def _named(
    measurement: str, name: str, ended: schema.EpisodeEnded, experiment: str | None, misfits: Misfits
) -> str | None:
    types = FIELDS[measurement]
    tags = ("experiment", experiment, "mode", ended.mode, "name", name, "run", ended.run, "worker", ended.worker)
    fields = [(field, getattr(ended, field)) for field in types if field != "rotation_error_degs"]
    return point(types, series(measurement, *tags), fields, ended.time_unix_nanos, misfits)


def _rotation_errors(
    ended: schema.EpisodeEnded, experiment: str | None, target: str, misfits: Misfits
) -> list[str | None]:
    """Return a point for each learning module that has a rotation error: Monty takes its mean over these."""
    of_modules = {name: module.rotation_error_degs for name, module in ended.learning_modules.items()}
    lines = []
    for name, error in of_modules.items():
        prefix = series(
            "object",
            *("experiment", experiment, "learning_module", name, "mode", ended.mode, "name", target),
            *("run", ended.run, "worker", ended.worker),
        )
        field = "rotation_error_degs"
        lines.append(point(FIELDS["object"], prefix, [(field, error)], ended.time_unix_nanos, misfits))
    return lines


def _confusion(
    ended: schema.EpisodeEnded,
    experiment: str | None,
    target: str,
    learning_module: str,
    module: LearningModuleEpisode,
    misfits: Misfits,
) -> str | None:
    taken_for = recognised(module) or module.outcome or _NO_OUTCOME
    prefix = series(
        "confusion",
        *("experiment", experiment, "learning_module", learning_module, "mode", ended.mode, "name", target),
        *("run", ended.run, "worker", ended.worker),
    )
    return floats(prefix, {taken_for: 1.0}, ended.time_unix_nanos, misfits)
