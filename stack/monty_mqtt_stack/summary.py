"""What a run came to, in a few lines. Pure.

Place in the flow: `run` and the demo print it at the end, from the views of `watch`.
"""

from __future__ import annotations

from collections import Counter
from typing import List, Optional

from monty_mqtt_stack.readable import counted
from monty_mqtt_stack.watch import Worker

__all__ = ["micros_per_step", "summary"]


def summary(workers: List[Worker]) -> List[str]:
    """Return episodes, outcomes, messages sent, lost and dropped, and our cost per step, over all workers."""
    if not workers:
        return ["nothing was published"]
    counts = {name: sum(getattr(worker, name) for worker in workers) for name in ("sent", "lost", "dropped")}
    runs = dict.fromkeys(f"{worker.run} ({worker.word})" for worker in workers)
    micros = micros_per_step(workers)
    lines = [
        f"runs       {', '.join(runs)}",
        *_episodes(workers),
        f"messages   {', '.join(f'{count} {name}' for name, count in counts.items())}",
        *([] if micros is None else [f"our cost   {micros:.0f} µs per step"]),
    ]
    return lines + [line for worker in workers for line in _errors(worker)]


def _episodes(workers: List[Worker]) -> List[str]:
    outcomes: Counter[str] = Counter()
    for worker in workers:
        outcomes.update(worker.outcomes)
    episodes = sum(worker.episodes_done for worker in workers)
    without = episodes - outcomes.total()
    rest = f", {without} without (learning)" if without > 0 else ""
    return [f"episodes   {episodes}", f"outcomes   {counted(dict(outcomes.most_common()))}{rest}"]


def micros_per_step(workers: List[Worker]) -> Optional[float]:
    """Return our mean cost per step, microseconds, weighted by the workers' steps; None where no worker says it."""
    costs = [
        (worker.micros_per_step, 1 + (worker.step.total_step if worker.step else 0))
        for worker in workers
        if worker.micros_per_step is not None
    ]
    steps = sum(count for _, count in costs)
    return sum(micros * count for micros, count in costs) / steps if costs else None


def _errors(worker: Worker) -> List[str]:
    status = worker.status
    if status is None or status.status != "error":
        return []
    return [f"error      {worker.worker}: {status.error_type}: {status.error_message}"]
