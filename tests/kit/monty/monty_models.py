"""Makes parts of real Monty: learning modules that hold hypotheses, without an experiment around them."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

import numpy as np

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # torch warns about its own deprecations when Monty imports it
    from tbp.monty.cmp import Message
    from tbp.monty.frameworks.experiments.mode import ExperimentMode
    from tbp.monty.frameworks.models.displacement_matching import DisplacementGraphLM
    from tbp.monty.frameworks.models.evidence_matching.hypotheses import Hypotheses
    from tbp.monty.frameworks.models.evidence_matching.learning_module import EvidenceGraphLM
    from tbp.monty.geometry import Rotation, SurfacePoseVectors

OBJECTS = ["mug", "bowl", "dice"]


def evidence_lm(evidence: dict[str, Any] | None = None, name: str = "learning_module_0") -> EvidenceGraphLM:
    """Return an evidence learning module; with `evidence`, after a step that gave its hypotheses these values."""
    lm = EvidenceGraphLM(max_match_distance=0.01, tolerances={"patch": {}}, feature_weights={})
    lm.learning_module_id = name
    lm.mode = ExperimentMode.EVAL
    lm.has_detailed_logger = False
    lm.fixme_reset_ground_truth({"object": "bowl", "quat_rotation": turn(40).as_quat()})
    for graph in evidence or {}:
        lm.graph_memory.models_in_memory[graph] = {"patch": SimpleNamespace(pos=np.zeros((4, 3)))}
        lm.graph_id_to_target[graph] = {graph}
        lm.target_to_graph_id[graph] = {graph}
        lm._hypotheses[graph] = space(np.asanyarray(evidence[graph]))
    if evidence:
        lm.possible_matches = lm._threshold_possible_matches()
        lm.current_mlh = lm._calculate_most_likely_hypothesis()
    return lm


def displacement_lm(name: str = "learning_module_0") -> DisplacementGraphLM:
    lm = DisplacementGraphLM(k=5, match_attribute="displacement")
    lm.learning_module_id = name
    lm.mode = ExperimentMode.EVAL
    lm.fixme_reset_ground_truth({"object": "bowl", "quat_rotation": turn(40).as_quat()})
    return lm


def space(evidence: Any) -> Hypotheses:
    """Return hypotheses with this evidence; the n-th lies at (n, 0, 0) and is turned by n degrees."""
    count = len(evidence)
    locations = np.zeros((count, 3))
    locations[:, 0] = np.arange(count)
    poses = np.array([turn(index).as_matrix() for index in range(count)]).reshape((count, 3, 3))
    return Hypotheses(evidence, locations, poses, np.zeros(count, dtype=bool))


def turn(degrees: float) -> Rotation:
    return Rotation.from_euler("xyz", [0, 0, degrees], degrees=True)


def percept(**features: Any) -> Message:
    """Return a message as a sensor module sends it."""
    return Message(
        location=np.array([1.0, 2.0, 3.0]),
        morphological_features={
            "pose_vectors": SurfacePoseVectors(np.eye(3)),
            "pose_fully_defined": True,
            "on_object": 1.0,
        },
        non_morphological_features=features,
        confidence=1.0,
        pass_message=True,
        sender_id="patch",
        sender_type="SM",
        process_features_in_lm=True,
    )


def model(*lms: Any, outputs: tuple[Any, ...] = (), sensors: tuple[Any, ...] = ()) -> Any:
    """Return the attributes of a Monty model that `observe` reads, around real learning modules."""
    return SimpleNamespace(
        learning_modules=list(lms),
        sensor_modules=list(sensors),
        sensor_module_outputs=list(outputs),
        experiment_mode=ExperimentMode.EVAL,
        primary_target={"object": "bowl"},
        step_type="matching_step",
        is_motor_only_step=False,
        episode_steps=3,
        matching_steps=2,
    )
