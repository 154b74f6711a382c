"""Describes the summaries of a run and of a worker. Used by `addresses` and by `live_messages`."""

from __future__ import annotations

from typing import TypedDict

from monty_mqtt.wire.schema import Info

__all__ = ["ModeSums", "RunAnswer", "RunHead", "WorkerError", "WorkerHead"]


class ModeSums(TypedDict):
    """Sums of the finished episodes of one mode; modes are never added up, as in Monty.

    Attributes:
        episodes_done: Number of finished episodes.
        episodes_expected: Number of episodes in all, if known.
        steps: Steps so far, including those of the running episode.
        outcomes: Number of finished episodes by outcome, in Monty's words.
        correct: Number of finished episodes whose outcome counts as correct.
        accuracy: Share of these among all finished episodes, 0 to 1: Monty's `percent_correct`.
        used_mlh: Number of finished episodes decided by the most likely hypothesis after a time-out.
        rotation_errors: Number of learning modules with a rotation error, over all finished episodes.
        rotation_error_degs: Mean of these rotation errors, degrees: Monty's `avg_rotation_error`.
        mean_steps: Steps per finished episode: Monty's `avg_num_monty_steps`.
        mean_matching_steps: Monty's `avg_num_monty_matching_steps`.
        mean_secs: Seconds per finished episode, without pauses.
    """

    episodes_done: int
    episodes_expected: int | None
    steps: int
    outcomes: dict[str, int]
    correct: int
    accuracy: float | None
    used_mlh: int
    rotation_errors: int
    rotation_error_degs: float | None
    mean_steps: float | None
    mean_matching_steps: float | None
    mean_secs: float | None


class RunHead(TypedDict):
    """Summary of a run.

    Attributes:
        run: Id of the run.
        experiment: Name of the experiment.
        group: A name that runs which belong together share, such as the jobs of one sweep.
        overrides: How the run differs from the others of its group: value by configuration key.
        mode: Mode that the run is in, `train` or `eval`.
        status: Status word of the run: that of its parent, else the liveliest of its workers'.
        stalled: Whether no step came for longer than is usual.
        started_unix_millis: When its first worker began.
        newest_unix_millis: When its newest message was published.
        ended_unix_millis: When it ended; null while it goes on.
        elapsed_secs: Seconds since its start, without pauses.
        episodes_done: Number of finished episodes, all modes.
        episodes_expected: Number of episodes in all, all modes, if known.
        modes: Sums of each mode, by its name.
        estimated_end_unix_millis: When it will end, from the mean episode so far.
        lost: Number of messages that will never come.
        dropped: Number of messages and images that its workers had no room for.
        too_large: Number of messages that are larger than the broker takes, and were not sent.
        spooled: Number of messages that are still with the experiment, in its spool file.
        frames_missing: Number of images and hypothesis clouds that never came.
        left_out: Number of values that the page had no room for: too many metrics, streams or states.
        workers: Number of workers, without the parent of a parallel run.
        worker_statuses: Number of workers by status word.
        host: Name of the machine that it runs on.
        recorded_bytes: Size of its recording in bytes, if known.
        steps: Number of steps that came.
        monitor_micros_per_step: What the monitor costs the experiment per step, microseconds.
    """

    run: str
    experiment: str | None
    group: str | None
    overrides: dict[str, str]
    mode: str | None
    status: str
    stalled: bool
    started_unix_millis: int | None
    newest_unix_millis: int | None
    ended_unix_millis: int | None
    elapsed_secs: float | None
    episodes_done: int
    episodes_expected: int | None
    modes: dict[str, ModeSums]
    estimated_end_unix_millis: int | None
    lost: int
    dropped: int
    too_large: int
    spooled: int
    frames_missing: int
    left_out: int
    workers: int
    worker_statuses: dict[str, int]
    host: str | None
    recorded_bytes: int | None
    steps: int
    monitor_micros_per_step: float | None


class WorkerError(TypedDict):
    """The exception that ended a worker.

    Attributes:
        type: Class of the exception.
        message: Its message.
        traceback: Its traceback as Python prints it.
    """

    type: str | None
    message: str | None
    traceback: str | None


class WorkerHead(TypedDict):
    """Summary of a worker, without its steps.

    Attributes:
        worker: Name of the worker: `main`, or `parallel_eval_episode_<n>` and the like.
        status: Its status word.
        stalled: Whether no step came for longer than is usual.
        reason: Why it aborts, pauses or goes on, if a command says so.
        error: The exception, if it ended with one.
        mode: Mode that it is in, `train` or `eval`.
        object: The object that it is shown.
        epoch: Its epoch in that mode, from 0.
        episode: Its episode in that mode, from 0.
        step: Its step in that episode, from 0.
        episode_steps: Number of steps of that episode so far.
        steps_per_sec: Steps per second, lately.
        episodes_done: Number of finished episodes, all modes.
        episodes_expected: Number of episodes in all, if known.
        outcome: Outcome of the newest finished episode, in Monty's words.
        estimated_end_unix_millis: When it will end, from the mean episode so far.
        started_unix_millis: When it began.
        elapsed_secs: Seconds since then, without pauses.
        newest_unix_millis: When its newest message was published.
        lost: Number of messages that will never come.
        dropped: Number of messages and images that it had no room for.
        too_large: Number of messages that are larger than the broker takes, and were not sent.
        spooled: Number of messages that are still with the experiment, in its spool file.
        highest_seq: Number of its last message, once it ended or is disconnected.
        rows: Number of rows of its table of steps.
        generation: Changes when the rows do not mean the same steps as before.
        modes: Sums of each mode, by its name.
        monitor_micros_per_step: What the monitor costs it per step, microseconds.
        is_parent: Whether it is the parent of a parallel run, which takes no steps itself.
    """

    worker: str
    status: str
    stalled: bool
    reason: str | None
    error: WorkerError | None
    mode: str | None
    object: str | None
    epoch: int | None
    episode: int | None
    step: int | None
    episode_steps: int | None
    steps_per_sec: float | None
    episodes_done: int
    episodes_expected: int | None
    outcome: str | None
    estimated_end_unix_millis: int | None
    started_unix_millis: int | None
    elapsed_secs: float | None
    newest_unix_millis: int | None
    lost: int
    dropped: int
    too_large: int
    spooled: int
    highest_seq: int | None
    rows: int
    generation: int
    modes: dict[str, ModeSums]
    monitor_micros_per_step: float | None
    is_parent: bool


class RunAnswer(TypedDict):
    """A run with its workers.

    Attributes:
        run: Summary of the run.
        workers: Summary of each worker.
        info: Its `info` message, as in docs/wire.md: what is run, with what, and where; null before it came.
    """

    run: RunHead
    workers: list[WorkerHead]
    info: Info | None
