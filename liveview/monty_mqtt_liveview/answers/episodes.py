"""Describes the table of episodes, their results, and how one is repeated. Used by `addresses` and `live_messages`."""

from __future__ import annotations

from typing import Literal, TypedDict

from monty_mqtt_liveview.answers.heads import ModeSums

__all__ = [
    "EpisodeModule",
    "EpisodeName",
    "EpisodeRow",
    "Histogram",
    "Histograms",
    "ModeResults",
    "ObjectResults",
    "PoseResults",
    "Redo",
    "Sparkline",
    "Verdict",
]


class EpisodeModule(TypedDict):
    """Result of an episode for one learning module.

    Attributes:
        outcome: Its outcome, in Monty's words.
        most_likely_object: Id of the graph with the highest evidence.
        recognised: Name that it recognised the target as: what that graph was learned from.
        rotation_error_degs: Angle between detected and true rotation, degrees, 0 to 180.
        steps: Number of steps in which it matched.
        highest_evidence: Evidence of the most likely hypothesis.
    """

    outcome: str | None
    most_likely_object: str | None
    recognised: str | None
    rotation_error_degs: float | None
    steps: int | None
    highest_evidence: float | None


class EpisodeRow(TypedDict):
    """One episode.

    Attributes:
        worker: Worker that ran it.
        mode: `train` or `eval`.
        epoch: Epoch of this mode, from 0.
        episode: Number of the episode in this mode, from 0.
        target: The object that was shown.
        target_rotation_euler_degs: Its rotation, Euler angles "xyz" in degrees.
        started_unix_millis: When it began.
        elapsed_secs: Seconds that it took, or takes so far, without pauses.
        steps: Number of steps.
        first_row: Row of its first step; -1 before there is one, and where the steps are not in memory.
        last_row: Row of its last step so far; -1 like `first_row`.
        episode_seed: Seed of its random numbers.
        is_over: Whether it is finished.
        graph_targets: Per learning module, the names of the objects that a graph was learned from, by graph id; only
            graphs whose id is not such a name.
        outcome: Outcome of the whole model, in Monty's words.
        correct: 1 if the outcome counts as correct, else 0.
        used_mlh: 1 if it was decided by the most likely hypothesis after a time-out, else 0.
        most_likely_object: Id of the graph that the model took the target for, or believes in so far.
        most_likely_name: What that graph is called.
        most_likely_rotation_euler_degs: Its rotation when the episode ended, Euler angles "xyz" in degrees.
        rotation_error_degs: Mean over the learning modules that have one, degrees.
        matching_steps: Number of steps in which a learning module matched.
        learned: Ids of the graphs that the episode added or changed.
        learning_modules: Result of each learning module, by its id; empty until it is over.
    """

    worker: str
    mode: str
    epoch: int
    episode: int
    target: str | None
    target_rotation_euler_degs: list[float | None] | None
    started_unix_millis: int | None
    elapsed_secs: float | None
    steps: int
    first_row: int
    last_row: int
    episode_seed: int | None
    is_over: bool
    graph_targets: dict[str, dict[str, list[str]]]
    outcome: str | None
    correct: int | None
    used_mlh: int | None
    most_likely_object: str | None
    most_likely_name: str | None
    most_likely_rotation_euler_degs: list[float | None] | None
    rotation_error_degs: float | None
    matching_steps: int | None
    learned: list[str]
    learning_modules: dict[str, EpisodeModule]


class Histogram(TypedDict):
    """How often values fall into bins.

    Attributes:
        edges: Edges of the bins, one more than there are bins.
        counts: Number of values in each bin.
    """

    edges: list[float]
    counts: list[int]


class Histograms(TypedDict):
    """Histograms of the finished episodes of a mode.

    Attributes:
        steps: Of their steps.
        secs: Of their seconds.
        rotation_error_degs: Of their rotation errors, degrees.
    """

    steps: Histogram
    secs: Histogram
    rotation_error_degs: Histogram


class ObjectResults(ModeSums):
    """Sums of the finished episodes of a mode that showed one object.

    Attributes:
        object: Name of the object.
    """

    object: str


class EpisodeName(TypedDict):
    """Which episode it is, of a mode that is known.

    Attributes:
        worker: Worker that ran it.
        episode: Its number in the mode, from 0.
    """

    worker: str
    episode: int


class PoseResults(ModeSums):
    """Sums of the finished episodes of a mode that showed one object in one rotation.

    Attributes:
        object: Name of the object.
        rotation_euler_degs: Its rotation, Euler angles "xyz" in degrees.
        episodes: These episodes, those that were not correct first.
    """

    object: str
    rotation_euler_degs: list[float]
    episodes: list[EpisodeName]


class ModeResults(ModeSums):
    """Results of the finished episodes of a mode.

    Attributes:
        targets: Names of the objects that were shown: rows of the tables.
        predicted: Names that they were taken for: columns of the tables. A word in parentheses is an outcome without a
            name.
        confusion: How often an object was taken for a name; a table per learning module, and `all` for the whole model.
        right: How many of these Monty calls right, in tables of the same shape.
        wrong: How many of these Monty calls wrong.
        per_object: Sums of each object.
        per_pose: Sums of each object in each rotation.
        histograms: Histograms of steps, seconds and rotation errors.
    """

    targets: list[str]
    predicted: list[str]
    confusion: dict[str, list[list[int]]]
    right: dict[str, list[list[int]]]
    wrong: dict[str, list[list[int]]]
    per_object: list[ObjectResults]
    per_pose: list[PoseResults]
    histograms: Histograms


class Verdict(TypedDict):
    """What a learning module decided in an episode.

    Attributes:
        verdict: `lost`: the target lost its lead for good at `row`. `kept`: it led at the end. `never_led`: it did not
            lead at any step. `no_evidence`, `no_target`, `not_told`: why no step counts as right or wrong.
        row: Row of the first wrong decision; null unless it is `lost`.
        step: Its step in the episode.
        winner: Graph that led there, or at the end.
        target: The object that was shown, if known.
    """

    verdict: Literal["lost", "kept", "never_led", "no_evidence", "no_target", "not_told"]
    row: int | None
    step: int | None
    winner: str | None
    target: str | None


class Sparkline(TypedDict):
    """How evidence grew in a stretch of the steps: at up to 24 steps at even distances, both ends included.

    Attributes:
        target: The greatest evidence of the graphs that stand for the target, over all learning modules.
        other: The greatest evidence of all other objects.
    """

    target: list[float | None]
    other: list[float | None]


class Redo(TypedDict):
    """How an episode, or all failed ones, are repeated.

    Attributes:
        command: The command line for a terminal; null if they cannot be repeated.
        note: What it repeats, or why that is not possible.
    """

    command: str | None
    note: str
