"""This module turns messages into points in InfluxDB line protocol. Pure: no I/O, no clock.

Called by `outlet` for each message, by `pipeline` for health; the lines go to `line_batches`. Only `FIELDS` defines
which fields there are and of which type; a type never changes.

Tags are only `run`, `worker`, `experiment`, `learning_module`, `name` and `mode`. A worker's times strictly increase,
and each kind has a measurement of its own, so two points of one series never share a time; if a message is sent again,
it writes the same points again, which changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from monty_mqtt.wire import schema
from monty_mqtt.wire.object_names import believed
from monty_mqtt.wire.vocabulary import STATUS_CODES
from monty_mqtt_core.influx import episode_points
from monty_mqtt_core.influx.line_protocol import Misfits, floats, point, series

__all__ = ["FIELDS", "bridge_health", "frame", "lines_of", "run_health"]

FIELDS: dict[str, dict[str, type]] = {
    "step": {
        # fields of the whole experiment
        "epoch": int, "episode": int, "step": int, "total_step": int, "step_type": str, "is_motor_only": int,
        "step_secs": float, "monitor_micros": float, "actions": str, "target_object": str, "non_finite": int,
        # fields of one learning module
        "most_likely_object": str, "most_likely_name": str, "is_correct": int, "evidence": float,
        "second_object": str, "margin": float, "possible_matches": int,
        "evidence_threshold": float, "terminal_state": str, "hypotheses": int, "stepwise_target_object": str,
        "rotation_error_degs": float, "symmetry_evidence": float, "scale": float, "hypotheses_added": int,
        "hypotheses_removed": int, "hypothesis_age_median": float, "hypothesis_age_max": int,
        "evidence_slope_max": float,
        "prediction_error": float, "goal_object": str, "is_goal_achieved": int,
    },
    "episode": {
        "epoch": int, "episode": int, "steps": int, "elapsed_secs": float, "outcome": str, "correct": int,
        "used_mlh": int, "rotation_error_degs": float, "matching_steps": int, "episode_seed": int, "target_object": str,
        "learned": str,
        "stepwise_outcome": str, "most_likely_object": str, "detected_object": str, "recognised": str,
        "highest_evidence": float,
        "possible_matches": int, "individual_outcome": str, "individual_step": int, "symmetry_evidence": float,
        "prediction_error": float, "goals_attempted": int, "goals_achieved": int, "tfnp": str,
        "graphs": int, "graph_nodes": int,
    },
    "metric": {"value": float, "metadata": str, "not_finite": str},
    "log": {"message": str, "logger": str, "metadata": str, "suppressed": int},
    "event": {"level": str, "source": str, "fields": str},
    "progress": {
        "epoch": int, "episode": int, "step": int, "episodes_done": int, "episodes_expected": int,
        "eval_accuracy": float, "train_accuracy": float,
        "elapsed_secs": float, "estimated_end_unix_nanos": int, "estimated_end_unix_millis": int,
        "remaining_secs": float, "done_ratio": float, "episodes_per_hour": float, "steps_per_sec": float,
    },
    "status": {
        "status": str, "status_code": int, "stalled": int, "reason": str, "error_type": str, "error_message": str,
        "error_traceback": str, "highest_seq": int, "lost": int, "dropped": int, "too_large": int,
        "spooled": int, "page_url": str,
    },
    "machine": {
        "cpu_percent": float, "memory_bytes": int, "threads": int, "gpu_memory_bytes": int, "gpu_percent": float,
        "load": float, "cpus": int, "disk_free_bytes": int, "disk_total_bytes": int,
    },
    "frame": {"rgba_url": str, "depth_url": str, "episode": int, "step": int},
    "run_health": {
        "status_code": int, "stalled": int, "running_secs": float, "secs_since_step": float, "lost": int,
        "dropped": int, "too_large": int, "spooled": int,
    },
    "bridge_health": {
        "uptime_secs": float, "received_per_sec": float, "published_per_sec": float, "points_per_sec": float,
        "delay_secs": float,
        "workers": int, "queued": int, "in_flight": int, "pending_bytes": int, "received": int, "accepted": int,
        "duplicates": int, "gaps": int, "refused": int, "deferred": int, "foreign": int, "lost": int, "dropped": int,
        "too_large": int, "bulk_lost": int,
        "images_dropped": int, "unsent": int, "published": int, "points": int, "misfits": int, "mqtt_connects": int,
        "journal_rows": int, "journal_waiting": int, "journal_bytes": int, "journal_oldest_secs": float,
        "journal_full": int, "journal_evicted": int, "journal_bound_bytes": int,
    },
    **episode_points.FIELDS,
}  # fmt: skip
"""Type of every field of every measurement except `evidence` and `confusion`, whose fields are names and floats."""

_json = msgspec.json.Encoder()


def lines_of(
    message: schema.Message,
    experiment: str | None,
    misfits: Misfits,
    *,
    by_bridge: bool = False,
    page_url: str | None = None,
) -> list[str]:
    """Return the lines of a message, without newlines; an empty list for kinds that do not go to InfluxDB.

    Args:
        message: Any message.
        experiment: The experiment's name, if the run's `info` gave it.
        misfits: Counts the values that fit no field.
        by_bridge: Whether the bridge made it. Its points are a series of their own: its clock is not the worker's.
        page_url: Address at which the page shows the run, if there is a page; a status carries it.
    """
    if isinstance(message, schema.Status):
        prefix = _worker_series("status", message, experiment, name="bridge" if by_bridge else None)
        return _present([_status(message, prefix, page_url, misfits)])
    write = _WRITERS.get(type(message))
    return _present(write(message, experiment, misfits)) if write else []


def frame(message: schema.Frame, url: str, experiment: str | None, misfits: Misfits) -> str | None:
    """Return the line with the address of a sensor's frame; both modalities are fields of one series."""
    prefix = _worker_series("frame", message, experiment, name=message.sensor)
    fields = [(f"{message.modality}_url", url), ("episode", message.episode), ("step", message.step)]
    return point(FIELDS["frame"], prefix, fields, message.time_unix_nanos, misfits)


