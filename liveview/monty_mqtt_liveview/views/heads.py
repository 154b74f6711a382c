"""Makes the summaries of a run and of a worker, without their steps. Pure.

A part of `views`, from which other modules import it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from monty_mqtt.wire import schema
from monty_mqtt.wire.mode_sum import merged
from monty_mqtt_core.reading import run_status
from monty_mqtt_liveview.state.run import Run
from monty_mqtt_liveview.state.worker import Worker
from monty_mqtt_liveview.views.numbers import Json, millis, short

__all__ = ["changed_workers", "info", "mode_head", "run_head", "worker_head"]

_MOST_ALIVE = ("running", "aborting", "paused", "initializing", "error", "disconnected", "aborted", "completed")
"""Order in which one worker's status stands for all, when no parent reports: live ones first, then the worst."""


def info(run: Run) -> schema.Info | None:
    """Return the run's `info` message: from its parent, else from the first worker that sent one."""
    infos = [worker.info for worker in run.speaking if worker.info]
    infos = infos or [worker.info for worker in run.workers.values() if worker.info]
    return infos[0] if infos else None


def run_head(run: Run, recorded_bytes: int | None = None) -> Json:
    """Return what the list of runs, and the head of a run's page, show of a run.

    Args:
        run: The run.
        recorded_bytes: Size of its recording in bytes, if known.
    """
    workers = list(run.workers.values())
    heads = [worker_head(worker) for worker in workers]
    speaking = [worker_head(worker) for worker in run.speaking]
    acting = [worker for worker in workers if not worker.known.is_parent]
    worker_heads = [worker_head(worker) for worker in acting or workers]
    about = info(run) or schema.Info(run=run.name, worker="", seq=0, time_unix_nanos=0, schema_version=0)
    return {
        "run": run.name,
        "experiment": about.experiment,
        "group": about.group,
        "overrides": about.overrides,
        "mode": _newest(worker_heads, "mode"),
        **_life(run, heads, speaking),
        **_episodes(run.speaking, acting),
        "estimated_end_unix_millis": _greatest(speaking, "estimated_end_unix_millis"),
        "lost": _sum(heads, "lost"),
        "dropped": _sum(heads, "dropped"),
        "too_large": _sum(heads, "too_large"),
        "spooled": _sum(heads, "spooled"),
        "frames_missing": run.frames_missing,
        "left_out": run.metrics.left_out + run.data.left_out + run.states.left_out,
        "workers": len(worker_heads),
        "worker_statuses": dict(Counter(head["status"] for head in worker_heads)),
        "host": about.host,
        "recorded_bytes": recorded_bytes,
        "steps": sum(worker.steps_heard for worker in workers),
        "monitor_micros_per_step": _cost(workers),
    }


def changed_workers(run: Run, seen: int = 0) -> list[Json]:
    """Return the summaries of the workers that changed after a revision of the run; 0 means all workers."""
    return [worker_head(worker) for worker in run.workers.values() if worker.revision > seen]


def worker_head(worker: Worker) -> Json:
    """Return the summary of a worker, without its steps; it is cached until the worker changes."""
    if worker.head[0] != worker.revision:
        worker.head = worker.revision, _worker_head(worker)
    return worker.head[1]


def _life(run: Run, heads: Sequence[Json], speaking: Sequence[Json]) -> Json:
    is_over = bool(heads) and not any(worker.is_live for worker in run.speaking)
    return {
        "status": _word(head["status"] for head in speaking),
        "stalled": not is_over and any(head["stalled"] for head in heads),
        "started_unix_millis": _least(heads, "started_unix_millis"),
        "newest_unix_millis": millis(run.newest_unix_nanos),
        "ended_unix_millis": _greatest(speaking, "newest_unix_millis") if is_over else None,
        "elapsed_secs": _elapsed(speaking),
    }


def _worker_head(worker: Worker) -> Json:
    status, end = worker.known.status, worker.known.end
    if worker.counts[0] != worker.told_revision:
        worker.counts = worker.told_revision, _counts(worker)
    counts = worker.counts[1]
    micros = worker.known.micros_per_step
    return {
        "worker": worker.name,
        "status": worker.word,
        "stalled": bool(status and status.stalled and worker.is_live),
        "reason": status.reason if status else None,
        "error": _error(status),
        **_position(worker),
        "steps_per_sec": short(worker.steps_per_sec),
        **counts,
        "estimated_end_unix_millis": _estimated_end(worker),
        "started_unix_millis": millis(worker.started_unix_nanos),
        "elapsed_secs": short(worker.elapsed_secs),
        "newest_unix_millis": millis(worker.newest_unix_nanos),
        "lost": worker.known.lost,
        "dropped": worker.known.dropped,
        "too_large": worker.known.too_large,
        "spooled": worker.known.spooled,
        "highest_seq": end.seq if end else status.highest_seq if status else None,
        "rows": worker.rows,
        "generation": worker.generation,
        "modes": {name: mode_head(mode) for name, mode in merged([_modes(worker)]).items()},
        "monitor_micros_per_step": short(micros),
        "is_parent": worker.known.is_parent,
    }


