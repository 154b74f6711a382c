"""This module defines the messages about the state of a run, commands, and the fields of every message.

Exported by `schema`, from which all programs import.
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
    """Message holds the fields that every message carries.

    Attributes:
        run: Id of the run, shared by all processes of a parallel run.
        worker: The experiment object within the run: `main`, `parallel_eval_episode_<n>`, …
        seq: Number of this message, per worker, from 0. Kinds in `BULK_KINDS` count in a sequence of their own.
        time_unix_nanos: When it was published; strictly increasing per worker, even if the clock is set back.
    """

    run: str
    worker: str
    seq: int
    time_unix_nanos: int


class Info(Message, frozen=True, kw_only=True, tag="info"):
    """Info describes a run once, as its first message: what is being run, with what, and where.

    Attributes:
        schema_version: `SCHEMA_VERSION` of the sender.
        experiment: Name of the experiment (the user's choice in Hydra, else the run name).
        experiment_class: Dotted name of the class that the configuration names.
        run_name: Monty's `logging.run_name`.
        working_directory: Directory in which it was started.
        group: A name that runs which belong together share, such as the jobs of one Hydra sweep.
        overrides: How this run differs from the others of its group: value by configuration key; secrets are `***`.
        config: The resolved configuration as plain JSON; secrets are `***` (docs/monty.md, What is masked).
        seed: Monty's seed.
        do_train: Whether it trains.
        do_eval: Whether it evaluates.
        n_train_epochs: Number of training epochs configured.
        n_eval_epochs: Number of evaluation epochs configured.
        limits: Step limits by Monty's names (`max_train_steps`, `max_eval_steps`, `max_total_steps`, `min_lms_match`).
        learning_modules: One entry per learning module.
        sensor_modules: One entry per sensor module.
        versions: Version by distribution name: python, tbp-monty, monty-mqtt, torch, …
        host: Host name.
        pid: Process id.
        environment: Name of the conda or virtual environment.
        git_commit: Commit of the working directory, if it is a checkout.
        command_line: The command line that started the process; secrets are `***`.
        model_path: Path from which the model was loaded.
        output_dir: Directory into which Monty writes its results.
        show_sensor_output: Whether Monty's own live plot is on.
        episodes_expected: Number of episodes of this worker, by mode (`train`, `eval`), if known.
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
    """Status reports a change of the run's status.

    Attributes:
        status: A word of `STATUS_CODES`.
        stalled: True if no step came for max(30 s, 20 times the median step); set by the bridge.
        reason: The reason, for `aborting` and `aborted`; for `paused` and `running`, the command.
        error_type: Class of the exception, for `error`.
        error_message: Its message.
        error_traceback: Its traceback as Python prints it.
        highest_seq: For `disconnected`: the last seq that the bridge received.
        lost: Number of messages that the bridge knows it will never get.
        dropped: Number of messages and frames that the sender dropped because its memory was full.
        too_large: Number of messages that the sender did not send because they are larger than the broker accepts.
        spooled: Number of messages that are still with the experiment, in its spool file.
        bridge: Id of the bridge that answers for this worker; set by the bridge.
        experiment: As in `Info`; set by the bridge, for another one that the worker may go on with.
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
    experiment: Optional[str] = None


class Progress(Message, frozen=True, kw_only=True, tag="progress"):
    """Progress reports how far the worker is; at most once a second, and at each end of an episode.

    Attributes:
        mode: `train` or `eval`.
        epoch: Epoch of this mode, from 0.
        episode: Episode of this mode, from 0.
        step: Step within the episode, from 0.
        modes: Sums of the episodes of each mode, by its name; a mode that has not begun is absent.
        episodes_done: Number of finished episodes of this run, both modes.
        episodes_expected: Number of episodes of this run in all, both modes, if known.
        elapsed_secs: Seconds since the run started, without pauses.
        estimated_end_unix_nanos: Estimated from the mean episode so far; absent before the first has ended.
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
    """EpisodeStarted reports that an episode begins: one object in one pose.

    Attributes:
        mode: `train` or `eval`.
        epoch: Epoch of this mode, from 0.
        episode: Episode of this mode, from 0.
        target: The object that is shown.
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
    """EpisodeEnded reports that an episode is over, with its outcome.

    Attributes:
        mode: `train` or `eval`.
        epoch: Epoch of this mode, from 0.
        episode: Episode of this mode, from 0.
        steps: Number of steps taken, including motor-only steps.
        elapsed_secs: Seconds from its start to its end, without pauses.
        outcome: Outcome of the whole model, in Monty's words and by Monty's rule: the last word of its order
            `patch_off_object … correct` that any learning module reached; absent in supervised pretraining, where Monty
            is given the object's name.
        correct: 1 if the outcome counts as correct (`correct`, `correct_mlh`), else 0.
        used_mlh: 1 if it was decided by the most likely hypothesis after a time-out, else 0.
        rotation_error_degs: Mean over the learning modules that have one, degrees: Monty's `episode/rotation_error`.
        matching_steps: Monty's `monty_matching_steps`.
        episode_seed: Seed of the episode's random numbers.
        target: The object that was shown.
        learning_modules: Statistics by learning module id.
        learned: Ids of the graphs that were added or changed by this episode.
        graph_targets: As in `episode_started`, after this episode.
        graph_nodes: Per learning module id, the number of nodes of each graph in its memory after this episode, over
            all input channels, by graph id: Monty's `get_num_nodes_in_graph`.
        graphs_made: Per learning module id, the ids of the graphs that this episode made; modules without are absent.
        graphs_extended: The same of graphs that were there before, and that this episode rebuilt or added to.
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
    graph_nodes: Dict[str, Dict[str, int]] = {}
    graphs_made: Dict[str, List[str]] = {}
    graphs_extended: Dict[str, List[str]] = {}


class Command(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="command"):
    """Command is a user's request to a run; it comes in on MQTT and the bridge passes it to the experiment.

    Attributes:
        id: Chosen by the sender; a command is obeyed once per id, and the answer carries it.
        command: `abort`, `pause`, `resume`, `step`, `stop` (after this episode); to the bridge, for all workers of a
            run that is over: `forget`.
        steps: Number of steps, 1 or more; only with `step`, where the default is 1.
        reason: Free text.
        issued_unix_nanos: When it was sent; it is refused 30 s later.
    """

    id: str
    command: str
    steps: Optional[int] = None
    reason: Optional[str] = None
    issued_unix_nanos: Optional[int] = None


class CommandResult(Message, frozen=True, kw_only=True, tag="command_result"):
    """CommandResult reports what became of a command.

    Attributes:
        id: Id of the command.
        status: `obeyed` or `refused`.
        detail: The reason, or the step at which it was obeyed.
    """

    id: str
    status: str
    detail: Optional[str] = None


class End(Message, frozen=True, kw_only=True, tag="end"):
    """End is the last message of a worker: everything up to its own `seq` was sent.

    Attributes:
        status: The final status word.
        dropped: Number of messages that fitted neither memory nor the spool, and were never sent.
        too_large: Number of messages that were not sent because they are larger than the broker accepts.
        bulk_seq: Number of bulk messages made.
        bulk_dropped: Number of bulk messages that were not sent, because the bridge was away or slow.
        errors: Number of telemetry errors that were counted instead of raised.
        non_finite: Number of NaN and infinite numbers that became null.
        monitor_micros_per_step: Mean cost of the monitor per step, microseconds.
    """

    status: str
    dropped: int = 0
    too_large: int = 0
    bulk_seq: int = 0
    bulk_dropped: int = 0
    errors: int = 0
    non_finite: int = 0
    monitor_micros_per_step: Optional[float] = None
