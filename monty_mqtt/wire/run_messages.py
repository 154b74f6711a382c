"""Messages that tell where a run stands, and what is asked of it; and what every message carries.

Place in the flow: a part of `schema`, which is what everybody imports.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional

import msgspec

from monty_mqtt.wire.message_pieces import (
    LearningModuleEpisode,
    LearningModuleInfo,
    ModeProgress,
    SensorModuleInfo,
    Target,
)

__all__ = [
    "Command",
    "CommandResult",
    "End",
    "EpisodeEnded",
    "EpisodeStarted",
    "Info",
    "Message",
    "Progress",
    "Status",
]


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """What every message carries.

    Attributes:
        run: The run's id, shared by all processes of a parallel run.
        worker: The experiment object within the run: `main`, `parallel_eval_episode_<n>`, …
        seq: Number of this message, per worker, from 0. Kinds in `BULK_KINDS` count in a sequence of their own.
        time_unix_nanos: When it was published; strictly increasing per worker, also when the clock is set back.
    """

    run: str
    worker: str
    seq: int
    time_unix_nanos: int


class Info(Message, frozen=True, kw_only=True, tag="info"):
    """Once, first of a run: what is being run, with what, where.

    Attributes:
        schema_version: `SCHEMA_VERSION` of the sender.
        experiment: Name of the experiment (Hydra's choice, else the run name).
        experiment_class: Dotted name of the class the configuration names.
        run_name: Monty's `logging.run_name`.
        working_directory: Where it was started.
        group: What runs that belong together share, as the jobs of one Hydra sweep do.
        overrides: What tells this run from the others of its group: value by configuration key; secrets are `***`.
        config: The resolved configuration as plain JSON; secrets are `***` (docs/monty.md, What is masked).
        seed: Monty's seed.
        do_train: Whether it trains.
        do_eval: Whether it evaluates.
        n_train_epochs: Training epochs asked for.
        n_eval_epochs: Evaluation epochs asked for.
        limits: Step limits by Monty's names (`max_train_steps`, `max_eval_steps`, `max_total_steps`, `min_lms_match`).
        learning_modules: One entry per learning module.
        sensor_modules: One entry per sensor module.
        versions: Version by distribution name: python, tbp-monty, monty-mqtt, torch, …
        host: Host name.
        pid: Process id.
        environment: Name of the conda or virtual environment.
        git_commit: Commit of the working directory, if it is a checkout.
        command_line: How the process was started; secrets are `***`.
        model_path: Where the model was loaded from.
        output_dir: Where Monty writes its results.
        show_sensor_output: Monty's own live plot.
        episodes_expected: Episodes of this worker, by mode (`train`, `eval`), where it is known.
    """

    schema_version: int
    experiment: Optional[str] = None
    experiment_class: Optional[str] = None
    run_name: Optional[str] = None
    working_directory: Optional[str] = None
    group: Optional[str] = None
    overrides: Dict[str, str] = {}
    config: Dict[str, Any] = {}
    seed: Optional[int] = None
    do_train: Optional[bool] = None
    do_eval: Optional[bool] = None
    n_train_epochs: Optional[int] = None
    n_eval_epochs: Optional[int] = None
    limits: Dict[str, Optional[float]] = {}
    learning_modules: List[LearningModuleInfo] = []
    sensor_modules: List[SensorModuleInfo] = []
    versions: Dict[str, str] = {}
    host: Optional[str] = None
    pid: Optional[int] = None
    environment: Optional[str] = None
    git_commit: Optional[str] = None
    command_line: List[str] = []
    model_path: Optional[str] = None
    output_dir: Optional[str] = None
    show_sensor_output: Optional[bool] = None
    episodes_expected: Dict[str, int] = {}


class Status(Message, frozen=True, kw_only=True, tag="status"):
    """A change of the run's status.

    Attributes:
        status: A word of `STATUS_CODES`.
        stalled: No step for max(30 s, 20 times the median step); set by the bridge.
        reason: Why, for `aborting` and `aborted`; for `paused` and `running`, what was commanded.
        error_type: Class of the exception, for `error`.
        error_message: Its message.
        error_traceback: Its traceback as Python prints it.
        highest_seq: For `disconnected`: the last seq the bridge saw.
        lost: Messages the bridge knows it will never get.
        dropped: Messages and frames the sender dropped because its memory was full.
        too_large: Messages the sender did not send because they are larger than the broker takes.
        spooled: Messages that are still with the experiment, in its spool file.
        bridge: Id of the bridge that answers for this worker; set by the bridge.
    """

    status: str
    stalled: bool = False
    reason: Optional[str] = None
    error_type: Optional[str] = None
    error_message: Optional[str] = None
    error_traceback: Optional[str] = None
    highest_seq: Optional[int] = None
    lost: int = 0
    dropped: int = 0
    too_large: int = 0
    spooled: int = 0
    bridge: Optional[str] = None


class Progress(Message, frozen=True, kw_only=True, tag="progress"):
    """How far the worker is; at most once a second, and at each end of an episode.

    Attributes:
        mode: `train` or `eval`.
        epoch: Epoch of this mode, from 0.
        episode: Episode of this mode, from 0.
        step: Step within the episode, from 0.
        modes: What the episodes of each mode came to, by its name; a mode that has not begun is absent.
        episodes_done: Episodes finished in this run, both modes.
        episodes_expected: Episodes of this run in all, both modes, where it is known.
        elapsed_secs: Since the run started, without pauses.
        estimated_end_unix_nanos: From the mean episode so far; absent before the first.
    """

    mode: str
    epoch: int = 0
    episode: int = 0
    step: int = 0
    modes: Dict[str, ModeProgress] = {}
    episodes_done: int = 0
    episodes_expected: Optional[int] = None
    elapsed_secs: float = 0.0
    estimated_end_unix_nanos: Optional[int] = None


class EpisodeStarted(Message, frozen=True, kw_only=True, tag="episode_started"):
    """An episode begins: one object in one pose.

    Attributes:
        mode: `train` or `eval`.
        epoch: Epoch of this mode, from 0.
        episode: Episode of this mode, from 0.
        target: What is shown.
        episode_seed: Seed of the episode's random numbers.
        graph_targets: Per learning module id, the names of the objects that a graph was learned from, by graph id;
            only graphs whose id is not such a name, as in unsupervised learning (`new_object0`).
    """

    mode: str
    epoch: int
    episode: int
    target: Optional[Target] = None
    episode_seed: Optional[int] = None
    graph_targets: Dict[str, Dict[str, List[str]]] = {}


class EpisodeEnded(Message, frozen=True, kw_only=True, tag="episode_ended"):
    """An episode is over, with its outcome.

    Attributes:
        mode: `train` or `eval`.
        epoch: Epoch of this mode, from 0.
        episode: Episode of this mode, from 0.
        steps: Steps taken, motor-only ones included.
        elapsed_secs: From its start to its end, without pauses.
        outcome: For the whole model, in Monty's words and by Monty's rule: the last word of its order
            `patch_off_object … correct` that any learning module reached; absent in supervised pretraining, where
            Monty is told what it sees.
        correct: 1 if the outcome counts as correct (`correct`, `correct_mlh`), else 0.
        used_mlh: 1 if it was decided by the most likely hypothesis after a time-out, else 0.
        rotation_error_degs: Mean over the learning modules that have one, degrees: Monty's `episode/rotation_error`.
        matching_steps: Monty's `monty_matching_steps`.
        episode_seed: Seed of the episode's random numbers.
        target: What was shown.
        learning_modules: Per learning module id.
        learned: Graph ids that were added or changed by this episode.
        graph_targets: As in `episode_started`, after this episode.
    """

    mode: str
    epoch: int
    episode: int
    steps: int = 0
    elapsed_secs: float = 0.0
    outcome: Optional[str] = None
    correct: Optional[int] = None
    used_mlh: Optional[int] = None
    rotation_error_degs: Optional[float] = None
    matching_steps: Optional[int] = None
    episode_seed: Optional[int] = None
    target: Optional[Target] = None
    learning_modules: Dict[str, LearningModuleEpisode] = {}
    learned: List[str] = []
    graph_targets: Dict[str, Dict[str, List[str]]] = {}


class Command(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="command"):
    """What somebody asks of a run; comes in on MQTT and goes down to the experiment.

    Attributes:
        id: Chosen by the sender; obeyed once, answered with it.
        command: `abort`, `pause`, `resume`, `step`, `stop` (after this episode); to the bridge, for all of a run
            that is over: `forget`.
        steps: How many steps, 1 or more; only with `step`, where it is 1 if left out.
        reason: Free text.
        issued_unix_nanos: When it was sent; refused 30 s later.
    """

    id: str
    command: str
    steps: Optional[int] = None
    reason: Optional[str] = None
    issued_unix_nanos: Optional[int] = None


class CommandResult(Message, frozen=True, kw_only=True, tag="command_result"):
    """What became of a command.

    Attributes:
        id: The command's id.
        status: `obeyed` or `refused`.
        detail: Why, or at which step.
    """

    id: str
    status: str
    detail: Optional[str] = None


class End(Message, frozen=True, kw_only=True, tag="end"):
    """The last message of a worker: everything up to its own `seq` was sent.

    Attributes:
        status: The final status word.
        dropped: Messages that fitted neither memory nor the spool, and were never sent.
        too_large: Messages that were not sent because they are larger than the broker takes.
        bulk_seq: Number of bulk messages made.
        bulk_dropped: Bulk messages that were not sent, because the bridge was away or slow.
        errors: Telemetry errors that were counted instead of raised.
        non_finite: NaN and infinite numbers that became null.
        monitor_micros_per_step: Our mean cost per step.
    """

    status: str
    dropped: int = 0
    too_large: int = 0
    bulk_seq: int = 0
    bulk_dropped: int = 0
    errors: int = 0
    non_finite: int = 0
    monitor_micros_per_step: Optional[float] = None
