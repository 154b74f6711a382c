"""What the steps of a worker said, one row per step. Pure.

Place in the flow: `worker` puts every `step` message here; views, `verdicts` and `series` read.

Messages wait until somebody reads, or until there are some: numpy takes many at once ten times as fast as one by one.
"""

from __future__ import annotations

import numpy as np

from monty_mqtt import schema
from monty_mqtt_liveview.beliefs import LearningModuleSteps, SensorSteps
from monty_mqtt_liveview.columns import Array, Column, Names, Table, numbers, wholes

__all__ = ["MODES", "StepTable"]

MODES = ("train", "eval")
_EXPLORING = "exploratory_step"

_MOST_WAITING = 64
"""A message takes ten times the memory of its row."""

_MOST_MODULES = 64
_NAN = float("nan")


class StepTable(Table):
    """All steps of a worker. Columns are up to date after `settle`.

    Attributes:
        count: How many rows there are, those that wait included.
        is_in_order: Whether every step so far came after those before it.
        targets: Names of what episodes showed.
        time_unix_nanos, mode, epoch, episode, step, total_step: Columns; `mode` is a place in `MODES`.
        motor_only, exploring: Columns of flags: the learning modules were left out; they learned and did not match.
        target: Column of places in `targets`, -1 absent.
        step_secs, monitor_micros: Columns of numbers.
        learning_modules: By id.
        sensors: By id.
    """

    def __init__(self) -> None:
        self.count = 0
        self.targets = Names()
        self.time_unix_nanos = Column(np.int64, 0)
        self.mode, self.motor_only, self.exploring = Column(np.int8, -1), Column(np.int8, 0), Column(np.int8, 0)
        self.epoch, self.episode, self.step, self.total_step = (Column(np.int32, -1) for _ in range(4))
        self.target = Column(np.int16, -1)
        self.step_secs, self.monitor_micros = Column(np.float32, _NAN), Column(np.float32, _NAN)
        self.learning_modules: dict[str, LearningModuleSteps] = {}
        self.sensors: dict[str, SensorSteps] = {}
        self._waiting: list[schema.Step] = []
        self._newest_unix_nanos = -1
        self.is_in_order = True

    def append(self, said: schema.Step) -> int:
        """Keep a step; return its row, which is right as long as steps come in order."""
        self.is_in_order &= said.time_unix_nanos > self._newest_unix_nanos
        self._newest_unix_nanos = max(said.time_unix_nanos, self._newest_unix_nanos)
        self._waiting.append(said)
        self.count += 1
        if len(self._waiting) >= _MOST_WAITING:
            self.put_waiting()
        return self.count - 1

    def settle(self) -> bool:
        """Make the columns complete, in order of time and without repetitions; return whether rows have moved."""
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
        """Return when a step was published, nanoseconds.

        Raises:
            IndexError: There is no such row.
        """
        if not 0 <= row < self.count:
            raise IndexError(row)
        return int(self.time_unix_nanos.view(self.count)[row])

    def put_waiting(self) -> None:
        """Put messages that wait into the columns."""
        said, self._waiting = self._waiting, []
        if not said:
            return
        rows = np.arange(self.count - len(said), self.count)
        self._put_common(rows, said)
        for name in dict.fromkeys(name for one in said for name in one.learning_modules):
            places = [place for place, one in enumerate(said) if name in one.learning_modules]
            if name not in self.learning_modules and len(self.learning_modules) < _MOST_MODULES:
                self.learning_modules[name] = LearningModuleSteps()
            if name in self.learning_modules:
                believed = [said[place].learning_modules[name] for place in places]
                self.learning_modules[name].put(rows[places], believed)
        for name in dict.fromkeys(name for one in said for name in one.sensor_modules):
            places = [place for place, one in enumerate(said) if name in one.sensor_modules]
            if name not in self.sensors and len(self.sensors) < _MOST_MODULES:
                self.sensors[name] = SensorSteps()
            if name in self.sensors:
                self.sensors[name].put(rows[places], [said[place].sensor_modules[name] for place in places])

    def _put_common(self, rows: Array, said: list[schema.Step]) -> None:
        for column, values in (
            (self.time_unix_nanos, [one.time_unix_nanos for one in said]),
            (self.epoch, [one.epoch for one in said]),
            (self.episode, [one.episode for one in said]),
            (self.step, [one.step for one in said]),
            (self.total_step, [one.total_step for one in said]),
            (self.motor_only, [bool(one.is_motor_only) for one in said]),
            (self.exploring, [one.step_type == _EXPLORING for one in said]),
            (self.mode, [MODES.index(one.mode) if one.mode in MODES else -1 for one in said]),
        ):
            column.put(rows, wholes(values, column.dtype))
        self.target.put(rows, self.targets.places([one.target_object for one in said]))
        self.step_secs.put(rows, numbers([one.step_secs for one in said]))
        self.monitor_micros.put(rows, numbers([one.monitor_micros for one in said]))
