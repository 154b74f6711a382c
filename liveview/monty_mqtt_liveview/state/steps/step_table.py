"""Stores the steps of a worker, one row per step. Pure.

Filled by `worker` with every `step` message; read by views, `first_wrong_decision` and `downsampling`.

Messages wait until the rows are read or a batch is full: numpy stores a batch ten times as fast as single messages.
"""

from __future__ import annotations

from itertools import chain
from operator import attrgetter
from typing import Any

import numpy as np

from monty_mqtt.wire import schema
from monty_mqtt_liveview.state.columns import Array, Column, Names, Table, numbers, wholes
from monty_mqtt_liveview.state.steps.module_columns import LearningModuleSteps
from monty_mqtt_liveview.state.steps.sensed_columns import ActionSteps, SensorSteps

__all__ = ["MODES", "StepTable"]

MODES = ("train", "eval")
_PLACES = {mode: place for place, mode in enumerate(MODES)}
_EXPLORING = "exploratory_step"

_MOST_WAITING = 64
"""A message takes ten times the memory of its row."""

_MOST_MODULES = 64
_NAN = float("nan")


class StepTable(Table):
    """Stores all steps of a worker. Its columns are up to date after `settle`.

    Attributes:
        count: Number of rows, including waiting messages.
        is_in_order: Whether every step so far is later than those before it.
        targets: Names of the objects that episodes showed.
        time_unix_nanos, mode, epoch, episode, step, total_step: Columns; `mode` is a place in `MODES`.
        motor_only, exploring: Columns of flags: the learning modules were skipped; they learned and did not match.
        target: Column of places in `targets`; -1 if absent.
        step_secs, monitor_micros: Columns of numbers, in seconds and microseconds.
        learning_modules: Tables of the learning modules, by id.
        sensors: Tables of the sensor modules, by id.
        actions: Table of the actions.
    """

    def __init__(self) -> None:
        self.count = 0
        self.targets = Names[str]()
        self.time_unix_nanos = Column(np.int64, 0)
        self.mode, self.motor_only, self.exploring = Column(np.int8, -1), Column(np.int8, 0), Column(np.int8, 0)
        self.epoch, self.episode, self.step, self.total_step = (Column(np.int32, -1) for _ in range(4))
        self.target = Column(np.int16, -1)
        self.step_secs, self.monitor_micros = Column(np.float32, _NAN), Column(np.float32, _NAN)
        self.learning_modules: dict[str, LearningModuleSteps] = {}
        self.sensors: dict[str, SensorSteps] = {}
        self.actions = ActionSteps()
        self._waiting: list[schema.Step] = []
        self._newest_unix_nanos = -1
        self.is_in_order = True

    def append(self, step: schema.Step) -> int:
        """Add a step; return its row, which is valid as long as steps arrive in order."""
        self.is_in_order &= step.time_unix_nanos > self._newest_unix_nanos
        self._newest_unix_nanos = max(step.time_unix_nanos, self._newest_unix_nanos)
        self._waiting.append(step)
        self.count += 1
        if len(self._waiting) >= _MOST_WAITING:
            self.put_waiting()
        return self.count - 1

    def settle(self) -> bool:
        """Complete the columns, sort them by time and drop repeated steps; return whether rows have moved."""
        self.put_waiting()
        if self.is_in_order:
            return False
        _, order = np.unique(self.time_unix_nanos.view(self.count), return_index=True)
        for column in self.columns():
            column.reorder(order)
        self.count = len(order)
        self.is_in_order = True
        return True

    def time_at(self, row: int) -> int:
        """Return when a step was published, ns since 1970.

        Raises:
            IndexError: There is no such row.
        """
        if not 0 <= row < self.count:
            raise IndexError(row)
        return int(self.time_unix_nanos.between(row, row + 1)[0])

    def put_waiting(self) -> None:
        """Move waiting messages into the columns."""
        steps, self._waiting = self._waiting, []
        if steps:
            rows = np.arange(self.count - len(steps), self.count)
            self._put_common(rows, steps)
            _put_each(self.learning_modules, LearningModuleSteps, rows, [step.learning_modules for step in steps])
            _put_each(self.sensors, SensorSteps, rows, [step.sensor_modules for step in steps])
            self.actions.put(rows, [step.actions for step in steps], [step.action_amounts for step in steps])

    def _put_common(self, rows: Array, steps: list[schema.Step]) -> None:
        for name in ("time_unix_nanos", "epoch", "episode", "step", "total_step"):
            column: Column = getattr(self, name)
            column.put(rows, wholes(list(map(attrgetter(name), steps)), column.dtype))
        for name in ("step_secs", "monitor_micros"):
            getattr(self, name).put(rows, numbers(list(map(attrgetter(name), steps))))
        self.mode.put(rows, wholes([_PLACES.get(step.mode, -1) for step in steps], np.int8))
        self.motor_only.put(rows, wholes([bool(step.is_motor_only) for step in steps], np.int8))
        self.exploring.put(rows, wholes([step.step_type == _EXPLORING for step in steps], np.int8))
        self.target.put(rows, self.targets.places([step.target_object for step in steps]))


def _put_each(tables: dict[str, Any], kind: type[Table], rows: Array, reports: list[dict[str, Any]]) -> None:
    """Store what each module reported, step by step, in the module's own table; create the table if necessary."""
    for name in dict.fromkeys(chain.from_iterable(reports)):
        if name not in tables and len(tables) < _MOST_MODULES:
            tables[name] = kind()
        if name in tables:
            places = [place for place, report in enumerate(reports) if name in report]
            tables[name].put(rows[places], [reports[place][name] for place in places])
