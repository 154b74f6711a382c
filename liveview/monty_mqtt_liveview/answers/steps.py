"""Describes steps as columns and one by one. Used by `addresses` and by `live_messages`."""

from __future__ import annotations

from typing import TypedDict

from monty_mqtt_liveview.answers.images import FrameShown, PlaceShown

__all__ = [
    "ActionTaken",
    "FoundRow",
    "GoalState",
    "ModuleColumns",
    "ModuleMoment",
    "Moment",
    "MostLikely",
    "SensorColumns",
    "SensorMoment",
    "StepColumns",
]


class ModuleColumns(TypedDict):
    """What one learning module believed, column by column; all columns are as long as `row`.

    Attributes:
        objects: Names of the objects; the other columns name an object by its place here.
        evidence: Evidence of each object: a column for each of the first of `objects`.
        target_sets: Distinct sets of graph ids that stand for a target; `target_graphs` names one by its place here.
        winner: Place of the most likely object; -1 if there is none.
        is_correct: Whether Monty says that it stands for the target: 1, 0, or -1 if it does not say.
        is_new: 1 if the most likely object is Monty's name for one that it does not know, else 0.
        target_graphs: Place of the graphs that stand for the target; -1 if none does.
        second: Place of the object second in evidence; -1 if there is none.
        target: Place of the object that is shown; -1 if it is not known.
        stepwise_target: Place of the object that its sensor touches; -1 if it is not known.
        terminal: Monty's word of its terminal state; null before one is reached.
        possible: Number of possible matches.
        winner_evidence: Evidence of the most likely hypothesis.
        margin: Evidence of the most likely object minus that of the second.
        threshold: Evidence above which an object is still possible.
        rotation_error_degs: Angle between the most likely rotation and the true one, degrees.
        symmetry_evidence: Number of steps in a row that indicated a symmetric object.
        prediction_error: How far what was sensed is from what it predicted, 0 to 1; null where Monty does not say it.
        goal: 1 in a step in which it set a goal state, else 0.
        is_goal_achieved: Whether its goal state before was reached: 1, 0, or -1 in a step that does not look at it.
        scale: Scale of the most likely hypothesis.
        location: Location x, y, z of the most likely hypothesis, metres.
        hypothesis_count: Number of all hypotheses.
        hypotheses_added: Number that burst sampling added in the step. It and the next four are null for a module
            without burst sampling.
        hypotheses_removed: Number that it removed in the step.
        hypothesis_age_median: Median age of the most likely object's hypotheses, in updates, 1 for a new one.
        hypothesis_age_max: Age of the oldest of these.
        evidence_slope_max: The steepest rise of evidence over all hypotheses before the step, by which Monty decides
            whether it samples.
    """

    objects: list[str]
    evidence: list[list[float | None]]
    target_sets: list[list[str]]
    winner: list[int]
    is_correct: list[int]
    is_new: list[int]
    target_graphs: list[int]
    second: list[int]
    target: list[int]
    stepwise_target: list[int]
    terminal: list[str | None]
    possible: list[int | None]
    winner_evidence: list[float | None]
    margin: list[float | None]
    threshold: list[float | None]
    rotation_error_degs: list[float | None]
    symmetry_evidence: list[float | None]
    prediction_error: list[float | None]
    goal: list[int]
    is_goal_achieved: list[int]
    scale: list[float | None]
    location: list[list[float | None]]
    hypothesis_count: list[int | None]
    hypotheses_added: list[float | None] | None
    hypotheses_removed: list[float | None] | None
    hypothesis_age_median: list[float | None] | None
    hypothesis_age_max: list[float | None] | None
    evidence_slope_max: list[float | None] | None


class SensorColumns(TypedDict):
    """Where one sensor module was, column by column; all columns are as long as `row`.

    Attributes:
        location: Its location x, y, z, metres.
        on_object: Whether it was on an object: 1, 0, or -1 if that is not known.
    """

    location: list[list[float | None]]
    on_object: list[int]


class StepColumns(TypedDict):
    """Steps of a worker, column by column; all columns are equally long.

    Attributes:
        row: Rows of the steps in the worker's table, ascending.
        time_unix_millis: When they were published.
        mode: `train` or `eval`.
        epoch: Epoch of the mode, from 0.
        episode: Episode of the mode, from 0.
        step: Step in the episode, from 0.
        total_step: Step of the worker, from 0.
        motor_only: 1 if the learning modules were skipped, else 0.
        step_secs: Seconds that the step took.
        monitor_micros: What the monitor cost in it, microseconds.
        target_object: The object that was shown.
        learning_modules: Columns of each learning module, by its id.
        sensors: Columns of each sensor module, by its id.
    """

    row: list[int]
    time_unix_millis: list[int]
    mode: list[str | None]
    epoch: list[int]
    episode: list[int]
    step: list[int]
    total_step: list[int]
    motor_only: list[int]
    step_secs: list[float | None]
    monitor_micros: list[float | None]
    target_object: list[str | None]
    learning_modules: dict[str, ModuleColumns]
    sensors: dict[str, SensorColumns]


