"""This module turns Monty's state into the parts of a Step. It never changes the model. No I/O, no clock.

Called by the step hook after each step of the model; the hook publishes what `ModelReader.read` returns.

The reader finds out once, when it is made, what a kind of learning module has; a step then costs a few attribute reads
and one `argmax` per object. Monty's own accessors are avoided if they write: `_get_current_mlh` assigns
`mlh["location"]` into the model. numpy and torch are used by duck typing only, never imported.
"""
# ruff: noqa: SLF001 - Monty's hypotheses have no public name

from __future__ import annotations

import math
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple

import msgspec

from monty_mqtt.observe.ground_truth import GroundTruth
from monty_mqtt.observe.hypothesis_sampling import sampling_reader
from monty_mqtt.observe.lm_statistics import StatisticsReader
from monty_mqtt.observe.pose import PoseReader
from monty_mqtt.observe.sensor_reader import read_sensor_module
from monty_mqtt.wire.message_pieces import LearningModuleStep, SensorModuleStep

__all__ = ["ModelReader", "ModelStep", "greatest", "has_evidence", "mode_of", "unmasked"]

_EVIDENCE_MODULE = "tbp.monty.frameworks.models.evidence_matching.learning_module"

_Evidence = Tuple[Dict[str, Optional[float]], Dict[str, int]]
_LearningModuleReader = Callable[[], Tuple[LearningModuleStep, float]]


class ModelStep(NamedTuple):
    """ModelStep holds what the model believes and has sensed in a step.

    Attributes:
        learning_modules: Parts by learning module id.
        sensor_modules: Parts by sensor module id; a sensor module without output is left out.
        non_finite: How many of the numbers are NaN or infinite.
    """

    learning_modules: Dict[str, LearningModuleStep]
    sensor_modules: Dict[str, SensorModuleStep]
    non_finite: int


class ModelReader:
    """ModelReader reads one Monty model, whatever its learning modules are.

    Args:
        monty: The model. A reader is for this object only; `of` checks it.
    """

    def __init__(self, monty: Any) -> None:
        self._monty = monty
        self._truths = [GroundTruth(lm) for lm in monty.learning_modules]
        self._statistics = [StatisticsReader(lm) for lm in monty.learning_modules]
        self._learning_modules: List[Tuple[str, _LearningModuleReader]] = [
            (_id_of(lm, index), _learning_module_reader(lm, truth, statistics))
            for index, (lm, truth, statistics) in enumerate(zip(monty.learning_modules, self._truths, self._statistics))
        ]
        self._sensor_modules: List[Tuple[str, Any]] = [
            (str(getattr(sm, "sensor_module_id", index)), sm) for index, sm in enumerate(monty.sensor_modules)
        ]

    def of(self, monty: Any) -> bool:
        """Return whether this is the model that the reader was made for."""
        return monty is self._monty

    def begin_episode(self) -> None:
        """Read the learned graphs again, because Monty may have learned since the last step."""
        for truth, statistics in zip(self._truths, self._statistics):
            truth.begin_episode()
            statistics.begin_episode()

    def read(self) -> ModelStep:
        """Return the current state of every learning module and sensor module."""
        checksum = 0.0
        learning_modules = {}
        for name, reader in self._learning_modules:
            learning_modules[name], part_sum = reader()
            checksum += part_sum
        sensor_modules = {}
        for (name, sm), output in zip(self._sensor_modules, getattr(self._monty, "sensor_module_outputs", ())):
            if output is not None:
                sensor_modules[name], part_sum = read_sensor_module(sm, output)
                checksum += part_sum
        # One sum reveals any NaN or infinity among the numbers; only then they are counted one by one.
        bad = 0 if checksum - checksum == 0 else _non_finite(learning_modules) + _non_finite(sensor_modules)
        return ModelStep(learning_modules, sensor_modules, bad)


def mode_of(monty: Any) -> str:
    """Return `train` or `eval`; empty before the first episode."""
    mode = getattr(monty, "experiment_mode", None)
    return str(getattr(mode, "value", mode) or "")


def has_evidence(lm: Any) -> bool:
    """Return whether a learning module keeps evidence per hypothesis, as EvidenceGraphLM and its kin do."""
    return hasattr(lm, "_hypotheses") and hasattr(lm, "current_mlh") and hasattr(lm, "evidence_for_each_graph")


def unmasked(values: Any) -> Any:
    """Return an array of evidence as a plain array. Monty's voting makes masked arrays, whose every method is slow.

    A masked value becomes minus infinity, so that it is never the greatest, as in numpy.
    """
    if not hasattr(values, "filled"):
        return values
    return values.filled(-math.inf) if values.mask.any() else values.data


