"""What browsers and programs are given of the state, as plain JSON values. Pure.

Place in the flow: `api` answers with these, `live` sends what is new of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from monty_mqtt_liveview.run import Run
from monty_mqtt_liveview.steps import MODES, LearningModuleSteps, SensorSteps, StepTable
from monty_mqtt_liveview.worker import Worker

__all__ = ["rows", "run_head"]

Json = dict[str, Any]
_DIGITS = 5
_NANOS_PER_MILLI = 1_000_000


def run_head(run: Run) -> Json:
    """Return what the list of runs, and the head of a run's page, show of it."""
    return {"run": run.name, "workers": [worker_head(worker) for worker in run.workers.values()]}


def worker_head(worker: Worker) -> Json:
    """Return what is shown of a worker without its steps."""
    status = worker.status
    return {
        "worker": worker.name,
        "status": status.status if status else "initializing",
        "stalled": bool(status and status.stalled),
        "experiment": worker.info.experiment if worker.info else None,
    }


def rows(table: StepTable, chosen: npt.NDArray[np.int64]) -> Json:
    """Return chosen rows of the steps, column by column; what is absent is null."""
    return {
        "row": chosen.tolist(),
        "time_unix_millis": (table.time_unix_nanos.take(chosen) // _NANOS_PER_MILLI).tolist(),
        "mode": [MODES[place] if place >= 0 else None for place in table.mode.take(chosen)],
        "episode": table.episode.take(chosen).tolist(),
        "step": table.step.take(chosen).tolist(),
        "total_step": table.total_step.take(chosen).tolist(),
        "learning_modules": {name: _module(one, chosen) for name, one in table.learning_modules.items()},
        "sensors": {name: _sensor(one, chosen) for name, one in table.sensors.items()},
    }


def _module(module: LearningModuleSteps, chosen: npt.NDArray[np.int64]) -> Json:
    count = len(module.objects)
    return {
        "objects": module.objects.names,
        "evidence": _numbers(module.evidence.take(chosen, count).T),
        "winner": module.winner.take(chosen).tolist(),
        "second": module.second.take(chosen).tolist(),
        "target": module.target.take(chosen).tolist(),
        **{name: _numbers(column.take(chosen)) for name, column in module.numbers.items()},
        "location": _numbers(module.location.take(chosen)),
    }


def _sensor(sensor: SensorSteps, chosen: npt.NDArray[np.int64]) -> Json:
    return {
        "location": _numbers(sensor.location.take(chosen)),
        "on_object": sensor.on_object.take(chosen).tolist(),
    }


def _numbers(values: npt.NDArray[Any]) -> list[Any]:
    """Return numbers short enough to read; NaN stays, and is null in JSON."""
    found: list[Any] = np.round(values.astype(np.float64), _DIGITS).tolist()
    return found
