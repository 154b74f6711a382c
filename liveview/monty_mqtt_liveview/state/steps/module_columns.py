"""Stores what one learning module believed, one row per step. Pure.

Called by `step_table`, which passes several steps at once: that is ten times as fast as passing them one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import attrgetter

import numpy as np

from monty_mqtt.wire.message_pieces import Hypothesis, LearningModuleStep
from monty_mqtt_liveview.state.columns import Array, Column, Names, Table, by_keys, numbers, vectors, wholes

__all__ = ["SAMPLED", "LearningModuleSteps"]

MOST_OBJECTS = 512
"""Objects per learning module whose evidence is kept; for further ones, only that they were winner, second, target."""

_NAN = float("nan")
_THREE, _FOUR = 3, 4
_NOTHING = Hypothesis(object="")
_NUMBERS = {
    "margin": "margin",
    "threshold": "evidence_threshold",
    "rotation_error_degs": "rotation_error_degs",
    "symmetry_evidence": "symmetry_evidence",
    "prediction_error": "prediction_error",
}
SAMPLED = (
    "hypotheses_added",
    "hypotheses_removed",
    "hypothesis_age_median",
    "hypothesis_age_max",
    "evidence_slope_max",
)
"""What burst sampling tells: columns of these names, and fields of `LearningModuleStep`."""


class LearningModuleSteps(Table):
    """Stores what one learning module believed.

    Attributes:
        objects: Names of all objects: those with evidence, winners and targets.
        terminals: Distinct values of `terminal_state`.
        evidence: Highest evidence of each object; column i belongs to object i of `objects`.
        hypotheses: Number of hypotheses, with the same columns; -1 if absent.
        possible: Whether the object was a possible match (1, 0; -1 unknown), with the same columns.
        winner, second, target, stepwise_target: Places in `objects`; -1 if absent.
        is_correct: Whether Monty says that the winner stands for the target (1, 0; -1 if it does not say).
        is_new: Whether the winner is Monty's name for an object that it does not know.
        target_sets: Distinct sets of the graph ids that stand for a target.
        target_graphs: Place in `target_sets`; -1 if absent.
        terminal: Place in `terminals`; -1 if absent.
        possible_count: Number of possible matches; -1 if absent.
        numbers: Column by name: `winner_evidence`, `margin`, `threshold`, `rotation_error_degs`, `symmetry_evidence`,
            `prediction_error`, `scale`.
        goal: 1 in a step that set a goal state, else 0.
        goal_object: Place in `objects` of the graph that the goal state tests; -1 if absent.
        goal_location: Where the goal state wants the sensor, x, y, z in metres.
        is_goal_achieved: Whether the goal state before was reached (1, 0; -1 in a step that does not look at it).
        location: Location x, y, z of the most likely hypothesis, in metres.
        rotation: Rotation of the most likely hypothesis, as quaternion x, y, z, w.
        hypothesis_count: Number of all hypotheses; -1 if absent.
        sampled: Column by name of `SAMPLED`; none as long as no step tells any of it.
    """

    def __init__(self) -> None:
        self.objects, self.terminals = Names[str](), Names[str]()
        self.target_sets = Names[tuple[str, ...]]()
        self.is_correct, self.is_new, self.target_graphs = Column(np.int8, -1), Column(np.int8, 0), Column(np.int16, -1)
        self.evidence = Column(np.float32, _NAN, 1)
        self.hypotheses = Column(np.int32, -1, 1)
        self.possible = Column(np.int8, -1, 1)
        self.winner, self.second, self.target, self.stepwise_target, self.terminal, self.possible_count = (
            Column(np.int16, -1) for _ in range(6)
        )
        self.numbers = {name: Column(np.float32, _NAN) for name in ("winner_evidence", *_NUMBERS, "scale")}
        self.location = Column(np.float32, _NAN, _THREE)
        self.rotation = Column(np.float32, _NAN, _FOUR)
        self.hypothesis_count = Column(np.int32, -1)
        self.sampled: dict[str, Column] = {}
        self.goal, self.is_goal_achieved = Column(np.int8, 0), Column(np.int8, -1)
        self.goal_object, self.goal_location = Column(np.int16, -1), Column(np.float32, _NAN, _THREE)

    @property
    def known(self) -> int:
        """How many objects have a column of evidence."""
        return min(len(self.objects), MOST_OBJECTS)

    def put(self, rows: Array, steps: Sequence[LearningModuleStep]) -> None:
        """Store what the learning module reported in some steps; `rows` must be ascending."""
        self._put_evidence(rows, steps)
        self._put_possible(rows, steps)
        self._put_truth(rows, steps)
        for column, names, attribute in (
            (self.second, self.objects, "second_object"),
            (self.target, self.objects, "target_object"),
            (self.stepwise_target, self.objects, "stepwise_target_object"),
            (self.terminal, self.terminals, "terminal_state"),
        ):
            column.put(rows, names.places(list(map(attrgetter(attribute), steps))))
        for name, attribute in _NUMBERS.items():
            self.numbers[name].put(rows, numbers(list(map(attrgetter(attribute), steps))))
        self._put_sampled(rows, steps)
        self._put_winner(rows, [step.most_likely or _NOTHING for step in steps])
        self._put_goals(rows, steps)

    def _put_evidence(self, rows: Array, steps: Sequence[LearningModuleStep]) -> None:
        evidence = [step.evidence for step in steps]
        for names, chosen in by_keys(evidence).items():
            places = self.objects.places(names)
            values = numbers([list((evidence[place] or {}).values()) for place in chosen])
            kept = _kept(places)
            self.evidence.put_at(rows[chosen], places[kept], values[:, kept])
        counted = [step.hypothesis_counts for step in steps]
        for names, chosen in by_keys(counted).items():
            places = self.objects.places(names)
            counts = wholes([list((counted[place] or {}).values()) for place in chosen], np.int32)
            kept = _kept(places)
            self.hypotheses.put_at(rows[chosen], places[kept], counts[:, kept])

    def _put_possible(self, rows: Array, steps: Sequence[LearningModuleStep]) -> None:
        matches_of_steps = [step.possible_matches for step in steps]
        self.possible_count.put(
            rows, wholes([-1 if matches is None else len(matches) for matches in matches_of_steps], np.int16)
        )
        alike: dict[tuple[tuple[str, ...], tuple[str, ...]], list[int]] = {}
        for place, (possible, step) in enumerate(zip(matches_of_steps, steps, strict=True)):
            if possible is not None:
                alike.setdefault((tuple(possible), tuple(step.evidence or ())), []).append(place)
        for (matches, known), chosen in alike.items():
            flag_of = dict.fromkeys(known, 0) | dict.fromkeys(matches, 1)
            places = self.objects.places(flag_of)
            kept = _kept(places)
            flags = np.array(list(flag_of.values()), np.int8)
            self.possible.put_at(rows[chosen], places[kept], flags[kept])

    def _put_truth(self, rows: Array, steps: Sequence[LearningModuleStep]) -> None:
        self.is_correct.put(
            rows, wholes([-1 if step.is_correct is None else step.is_correct for step in steps], np.int8)
        )
        self.is_new.put(rows, wholes([step.is_new for step in steps], np.int8))
        graphs = [step.target_graphs for step in steps]
        self.target_graphs.put(
            rows, self.target_sets.places([None if names is None else tuple(names) for names in graphs])
        )

    def _put_sampled(self, rows: Array, steps: Sequence[LearningModuleStep]) -> None:
        counts = [step.hypothesis_counts for step in steps]
        self.hypothesis_count.put(
            rows, wholes([-1 if count is None else sum(count.values()) for count in counts], np.int32)
        )
        told = {name: list(map(attrgetter(name), steps)) for name in SAMPLED}
        if not self.sampled and set(chain.from_iterable(told.values())) - {None}:
            self.sampled = {name: Column(np.float32, _NAN) for name in SAMPLED}
        for name, column in self.sampled.items():
            column.put(rows, numbers(told[name]))

    def _put_winner(self, rows: Array, winners: Sequence[Hypothesis]) -> None:
        self.winner.put(
            rows,
            self.objects.places([hypothesis.object if hypothesis is not _NOTHING else None for hypothesis in winners]),
        )
        self.numbers["winner_evidence"].put(rows, numbers([hypothesis.evidence for hypothesis in winners]))
        self.numbers["scale"].put(rows, numbers([hypothesis.scale for hypothesis in winners]))
        self.location.put(rows, vectors([hypothesis.location for hypothesis in winners], _THREE))
        self.rotation.put(rows, vectors([hypothesis.rotation for hypothesis in winners], _FOUR))

    def _put_goals(self, rows: Array, steps: Sequence[LearningModuleStep]) -> None:
        is_set = [step.goal_location is not None or step.goal_object is not None for step in steps]
        self.goal.put(rows, np.array(is_set, np.int8))
        achieved = [step.is_goal_achieved for step in steps]
        self.is_goal_achieved.put(rows, np.array([-1 if said is None else said for said in achieved], np.int8))
        if any(is_set):
            self.goal_object.put(rows, self.objects.places([step.goal_object for step in steps]))
            self.goal_location.put(rows, vectors([step.goal_location for step in steps], _THREE))


def _kept(places: Array) -> Array:
    return (places >= 0) & (places < MOST_OBJECTS)