def run_health(
    run: str, worker: str, experiment: str | None, values: Mapping[str, Any], time_unix_nanos: int, misfits: Misfits
) -> str | None:
    """Return the line about the health of a live worker; alerts read only this. `values`: by name of `FIELDS`."""
    prefix = series("run_health", "experiment", experiment, "run", run, "worker", worker)
    return point(FIELDS["run_health"], prefix, values.items(), time_unix_nanos, misfits)


def bridge_health(bridge_id: str, values: Mapping[str, Any], time_unix_nanos: int, misfits: Misfits) -> str | None:
    """Return the line about the health of the bridge. Names in `values` that `FIELDS` lacks are left out."""
    types = FIELDS["bridge_health"]
    fields = [(name, values.get(name)) for name in types]
    return point(types, series("bridge_health", "name", bridge_id), fields, time_unix_nanos, misfits)


def _worker_series(
    measurement: str,
    message: schema.Message,
    experiment: str | None,
    *,
    learning_module: str | None = None,
    mode: str | None = None,
    name: str | None = None,
) -> str | None:
    return series(
        measurement,
        *("experiment", experiment, "learning_module", learning_module, "mode", mode, "name", name),
        *("run", message.run, "worker", message.worker),
    )


def _step(step: schema.Step, experiment: str | None, misfits: Misfits) -> list[str | None]:
    types, time = FIELDS["step"], step.time_unix_nanos
    whole = [
        ("epoch", step.epoch), ("episode", step.episode), ("step", step.step), ("total_step", step.total_step),
        ("step_type", step.step_type), ("is_motor_only", step.is_motor_only), ("step_secs", step.step_secs),
        ("monitor_micros", step.monitor_micros), ("actions", _json_text(step.actions)),
        ("target_object", step.target_object), ("non_finite", step.non_finite),
    ]  # fmt: skip
    lines = [point(types, _worker_series("step", step, experiment, mode=step.mode), whole, time, misfits)]
    for name, module in step.learning_modules.items():
        prefix = _worker_series("step", step, experiment, learning_module=name, mode=step.mode)
        lines.append(point(types, prefix, _step_of_module(step, module), time, misfits))
        if module.evidence:
            prefix = _worker_series("evidence", step, experiment, learning_module=name, mode=step.mode)
            lines.append(floats(prefix, module.evidence, time, misfits))
    return lines


def _step_of_module(step: schema.Step, module: schema.LearningModuleStep) -> list[tuple[str, object]]:
    likely, matches, counts = module.most_likely, module.possible_matches, module.hypothesis_counts
    same_names = (
        "second_object", "margin", "evidence_threshold", "terminal_state", "target_object", "stepwise_target_object",
        "rotation_error_degs", "symmetry_evidence", "hypotheses_added", "hypotheses_removed", "hypothesis_age_median",
        "hypothesis_age_max", "evidence_slope_max", "prediction_error", "goal_object", "is_goal_achieved",
    )  # fmt: skip
    return [
        ("episode", step.episode), ("step", step.step),
        ("most_likely_object", likely and likely.object), ("most_likely_name", believed(module)),
        ("is_correct", module.is_correct), ("evidence", likely and likely.evidence), ("scale", likely and likely.scale),
        ("possible_matches", None if matches is None else len(matches)),
        ("hypotheses", None if counts is None else sum(counts.values())),
        *((name, getattr(module, name)) for name in same_names),
    ]  # fmt: skip