def _estimated_end(worker: Worker) -> float | None:
    progress = worker.known.progress
    if progress is None or not worker.is_live or worker.word == "paused":
        return None
    return millis(progress.estimated_end_unix_nanos)


def _error(status: schema.Status | None) -> Json | None:
    if status is None or status.status != "error":
        return None
    return {"type": status.error_type, "message": status.error_message, "traceback": status.error_traceback}


def _position(worker: Worker) -> Json:
    known = worker.known
    messages = [message for message in (known.progress, known.started, known.step) if message is not None]
    latest = max(messages, key=lambda message: message.seq, default=None)
    shown = None
    if known.started and known.started.target:
        shown = known.started.target.object
    elif known.step:
        shown = known.step.target_object
    return {
        "mode": getattr(latest, "mode", None),
        "object": shown,
        "epoch": getattr(latest, "epoch", None),
        "episode": getattr(latest, "episode", None),
        "step": getattr(latest, "step", 0) if latest else None,
        "episode_steps": _steps_of(known, latest) if latest else None,
    }


def _steps_of(known: run_status.WorkerStatus, latest: schema.Progress | schema.EpisodeStarted | schema.Step) -> int:
    """Return how many steps the latest episode has had; step numbers count from 0."""
    ended = known.episodes.get((latest.mode, latest.epoch, latest.episode))
    if ended is not None:
        return ended.steps
    return 0 if isinstance(latest, schema.EpisodeStarted) else latest.step + 1


def _counts(worker: Worker) -> Json:
    known = worker.known
    last = max(known.episodes.values(), key=lambda ended: ended.seq, default=None)
    return {
        "episodes_done": known.episodes_done,
        "episodes_expected": _expected(worker),
        "outcome": last.outcome if last else None,
    }


def mode_head(mode: schema.ModeProgress) -> Json:
    """Return the summary of all episodes of a mode."""
    fields: Json = msgspec.structs.asdict(mode)
    return {name: short(value) if isinstance(value, float) else value for name, value in fields.items()}


def _modes(worker: Worker) -> dict[str, schema.ModeProgress]:
    """Return the summary of each mode, with the steps since the latest `progress` added."""
    modes, step = dict(worker.known.modes), worker.known.step
    if step is not None:
        known = modes.get(step.mode, schema.ModeProgress())
        since = step.total_step + 1 - sum(mode.steps for mode in modes.values())
        modes[step.mode] = msgspec.structs.replace(known, steps=known.steps + max(since, 0))
    return modes


def _word(words: Iterable[str]) -> str:
    present = set(words)
    return next((word for word in _MOST_ALIVE if word in present), next(iter(present), "initializing"))


def _episodes(speaking: Sequence[Worker], acting: Sequence[Worker]) -> Json:
    """Return the totals that the run's speaking workers report, or those of the acting workers if they are ahead."""
    done, counted = max(
        ((sum(worker.known.episodes_done for worker in workers), workers) for workers in (speaking, acting)),
        key=lambda total: total[0],
    )
    expected = [count for count in map(_expected, speaking) if count is not None]
    return {
        "episodes_done": done,
        "episodes_expected": sum(expected) if expected else None,
        "modes": {name: mode_head(mode) for name, mode in merged(map(_modes, counted)).items()},
    }


def _expected(worker: Worker) -> int | None:
    progress, about = worker.known.progress, worker.known.info
    if progress and progress.episodes_expected is not None:
        return progress.episodes_expected
    return sum(about.episodes_expected.values()) if about and about.episodes_expected else None


def _elapsed(speaking: Sequence[Json]) -> float | None:
    if len(speaking) == 1:
        alone: float | None = speaking[0]["elapsed_secs"]
        return alone
    first, last = _least(speaking, "started_unix_millis"), _greatest(speaking, "newest_unix_millis")
    return None if first is None or last is None else (last - first) / 1000


def _cost(workers: Sequence[Worker]) -> float | None:
    costs = [
        (worker.known.micros_per_step, worker.steps_heard)
        for worker in workers
        if worker.known.micros_per_step is not None
    ]
    steps = sum(count for _, count in costs)
    return short(sum((micros or 0.0) * count for micros, count in costs) / steps) if steps else None


def _sum(heads: Sequence[Json], name: str) -> int:
    return sum(head[name] for head in heads)


def _least(heads: Sequence[Json], name: str) -> int | None:
    return min((head[name] for head in heads if head[name] is not None), default=None)


def _greatest(heads: Sequence[Json], name: str) -> int | None:
    return max((head[name] for head in heads if head[name] is not None), default=None)


def _newest(heads: Sequence[Json], name: str) -> Any:
    telling = [head for head in heads if head[name] is not None]
    return max(telling, key=lambda head: head["newest_unix_millis"] or 0)[name] if telling else None
