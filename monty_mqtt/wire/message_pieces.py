"""This module defines the pieces that messages are made of; `schema` exports them with the messages.

Rotations are unit quaternions (x, y, z, w); locations are metres in Monty's body reference frame unless said otherwise.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional

import msgspec

__all__ = [
    "Camera",
    "Hypothesis",
    "LearningModuleEpisode",
    "LearningModuleInfo",
    "LearningModuleStep",
    "ModeProgress",
    "SensorModuleInfo",
    "SensorModuleStep",
    "Target",
]


class MessagePiece(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """MessagePiece is a piece of a message; it is never sent alone."""


class Target(MessagePiece, frozen=True, kw_only=True):
    """Target is the object that the episode shows, Monty's ground truth.

    Attributes:
        object: Name of the object.
        location: x, y, z in metres.
        rotation: Unit quaternion x, y, z, w.
        rotation_euler_degs: The same rotation in Monty's notation: Euler angles "xyz" in degrees.
        scale: Size relative to the object's own, 1 for the same.
    """

    object: str
    location: Optional[List[Optional[float]]] = None
    rotation: Optional[List[Optional[float]]] = None
    rotation_euler_degs: Optional[List[Optional[float]]] = None
    scale: Optional[float] = None


class Hypothesis(MessagePiece, frozen=True, kw_only=True):
    """Hypothesis is one object in one pose, and the evidence for it.

    Attributes:
        object: Graph id, or a sentinel of Monty's: `no_observations_yet`, `new_object0`.
        evidence: Monty's evidence count, unbounded, may be negative.
        location: x, y, z in metres, in the object model's reference frame.
        rotation: Unit quaternion x, y, z, w that turns sensed displacements into the model's reference frame.
        scale: Size relative to the learned model.
    """

    object: str
    evidence: Optional[float] = None
    location: Optional[List[Optional[float]]] = None
    rotation: Optional[List[Optional[float]]] = None
    scale: Optional[float] = None


class LearningModuleInfo(MessagePiece, frozen=True, kw_only=True):
    """LearningModuleInfo describes a learning module as configured.

    Attributes:
        learning_module: Id of the learning module.
        class_name: Dotted name of its class.
        objects: Names of the objects that it knows when the run starts.
        thresholds: Its numeric thresholds by Monty's attribute name (`object_evidence_threshold`,
            `x_percent_threshold`, `required_symmetry_evidence`, `max_match_distance`, …).
        sensor_modules: Ids of the sensor modules that feed it.
        vote_partners: Ids of the learning modules it votes with.
    """

    learning_module: str
    class_name: str
    objects: List[str] = []
    thresholds: Dict[str, Optional[float]] = {}
    sensor_modules: List[str] = []
    vote_partners: List[str] = []


class SensorModuleInfo(MessagePiece, frozen=True, kw_only=True):
    """SensorModuleInfo describes a sensor module as configured.

    Attributes:
        sensor_module: Id of the sensor module.
        class_name: Dotted name of its class.
    """

    sensor_module: str
    class_name: str


class LearningModuleEpisode(MessagePiece, frozen=True, kw_only=True):
    """LearningModuleEpisode holds Monty's own statistics of one learning module for an episode.

    Attributes:
        outcome: Monty's `primary_performance`: `correct`, `confused_mlh`, `no_match`, …
        stepwise_outcome: Monty's `stepwise_performance`.
        most_likely_object: Id of the graph with the highest evidence.
        detected_object: Id of the graph that it settled on, if any; after `no_match` Monty's name for the new object.
        is_correct: Whether the outcome says that the module recognised the target; absent if the outcome says neither.
        is_new: Whether the module took the target for an object that it does not know.
        most_likely_targets: Names of the objects that the graph of `most_likely_object` (if absent, of
            `detected_object`) was learned from, by Monty's own `graph_id_to_target`.
        highest_evidence: Evidence of the most likely hypothesis.
        rotation_error_degs: Angle between detected and true rotation, degrees, 0 to 180.
        most_likely_rotation_euler_degs: Its most likely rotation, Euler angles "xyz" in degrees.
        possible_matches: Number of objects still possible.
        steps: Number of steps in which this module matched.
        individual_outcome: The outcome if the module had decided alone.
        individual_step: The step at which it would have decided alone.
        symmetry_evidence: Number of steps that indicated a symmetric object.
        prediction_error: Mean prediction error of the most likely hypothesis.
        goals_attempted: Number of goal states tried.
        goals_achieved: Number of goal states reached.
        possible_match_sources: Objects that its possible matches were learned from.
        tfnp: Monty's `TFNP` of unsupervised learning.
    """

    outcome: Optional[str] = None
    stepwise_outcome: Optional[str] = None
    most_likely_object: Optional[str] = None
    detected_object: Optional[str] = None
    is_correct: Optional[bool] = None
    is_new: bool = False
    most_likely_targets: List[str] = []
    highest_evidence: Optional[float] = None
    rotation_error_degs: Optional[float] = None
    most_likely_rotation_euler_degs: Optional[List[Optional[float]]] = None
    possible_matches: Optional[int] = None
    steps: Optional[int] = None
    individual_outcome: Optional[str] = None
    individual_step: Optional[int] = None
    symmetry_evidence: Optional[float] = None
    prediction_error: Optional[float] = None
    goals_attempted: Optional[int] = None
    goals_achieved: Optional[int] = None
    possible_match_sources: Optional[str] = None
    tfnp: Optional[str] = None


class LearningModuleStep(MessagePiece, frozen=True, kw_only=True):
    """LearningModuleStep is what one learning module believes after a step. Fields that its kind lacks are absent.

    Attributes:
        evidence: Highest evidence of each object, Monty's `evidence_for_each_graph()`.
        most_likely: The most likely hypothesis.
        is_correct: Whether the most likely object stands for the target, by Monty's own `graph_id_to_target`; absent if
            Monty does not say: no target, no belief yet, or a new object. Viewers must not compare names.
        is_new: Whether the most likely object is no learned graph, but Monty's name for an unknown object.
        most_likely_targets: Names of the objects that its graph was learned from, if the graph's id is not such a name.
        target_graphs: Ids of this module's graphs that stand for the target, by that mapping; absent if none does.
        second_object: The object second in evidence.
        margin: Evidence of the most likely object minus that of the second.
        possible_matches: Objects still possible.
        evidence_threshold: Evidence above which an object is still possible (maximum minus x percent).
        terminal_state: Monty's word: `match`, `no_match`, `time_out`, …; absent before one is reached.
        hypothesis_counts: Number of hypotheses of each object.
        target_object: The object that the module is being shown.
        stepwise_target_object: The object that its sensor touches in this step.
        rotation_error_degs: Angle between the most likely rotation and the true one, degrees, if the object is right.
        symmetry_evidence: Number of steps in a row that indicated a symmetric object.
        hypotheses_added: Number of hypotheses that burst sampling added in this step, over all objects. It and the next
            four are absent without burst sampling, and where this module's hypotheses were not updated.
        hypotheses_removed: Number of hypotheses that it removed in this step, over all objects.
        hypothesis_age_median: Median age of the most likely object's hypotheses, in updates, 1 for a new one.
        hypothesis_age_max: Age of the oldest of these.
        evidence_slope_max: The steepest rise of evidence over all hypotheses before this step, by which Monty decides
            whether it samples: mean per step and input channel, -1 to 2.
        prediction_error: Monty's `mlh_prediction_error` of this step, 0 (as its best hypothesis predicted) to 1.
        goal_location: Where its goal state wants the sensor, x, y, z in metres, in a step that sets a goal state.
        goal_object: Id of the graph whose hypothesis that goal state tests.
        is_goal_achieved: Whether its goal state before was reached, by Monty's rule, in a step that looks at it.
    """

    evidence: Optional[Dict[str, Optional[float]]] = None
    most_likely: Optional[Hypothesis] = None
    is_correct: Optional[bool] = None
    is_new: bool = False
    most_likely_targets: List[str] = []
    target_graphs: Optional[List[str]] = None
    second_object: Optional[str] = None
    margin: Optional[float] = None
    possible_matches: Optional[List[str]] = None
    evidence_threshold: Optional[float] = None
    terminal_state: Optional[str] = None
    hypothesis_counts: Optional[Dict[str, int]] = None
    target_object: Optional[str] = None
    stepwise_target_object: Optional[str] = None
    rotation_error_degs: Optional[float] = None
    symmetry_evidence: Optional[float] = None
    hypotheses_added: Optional[int] = None
    hypotheses_removed: Optional[int] = None
    hypothesis_age_median: Optional[float] = None
    hypothesis_age_max: Optional[int] = None
    evidence_slope_max: Optional[float] = None
    prediction_error: Optional[float] = None
    goal_location: Optional[List[Optional[float]]] = None
    goal_object: Optional[str] = None
    is_goal_achieved: Optional[bool] = None


class ModeProgress(MessagePiece, frozen=True, kw_only=True):
    """ModeProgress sums up the finished episodes of one mode. Modes are never added up, as in Monty.

    Attributes:
        episodes_done: Number of finished episodes.
        episodes_expected: Number of episodes in all, if known.
        steps: Steps so far, including those of the running episode.
        outcomes: Number of finished episodes by outcome, in Monty's words.
        correct: Number of finished episodes whose outcome counts as correct.
        accuracy: Share of these among all finished episodes, 0 to 1: Monty's `percent_correct`; absent before the first
            outcome.
        used_mlh: Number of finished episodes decided by the most likely hypothesis after a time-out.
        rotation_errors: Number of learning modules with a rotation error, over all finished episodes.
        rotation_error_degs: Mean of these rotation errors, degrees: Monty's `avg_rotation_error`.
        mean_steps: Steps per finished episode: Monty's `avg_num_monty_steps`.
        mean_matching_steps: Monty's `avg_num_monty_matching_steps`.
        mean_secs: Seconds per finished episode, without pauses.
    """

    episodes_done: int = 0
    episodes_expected: Optional[int] = None
    steps: int = 0
    outcomes: Dict[str, int] = {}
    correct: int = 0
    accuracy: Optional[float] = None
    used_mlh: int = 0
    rotation_errors: int = 0
    rotation_error_degs: Optional[float] = None
    mean_steps: Optional[float] = None
    mean_matching_steps: Optional[float] = None
    mean_secs: Optional[float] = None


class SensorModuleStep(MessagePiece, frozen=True, kw_only=True):
    """SensorModuleStep is what one sensor module sensed in a step.

    Attributes:
        location: x, y, z in metres, body reference frame.
        rotation: Unit quaternion x, y, z, w, if the sensor module gives one.
        on_object: Whether the centre of its patch lies on an object.
        features: Its other features by Monty's names (`hsv`, `principal_curvatures_log`, …), numbers and
            lists of numbers.
        pose_vectors: Unit vectors x, y, z of surface normal and both principal curvatures; absent off an object.
    """

    location: Optional[List[Optional[float]]] = None
    rotation: Optional[List[Optional[float]]] = None
    on_object: Optional[bool] = None
    features: Optional[Dict[str, Any]] = None
    pose_vectors: Optional[List[List[Optional[float]]]] = None


class Camera(MessagePiece, frozen=True, kw_only=True):
    """Camera says from where and how wide a sensor saw an image.

    Attributes:
        location: x, y, z in metres, where the sensor modules' locations are.
        rotation: Unit quaternion x, y, z, w. It looks along its -z axis; its y axis points up in the image.
        field_of_view_degs: Angle between the left and the right edge of the image, degrees.
        centre_metres: Depth at the centre of the image.
    """

    location: Optional[List[Optional[float]]] = None
    rotation: Optional[List[Optional[float]]] = None
    field_of_view_degs: Optional[float] = None
    centre_metres: Optional[float] = None
