"""What the steps of a worker said, one row per step, in the order of arrival. Pure.

Place in the flow: `worker` puts every `step` message here; `views`, `verdicts` and `series` read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from monty_mqtt import schema
from monty_mqtt.parts import LearningModuleStep, SensorModuleStep
from monty_mqtt_liveview.columns import Column, Names

__all__ = ["MODES", "LearningModuleSteps", "SensorSteps", "StepTable"]

MODES = ("train", "eval")
_NAN = float("nan")
_THREE, _FOUR = 3, 4


class LearningModuleSteps:
    """What one learning module believed.

    Attributes:
        objects: Names of all objects, whether as evidence, winner or target.
        terminals: Words of `terminal_state`.
        evidence: Highest evidence, one column per object of `objects`.
        hypotheses: Number of hypotheses, likewise.
        possible: Whether the object was a possible match (1, 0; -1 unknown), likewise.
        winner, second, target, stepwise_target: Places in `objects`, -1 absent.
        terminal: Place in `terminals`, -1 absent.
        numbers: Column by name: `winner_evidence`, `margin`, `threshold`, `rotation_error_degs`, `symmetry_evidence`,
            `scale`.
        location: Of the most likely hypothesis, metres.
        rotation: Of the most likely hypothesis, quaternion x, y, z, w.
    """

    def __init__(self) -> None:
        self.objects, self.terminals = Names(), Names()
        self.evidence = Column(np.float32, _NAN, 4)
        self.hypotheses = Column(np.int32, -1, 4)
        self.possible = Column(np.int8, -1, 4)
        self.winner, self.second, self.target, self.stepwise_target, self.terminal = (
            Column(np.int16, -1) for _ in range(5)
        )
        self.numbers = {
            name: Column(np.float32, _NAN)
            for name in ("winner_evidence", "margin", "threshold", "rotation_error_degs", "symmetry_evidence", "scale")
        }
        self.location = Column(np.float32, _NAN, _THREE)
        self.rotation = Column(np.float32, _NAN, _FOUR)

    def put(self, row: int, said: LearningModuleStep) -> None:
        """Keep what it said after a step."""
        for name, value in (said.evidence or {}).items():
            self.evidence.put_at(row, self.objects.place(name), _number(value))
        for name, count in (said.hypothesis_counts or {}).items():
            self.hypotheses.put_at(row, self.objects.place(name), count)
        if said.possible_matches is not None:
            for name in said.evidence or {}:
                self.possible.put_at(row, self.objects.place(name), 0)
            for name in said.possible_matches:
                self.possible.put_at(row, self.objects.place(name), 1)
        self.second.put(row, self.objects.place(said.second_object))
        self.target.put(row, self.objects.place(said.target_object))
        self.stepwise_target.put(row, self.objects.place(said.stepwise_target_object))
        self.terminal.put(row, self.terminals.place(said.terminal_state))
        numbers = self.numbers
        numbers["margin"].put(row, _number(said.margin))
        numbers["threshold"].put(row, _number(said.evidence_threshold))
        numbers["rotation_error_degs"].put(row, _number(said.rotation_error_degs))
        numbers["symmetry_evidence"].put(row, _number(said.symmetry_evidence))
        self._put_winner(row, said)

    def _put_winner(self, row: int, said: LearningModuleStep) -> None:
        winner = said.most_likely
        self.winner.put(row, self.objects.place(winner.object) if winner else -1)
        if winner is None:
            return
        self.numbers["winner_evidence"].put(row, _number(winner.evidence))
        self.numbers["scale"].put(row, _number(winner.scale))
        self.location.put(row, _numbers(winner.location, _THREE))
        self.rotation.put(row, _numbers(winner.rotation, _FOUR))


class SensorSteps:
    """Where one sensor module was, and whether on an object (1, 0; -1 unknown)."""

    def __init__(self) -> None:
        self.location = Column(np.float32, _NAN, _THREE)
        self.on_object = Column(np.int8, -1)

    def put(self, row: int, sensed: SensorModuleStep) -> None:
        """Keep what it sensed in a step."""
        self.location.put(row, _numbers(sensed.location, _THREE))
        if sensed.on_object is not None:
            self.on_object.put(row, int(sensed.on_object))


class StepTable:
    """All steps of a worker.

    Attributes:
        count: How many rows there are.
        time_unix_nanos, mode, episode, step, total_step, motor_only: Columns; `mode` is a place in `MODES`.
        step_secs, monitor_micros: Columns of numbers.
        learning_modules: By id.
        sensors: By id.
    """

    def __init__(self) -> None:
        self.count = 0
        self.time_unix_nanos = Column(np.int64, 0)
        self.mode, self.motor_only = Column(np.int8, -1), Column(np.int8, 0)
        self.episode, self.step, self.total_step = (Column(np.int32, -1) for _ in range(3))
        self.step_secs, self.monitor_micros = Column(np.float32, _NAN), Column(np.float32, _NAN)
        self.learning_modules: dict[str, LearningModuleSteps] = {}
        self.sensors: dict[str, SensorSteps] = {}

    def append(self, said: schema.Step) -> int:
        """Keep a step; return its row."""
        row, self.count = self.count, self.count + 1
        self.time_unix_nanos.put(row, said.time_unix_nanos)
        self.mode.put(row, MODES.index(said.mode) if said.mode in MODES else -1)
        self.episode.put(row, said.episode)
        self.step.put(row, said.step)
        self.total_step.put(row, said.total_step)
        self.motor_only.put(row, int(bool(said.is_motor_only)))
        self.step_secs.put(row, _number(said.step_secs))
        self.monitor_micros.put(row, _number(said.monitor_micros))
        for name, module in said.learning_modules.items():
            self.learning_modules.setdefault(name, LearningModuleSteps()).put(row, module)
        for name, sensor in said.sensor_modules.items():
            self.sensors.setdefault(name, SensorSteps()).put(row, sensor)
        return row

    @property
    def nbytes(self) -> int:
        """Memory the columns take."""
        return sum(column.nbytes for column in _columns(self))


def _columns(owner: Any) -> Iterator[Column]:
    for value in vars(owner).values():
        if isinstance(value, Column):
            yield value
        elif isinstance(value, dict):
            for one in value.values():
                yield from [one] if isinstance(one, Column) else _columns(one)


def _number(value: float | None) -> float:
    return _NAN if value is None else value


def _numbers(values: list[float | None] | None, count: int) -> list[float]:
    found = [_number(value) for value in values or ()][:count]
    return found + [_NAN] * (count - len(found))