class MostLikely(TypedDict):
    """The most likely hypothesis.

    Attributes:
        object: Id of its graph.
        evidence: Its evidence.
        location: Its location x, y, z, metres.
        rotation: Its rotation, unit quaternion x, y, z, w.
        scale: Its scale.
    """

    object: str
    evidence: float | None
    location: list[float | None]
    rotation: list[float | None]
    scale: float | None


class GoalState(TypedDict):
    """A goal state of a learning module: where the sensor shall go, to tell objects or poses apart.

    Attributes:
        object: Id of the graph whose hypothesis it tests.
        location: Where the sensor shall be, x, y, z, metres.
    """

    object: str | None
    location: list[float | None]


class ActionTaken(TypedDict):
    """What was decided to do next.

    Attributes:
        action: Monty's name of the action.
        amounts: How far and how much, by Monty's names: numbers, and lists of numbers.
    """

    action: str
    amounts: dict[str, float | list[float | None] | None]


class ModuleMoment(TypedDict):
    """What one learning module believed after a step.

    Attributes:
        most_likely: Its most likely hypothesis.
        is_correct: Whether Monty says that it stands for the target; null if it does not say.
        is_new: Whether it is Monty's name for an object that it does not know.
        target_graphs: Ids of the graphs that stand for the target.
        second_object: The object second in evidence.
        margin: Evidence of the most likely object minus that of the second.
        threshold: Evidence above which an object is still possible.
        rotation_error_degs: Angle between the most likely rotation and the true one, degrees.
        symmetry_evidence: Number of steps in a row that indicated a symmetric object.
        prediction_error: How far what was sensed is from what it had predicted, 0 to 1.
        goal: The goal state that it set; null if it set none.
        is_goal_achieved: Whether its goal state before was reached; null in a step that does not look at it.
        possible_matches: Objects still possible.
        terminal_state: Monty's word of its terminal state; null before one is reached.
        target_object: The object that is shown.
        stepwise_target_object: The object that its sensor touches.
        evidence: Evidence of each object that has some.
        hypothesis_counts: Number of hypotheses of each object.
        hypotheses_added: Number of hypotheses that burst sampling added. It and the next four are null without it.
        hypotheses_removed: Number that it removed.
        hypothesis_age_median: Median age of the most likely object's hypotheses, in updates, 1 for a new one.
        hypothesis_age_max: Age of the oldest of these.
        evidence_slope_max: The steepest rise of evidence over all hypotheses before the step.
    """

    most_likely: MostLikely | None
    is_correct: bool | None
    is_new: bool
    target_graphs: list[str] | None
    second_object: str | None
    margin: float | None
    threshold: float | None
    rotation_error_degs: float | None
    symmetry_evidence: float | None
    prediction_error: float | None
    goal: GoalState | None
    is_goal_achieved: bool | None
    possible_matches: list[str]
    terminal_state: str | None
    target_object: str | None
    stepwise_target_object: str | None
    evidence: dict[str, float]
    hypothesis_counts: dict[str, int]
    hypotheses_added: float | None
    hypotheses_removed: float | None
    hypothesis_age_median: float | None
    hypothesis_age_max: float | None
    evidence_slope_max: float | None


class SensorMoment(TypedDict):
    """What one sensor module sensed in a step.

    Attributes:
        location: Where it sensed, x, y, z, metres.
        on_object: Whether that was on an object, if that is known.
        pose_vectors: Unit vectors of the surface normal and of both principal curvatures; null off an object.
        features: What else it sensed, by Monty's names (`hsv`, `principal_curvatures_log`, ...).
    """

    location: list[float | None]
    on_object: bool | None
    pose_vectors: list[list[float | None]] | None
    features: dict[str, bool | float | list[float | None]]


class Moment(TypedDict):
    """Everything that was reported about one step.

    Attributes:
        row: Row of the step in the worker's table.
        time_unix_millis: When it was published.
        mode: `train` or `eval`.
        epoch: Epoch of the mode, from 0.
        episode: Episode of the mode, from 0.
        step: Step in the episode, from 0.
        total_step: Step of the worker, from 0.
        motor_only: Whether the learning modules were skipped.
        target_object: The object that was shown.
        learning_modules: What each learning module believed, by its id.
        sensors: What each sensor module sensed, by its id.
        actions: What was decided to do next, in this order.
        frames: Images that are shown with the step.
        clouds: Hypothesis clouds that are shown with the step, by learning module; those of its episode only.
        limits: Step limits by Monty's names.
        steps_left: Number of steps before Monty gives up; null if there is no limit.
    """

    row: int
    time_unix_millis: int | None
    mode: str | None
    epoch: int
    episode: int
    step: int
    total_step: int
    motor_only: bool
    target_object: str | None
    learning_modules: dict[str, ModuleMoment]
    sensors: dict[str, SensorMoment]
    actions: list[ActionTaken]
    frames: list[FrameShown]
    clouds: dict[str, PlaceShown]
    limits: dict[str, float]
    steps_left: int | None


class FoundRow(TypedDict):
    """Where a step is.

    Attributes:
        row: Row of the step, else of the nearest one before it in its episode; null if the episode has no rows.
    """

    row: int | None
