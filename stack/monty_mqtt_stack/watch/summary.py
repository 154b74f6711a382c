"""Sums up a run in a few lines. Pure.

Called by `run` and the demo at the end, with the workers of `run_status`.
"""

from __future__ import annotations

from typing import Dict, List, Optional

from monty_mqtt.wire import schema
from monty_mqtt.wire.mode_sum import merged
from monty_mqtt_core.reading.run_status import WorkerStatus
from monty_mqtt_stack.watch.message_lines import mode_in_words

__all__ = ["micros_per_step", "summary"]


def summary(workers: List[WorkerStatus]) -> List[str]:
    """Return lines with the result of each mode, the counts of messages, and our cost per step, for all workers."""
    if not workers:
        return ["nothing was published"]
    counts = {
        name: sum(getattr(worker, name) for worker in workers)
        for name in ("sent", "lost", "dropped", "too_large", "spooled")
    }
    lines = [
        *_runs(workers),
        *_episodes([worker for worker in workers if not worker.is_parent]),
        f"messages   {', '.join(_counted(counts))}",
        *_cost(workers),
    ]
    return lines + [line for worker in workers for line in _errors(worker)]


def _counted(counts: Dict[str, int]) -> List[str]:
    """Return the counts in words; rare counts are named only if they are not 0."""
    words = {"too_large": "too large", "spooled": "still with the experiment"}
    return [f"{count} {words.get(name, name)}" for name, count in counts.items() if count or name not in words]


def _runs(workers: List[WorkerStatus]) -> List[str]:
    """Return a line for each run; the result of a parallel run is its parent's."""
    overseen = {worker.run for worker in workers if worker.is_parent}
    speaking = [worker for worker in workers if worker.is_parent or worker.run not in overseen]
    runs = dict.fromkeys(f"{worker.run} ({_ended(worker)})" for worker in speaking)
    return [f"{'' if at else 'runs':<10} {run}" for at, run in enumerate(runs)]


def _ended(worker: WorkerStatus) -> str:
    if worker.is_live:  # its process is over
        return "ended without a word"
    reason = worker.status.reason if worker.status and worker.status.status == "aborted" else None
    return f"{worker.word}: {reason}" if reason else worker.word


def _episodes(workers: List[WorkerStatus]) -> List[str]:
    modes = merged(worker.modes for worker in workers)
    if not modes:
        return ["episodes   0"]
    return [line for name, mode in modes.items() for line in _mode(name, mode)]


def _mode(name: str, mode: schema.ModeProgress) -> List[str]:
    """Return a line on how the episodes of a mode ended, and a line on their mean error and length."""
    accuracy = "" if mode.accuracy is None else f", {100 * mode.accuracy:.1f} % correct"
    lines = [f"{name:<10} {mode.episodes_done} episodes{accuracy}: {mode_in_words(mode)}"]
    means = []
    if mode.rotation_error_degs is not None:
        means.append(f"rotation error {mode.rotation_error_degs:.2f}°")
    if mode.mean_steps is not None:
        means.append(f"{mode.mean_steps:.1f} steps")
    if mode.mean_matching_steps is not None:
        means.append(f"{mode.mean_matching_steps:.1f} of them matching")
    return [*lines, f"{'':<10} mean {', '.join(means)}"] if means else lines


def _cost(workers: List[WorkerStatus]) -> List[str]:
    micros = micros_per_step(workers)
    if micros is None:
        return []
    secs = sum(worker.secs_seen for worker in workers)
    share = sum(worker.micros_seen for worker in workers) / 1e6 / secs if secs else None
    of_time = "" if share is None else f", {share * 100:.1f} % of its time"
    return [f"our cost   {micros:.0f} µs per step in the experiment{of_time}; bridge, page and broker work beside it"]


def micros_per_step(workers: List[WorkerStatus]) -> Optional[float]:
    """Return our mean cost per step in microseconds, weighted by the workers' steps; None if no worker reports it."""
    costs = [
        (worker.micros_per_step, 1 + (worker.step.total_step if worker.step else 0))
        for worker in workers
        if worker.micros_per_step is not None
    ]
    steps = sum(count for _, count in costs)
    return sum(micros * count for micros, count in costs) / steps if costs else None


def _errors(worker: WorkerStatus) -> List[str]:
    status = worker.status
    if status is None or status.status != "error":
        return []
    return [f"error      {worker.worker}: {status.error_type}: {status.error_message}"]