def greatest(values: Any) -> float:
    """Return the greatest value of an array of evidence: the same as `max(unmasked(values))`, but faster."""
    if not hasattr(values, "filled"):
        return values.item(values.argmax())  # type: ignore[no-any-return]
    plain, mask = values.data, values.mask
    index = plain.argmax()
    if mask.ndim and mask[index]:
        plain = unmasked(values)
        index = plain.argmax()
    return plain.item(index)  # type: ignore[no-any-return]


def _id_of(lm: Any, index: int) -> str:
    return str(getattr(lm, "learning_module_id", None) or f"learning_module_{index}")


def _learning_module_reader(lm: Any, truth: GroundTruth, statistics: StatisticsReader) -> _LearningModuleReader:
    possible_matches = getattr(lm, "get_possible_matches", list)
    if not has_evidence(lm):

        def read_common() -> Tuple[LearningModuleStep, float]:
            noted, noted_sum = statistics.read()
            return LearningModuleStep(**_common(lm, truth, possible_matches), **noted), noted_sum

        return read_common
    evidence = _evidence_reader(lm)
    pose = PoseReader(lm, truth)
    sampling = sampling_reader(lm)
    percent = float(getattr(lm, "x_percent_threshold", 0.0))

    def read() -> Tuple[LearningModuleStep, float]:
        by_object, counts = evidence()
        best, error = pose.read()
        belief = truth.of(best.object)
        top, second, margin = _top_two(by_object, best.object)
        noted, noted_sum = statistics.read()
        step = LearningModuleStep(
            evidence=by_object,
            most_likely=best,
            is_correct=belief.is_correct,
            is_new=belief.is_new,
            most_likely_targets=belief.targets if belief.targets != [best.object] else [],
            second_object=second,
            margin=margin,
            evidence_threshold=None if top is None else max(top - top / 100 * percent, 0.0),
            hypothesis_counts=counts,
            rotation_error_degs=error,
            **sampling(best.object),
            **_common(lm, truth, possible_matches),
            **noted,
        )
        numbers: Any = (by_object.values(), best.location, best.rotation, (best.evidence,))
        return step, sum(map(sum, numbers), noted_sum)

    return read


def _common(lm: Any, truth: GroundTruth, possible_matches: Callable[[], Any]) -> Dict[str, Any]:
    symmetry = getattr(lm, "symmetry_evidence", None)
    return {
        "possible_matches": list(possible_matches()),
        "target_graphs": truth.target_graphs(),
        "terminal_state": getattr(lm, "terminal_state", None),
        "target_object": getattr(lm, "primary_target", None),
        "stepwise_target_object": getattr(lm, "stepwise_target_object", None),
        "symmetry_evidence": None if symmetry is None else float(symmetry),
    }


def _evidence_reader(lm: Any) -> Callable[[], _Evidence]:
    if getattr(type(lm).evidence_for_each_graph, "__module__", "") == _EVIDENCE_MODULE:
        return lambda: _upstream_evidence(lm)

    def read() -> _Evidence:
        ids, values = lm.evidence_for_each_graph()
        counts = {graph: len(hypotheses.evidence) for graph, hypotheses in lm._hypotheses.items()}
        known = [(graph, value) for graph, value in zip(ids, values.tolist()) if graph in counts]
        return dict(known), counts

    return read


def _upstream_evidence(lm: Any) -> _Evidence:
    """Return the greatest evidence and the number of hypotheses of each object.

    It computes what `EvidenceGraphLM.evidence_for_each_graph` does (0.55), four times as fast: `argmax` and one item
    instead of `np.max`. Before the first observation Monty's function returns the sentinel `patch_off_object`, this an
    empty mapping.
    """
    hypotheses = lm._hypotheses
    ids = lm.get_all_known_object_ids()
    evidence: Dict[str, Optional[float]] = {}
    counts: Dict[str, int] = {}
    if ids and ids[0] in hypotheses:
        for graph in ids:
            values = hypotheses[graph].evidence
            counts[graph] = size = len(values)
            if size:
                masked = hasattr(values, "filled")
                evidence[graph] = greatest(values) if masked else values.item(values.argmax())
    return evidence, counts


def _top_two(evidence: Mapping[str, Any], most_likely: str) -> Tuple[Optional[float], Optional[str], Optional[float]]:
    top = evidence.get(most_likely)
    if top is None:
        return None, None, None
    second, second_evidence = None, -math.inf
    for graph, value in evidence.items():
        if value > second_evidence and graph != most_likely:
            second, second_evidence = graph, value
    return top, second, None if second is None else top - second_evidence


def _non_finite(parts: Dict[str, Any]) -> int:
    pending: List[Any] = [msgspec.to_builtins(parts)]
    count = 0
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, float) and not math.isfinite(value):
            count += 1
    return count
