"""Returns steps as JSON columns for charts. Pure.

A part of `views`, from which other modules import it.
"""

from __future__ import annotations

import numpy as np

from monty_mqtt_liveview.state.columns import Array, Names
from monty_mqtt_liveview.state.steps.module_columns import SAMPLED, LearningModuleSteps
from monty_mqtt_liveview.state.steps.sensed_columns import SensorSteps
from monty_mqtt_liveview.state.steps.step_table import MODES, StepTable
from monty_mqtt_liveview.state.worker import Worker
from monty_mqtt_liveview.views import downsampling
from monty_mqtt_liveview.views.numbers import Json, rounded

__all__ = ["course", "newest_rows", "rows"]

_NANOS_PER_MILLI = 1_000_000


def rows(table: StepTable, chosen: Array) -> Json:
    """Return the chosen rows of the steps, column by column; missing values are null."""
    return {
        "row": chosen.tolist(),
        "time_unix_millis": (table.time_unix_nanos.take(chosen) // _NANOS_PER_MILLI).tolist(),
        "mode": [MODES[place] if place >= 0 else None for place in table.mode.take(chosen).tolist()],
        **{name: getattr(table, name).take(chosen).tolist() for name in _WHOLES},
        "step_secs": rounded(table.step_secs.take(chosen)),
        "monitor_micros": rounded(table.monitor_micros.take(chosen)),
        "target_object": _words(table.targets, table.target.take(chosen)),
        "learning_modules": {name: _module(module, chosen) for name, module in table.learning_modules.items()},
        "sensors": {name: _sensor(sensor, chosen) for name, sensor in table.sensors.items()},
    }


def newest_rows(worker: Worker, first_row: int, most: int = 2000) -> Json | None:
    """Return the rows from `first_row` on, at most the newest `most`; None if there are none."""
    table = worker.steps
    first = max(first_row, table.count - most, 0)
    return rows(table, np.arange(first, table.count)) if first < table.count else None


def course(worker: Worker, first: int = 0, last: int | None = None, points: int = 1000) -> Json:
    """Return at most `points` rows from `first` to `last`, chosen so that extreme values are included.

    Args:
        worker: The worker.
        first: The first row.
        last: The last row; None means the newest.
        points: How many rows at most.
    """
    table = worker.steps
    last = table.count - 1 if last is None else min(last, table.count - 1)
    return rows(table, downsampling.choose(table, max(first, 0), last, max(points, 1)))


_WHOLES = ("epoch", "episode", "step", "total_step", "motor_only")
_TRUTHS = ("is_correct", "is_new", "target_graphs", "goal", "is_goal_achieved")


def _module(module: LearningModuleSteps, chosen: Array) -> Json:
    possible = module.possible_count.take(chosen).tolist()
    return {
        "objects": list(module.objects.names),
        "evidence": rounded(module.evidence.take(chosen, module.known).T),
        "target_sets": list(module.target_sets.names),
        "winner": module.winner.take(chosen).tolist(),
        **{name: getattr(module, name).take(chosen).tolist() for name in _TRUTHS},
        "second": module.second.take(chosen).tolist(),
        "target": module.target.take(chosen).tolist(),
        "stepwise_target": module.stepwise_target.take(chosen).tolist(),
        "terminal": _words(module.terminals, module.terminal.take(chosen)),
        "possible": [count if count >= 0 else None for count in possible],
        "hypothesis_count": [count if count >= 0 else None for count in module.hypothesis_count.take(chosen).tolist()],
        **{name: rounded(module.sampled[name].take(chosen)) if module.sampled else None for name in SAMPLED},
        **{name: rounded(column.take(chosen)) for name, column in module.numbers.items()},
        "location": rounded(module.location.take(chosen)),
    }


def _sensor(sensor: SensorSteps, chosen: Array) -> Json:
    return {
        "location": rounded(sensor.location.take(chosen)),
        "on_object": sensor.on_object.take(chosen).tolist(),
    }


def _words(names: Names[str], places: Array) -> list[str | None]:
    return [names.name(place) for place in places.tolist()]