def _episode(ended: schema.EpisodeEnded, experiment: str | None, misfits: Misfits) -> list[str | None]:
    types, time = FIELDS["episode"], ended.time_unix_nanos
    target = ended.target.object if ended.target else None
    whole = [
        ("epoch", ended.epoch), ("episode", ended.episode), ("steps", ended.steps),
        ("elapsed_secs", ended.elapsed_secs), ("outcome", ended.outcome), ("correct", ended.correct),
        ("used_mlh", ended.used_mlh), ("rotation_error_degs", ended.rotation_error_degs),
        ("matching_steps", ended.matching_steps), ("episode_seed", ended.episode_seed), ("target_object", target),
        ("learned", _json_text(ended.learned)),
    ]  # fmt: skip
    lines = [point(types, _worker_series("episode", ended, experiment, mode=ended.mode), whole, time, misfits)]
    for name, module in ended.learning_modules.items():
        prefix = _worker_series("episode", ended, experiment, learning_module=name, mode=ended.mode)
        lines.append(point(types, prefix, episode_points.fields_of_module(ended, name, module), time, misfits))
    return lines + episode_points.lines_of_results(ended, experiment, misfits)


def _metric(metric: schema.Metric, experiment: str | None, misfits: Misfits) -> list[str | None]:
    metadata = _json_text(metric.metadata)
    fields = [("value", metric.value), ("metadata", metadata), ("not_finite", metric.not_finite)]
    prefix = _worker_series("metric", metric, experiment, name=metric.name)
    return [point(FIELDS["metric"], prefix, fields, metric.time_unix_nanos, misfits)]


def _log(log: schema.Log, experiment: str | None, misfits: Misfits) -> list[str | None]:
    fields = [
        ("message", log.message), ("logger", log.logger), ("metadata", _json_text(log.metadata)),
        ("suppressed", log.suppressed),
    ]  # fmt: skip
    prefix = _worker_series("log", log, experiment, name=log.level)
    return [point(FIELDS["log"], prefix, fields, log.time_unix_nanos, misfits)]


def _event(event: schema.Event, experiment: str | None, misfits: Misfits) -> list[str | None]:
    fields = [("level", event.level), ("source", event.source), ("fields", _json_text(event.fields))]
    prefix = _worker_series("event", event, experiment, name=event.event)
    return [point(FIELDS["event"], prefix, fields, event.time_unix_nanos, misfits)]


def _machine(machine: schema.Machine, experiment: str | None, misfits: Misfits) -> list[str | None]:
    values = {**msgspec.structs.asdict(machine.process), **msgspec.structs.asdict(machine.host)}
    prefix = _worker_series("machine", machine, experiment)
    return [point(FIELDS["machine"], prefix, values.items(), machine.time_unix_nanos, misfits)]


def _progress(progress: schema.Progress, experiment: str | None, misfits: Misfits) -> list[str | None]:
    fields = schema.Progress.__struct_fields__
    values = {
        **{name: getattr(progress, name) for name in FIELDS["progress"] if name in fields},
        **_shares_and_rates(progress),
    }
    prefix = _worker_series("progress", progress, experiment, mode=progress.mode)
    whole = point(FIELDS["progress"], prefix, values.items(), progress.time_unix_nanos, misfits)
    return [whole, *episode_points.lines_of_modes(progress, experiment, misfits)]


def _shares_and_rates(progress: schema.Progress) -> dict[str, object]:
    """Return values that a viewer would otherwise have to compute; None if not yet known."""
    done, expected, secs = progress.episodes_done, progress.episodes_expected, progress.elapsed_secs
    end = progress.estimated_end_unix_nanos
    steps = sum(mode.steps for mode in progress.modes.values())
    accuracies = {name: mode.accuracy for name, mode in progress.modes.items()}
    return {
        "eval_accuracy": accuracies.get("eval"),
        "train_accuracy": accuracies.get("train"),
        "done_ratio": done / expected if expected else None,
        "episodes_per_hour": done * 3600 / secs if secs > 0 and done > 0 else None,
        "steps_per_sec": steps / secs if secs > 0 else None,
        "estimated_end_unix_millis": None if end is None else end // 1_000_000,
        "remaining_secs": None if end is None else max(end - progress.time_unix_nanos, 0) / 1e9,
    }


def _status(status: schema.Status, prefix: str | None, page_url: str | None, misfits: Misfits) -> str | None:
    fields = schema.Status.__struct_fields__
    values = {name: getattr(status, name) for name in FIELDS["status"] if name in fields}
    code = STATUS_CODES.get(status.status)
    if code is None:
        misfits.add("status", "status_code", status.status)
    ours = {"status_code": code, "page_url": page_url}
    return point(FIELDS["status"], prefix, {**values, **ours}.items(), status.time_unix_nanos, misfits)


def _json_text(value: object) -> str | None:
    """Return a container as JSON text; None for an empty one."""
    return _json.encode(value).decode() if value else None


def _present(lines: list[str | None]) -> list[str]:
    return [line for line in lines if line]


_WRITERS: dict[type, Callable[[Any, str | None, Misfits], list[str | None]]] = {
    schema.Step: _step,
    schema.EpisodeEnded: _episode,
    schema.Metric: _metric,
    schema.Log: _log,
    schema.Event: _event,
    schema.Machine: _machine,
    schema.Progress: _progress,
}
