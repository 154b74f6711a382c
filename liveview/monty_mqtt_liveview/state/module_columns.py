"""Stores what one learning module believed, what one sensor module sensed, and what was done, one row per step. Pure.

Called by `step_table`, which passes several steps at once: that is ten times as fast as passing them one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

import numpy as np

from monty_mqtt.wire.message_pieces import Hypothesis, LearningModuleStep, SensorModuleStep
from monty_mqtt_liveview.state.columns import Array, Column, Names, Table, by_keys, numbers, vectors, wholes

__all__ = ["SAMPLED", "ActionSteps", "LearningModuleSteps", "SensorSteps"]

MOST_OBJECTS = 512
"""Objects per learning module whose evidence is kept; for further ones, only that they were winner, second, target."""

MOST_FEATURES = 32
"""Features per sensor module whose values are kept."""

_MOST_VALUES = 16
"""Numbers of one feature, and of all actions of a step, that are kept; a feature with more is not kept at all."""

_GREATEST_WHOLE = 2**63
_NAN = float("nan")
_THREE, _FOUR, _NINE = 3, 4, 9
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
        known = [-1 if one is None else sum(one.values()) for one in counts]
        self.hypothesis_count.put(rows, wholes(known, np.int32))
        told = {name: list(map(attrgetter(name), steps)) for name in SAMPLED}
        if not self.sampled and any(value is not None for values in told.values() for value in values):
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


class SensorSteps(Table):
    """Stores what one sensor module sensed.

    Attributes:
        location: Where it sensed, x, y, z in metres.
        on_object: Whether on an object (1, 0; -1 unknown).
        pose_vectors: Three unit vectors, one after the other: surface normal and both principal curvatures.
        features: Numbers of each feature; a feature that is one number has one column.
        lists: Names of the features that are lists of numbers.
        flags: Names of the features that are true or false.
    """

    def __init__(self) -> None:
        self.location = Column(np.float32, _NAN, _THREE)
        self.on_object = Column(np.int8, -1)
        self.pose_vectors = Column(np.float32, _NAN, _NINE)
        self.features: dict[str, Column] = {}
        self.lists: set[str] = set()
        self.flags: set[str] = set()

    def put(self, rows: Array, sensed: Sequence[SensorModuleStep]) -> None:
        """Store what the sensor module sensed in some steps; `rows` must be ascending."""
        self.location.put(rows, vectors([reading.location for reading in sensed], _THREE))
        self.on_object.put(
            rows, np.array([-1 if reading.on_object is None else reading.on_object for reading in sensed], np.int8)
        )
        if any(reading.pose_vectors for reading in sensed):
            poses = [list(chain.from_iterable(reading.pose_vectors or ())) for reading in sensed]
            self.pose_vectors.put(rows, vectors(poses, _NINE))
        features = [reading.features for reading in sensed]
        for names, chosen in by_keys(features).items():
            for name in names:
                self._put_feature(name, rows[chosen], [(features[place] or {})[name] for place in chosen])

    def _put_feature(self, name: str, rows: Array, values: list[Any]) -> None:
        table = _alike(values)
        if table is None:
            kept = [(place, of_step) for place, value in enumerate(values) if (of_step := _kept_numbers(value))]
            rows, values = rows[[place for place, _ in kept]], [values[place] for place, _ in kept]
            table = vectors([of_step for _, of_step in kept], max((len(of_step) for _, of_step in kept), default=0))
        if not len(rows) or (name not in self.features and len(self.features) >= MOST_FEATURES):
            return
        column = self.features.setdefault(name, Column(np.float32, _NAN, 1))
        self.flags |= {name} if isinstance(values[0], bool) else set()
        self.lists |= {name} if any(isinstance(value, list) for value in values) else set()
        column.put_at(rows, np.arange(table.shape[1]), table)


def _alike(values: list[Any]) -> Array | None:
    """Return numbers, or lists of equally many, as rows of an array; None if they are something else, or too many."""
    try:
        table = numbers(values) if isinstance(values[0], (float, int, list)) else None
    except (ValueError, TypeError, OverflowError):
        return None
    if table is not None and table.ndim == 1:
        table = table[:, None]
    return table if table is not None and table.ndim == 2 and 0 < table.shape[1] <= _MOST_VALUES else None  # noqa: PLR2004


_Kind = tuple[tuple[str, tuple[tuple[str, int], ...]], ...]


class ActionSteps(Table):
    """Stores the actions of each step.

    Attributes:
        kinds: Distinct combinations of actions, each with its name, and its amounts by name: how many numbers each is;
            0 stands for a number that is no list.
        kind: Place in `kinds`; -1 if absent.
        amounts: The numbers of all amounts, one after the other.
    """

    def __init__(self) -> None:
        self.kinds = Names[_Kind]()
        self.kind = Column(np.int16, -1)
        self.amounts = Column(np.float32, _NAN, 1)

    def put(self, rows: Array, actions: Sequence[list[str]], amounts: Sequence[list[dict[str, Any]]]) -> None:
        """Store the names of the actions of some steps, and their amounts as far as they are numbers."""
        kinds: list[_Kind | None] = []
        values: list[list[float | None]] = []
        for names, given in zip(actions, amounts, strict=True):
            kept: list[float | None] = []
            amounts_of_each = [*given, *({} for _ in names)]
            named = list(zip(names[:_MOST_VALUES], amounts_of_each, strict=False))
            kind = tuple((name, _keep_amounts(of_action, kept)) for name, of_action in named)
            kinds.append(kind or None)
            values.append(kept)
        self.kind.put(rows, self.kinds.places(kinds))
        width = max(map(len, values))
        if width:
            self.amounts.put_at(rows, np.arange(width), vectors(values, width))


def _keep_amounts(amounts: dict[str, Any], kept: list[float | None]) -> tuple[tuple[str, int], ...]:
    """Append the numbers of an action to those of its step while there is room; return which they are."""
    sizes = []
    for name, value in amounts.items():
        found = _kept_numbers(value)
        if found and len(kept) + len(found) <= _MOST_VALUES:
            kept += found
            sizes.append((name, len(found) if isinstance(value, list) else 0))
    return tuple(sizes)


def _kept_numbers(value: Any) -> list[float | None]:
    """Return a number, or a list of a few numbers, as a list; anything else as an empty one. None stands for NaN."""
    if value is None:
        return []
    parts = value if isinstance(value, list) else [value]
    return parts if len(parts) <= _MOST_VALUES and all(part is None or _is_number(part) for part in parts) else []


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and abs(value) <= _GREATEST_WHOLE)


def _kept(places: Array) -> Array:
    return (places >= 0) & (places < MOST_OBJECTS)
