"""Describes the answers about the page itself, commands to runs, and errors. Used by `addresses`."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

__all__ = [
    "CommandAnswer",
    "CommandAnswers",
    "Done",
    "Health",
    "Password",
    "RecordingCounts",
    "Refusal",
    "Restoring",
    "RunCommand",
    "Session",
]


class Refusal(TypedDict):
    """Why a request was refused, with every status of 400 and above.

    Attributes:
        error: The reason in one line.
    """

    error: str


class Restoring(TypedDict):
    """How far the page is in reading what was recorded before it was started.

    Attributes:
        done: Number of runs that are read.
        of: Number of runs in all.
        run: Id of the run that is read now.
    """

    done: int
    of: int
    run: str


class Health(TypedDict):
    """Whether the page works. Visitors who need a login and have none get `status` only.

    Attributes:
        status: `ok`, or what is wrong.
        problems: What is wrong, in sentences.
        restoring: How far it is in reading old runs; null when it has read all.
    """

    status: str
    problems: NotRequired[list[str]]
    restoring: NotRequired[Restoring | None]


class RecordingCounts(TypedDict):
    """What became of the messages since the page was started.

    Attributes:
        recorded: New messages that were recorded.
        repeated: Messages that had come before.
        unreadable: Messages that do not keep to docs/wire.md.
        missing: Messages of all runs that never came, without images and clouds.
        frames_missing: Images and hypothesis clouds that never came.
        lost: New messages that the disk had no room for.
    """

    recorded: int
    repeated: int
    unreadable: int
    missing: int
    frames_missing: int
    lost: int


class Session(TypedDict):
    """Whether this visitor may command runs.

    Attributes:
        may_control: Whether commands are possible.
        why_not: Why not.
        needs_login: Whether a login is missing.
        password_file: File of the password, on the page's machine.
    """

    may_control: bool
    why_not: str | None
    needs_login: bool
    password_file: str


class Password(TypedDict):
    """The login.

    Attributes:
        password: The password.
    """

    password: str


class Done(TypedDict):
    """Nothing to say: it was done."""


class RunCommand(TypedDict):
    """A command to a run.

    Attributes:
        command: What the run shall do; `stop`: after this episode.
        worker: Worker that shall do it; null or absent: all.
        steps: Number of steps, 1 or more; only with `step`, where 1 is the default.
        reason: Free text, which the run's status will show.
    """

    command: Literal["abort", "pause", "resume", "step", "stop"]
    worker: NotRequired[str | None]
    steps: NotRequired[int | None]
    reason: NotRequired[str | None]


class CommandAnswer(TypedDict):
    """What a worker replied.

    Attributes:
        worker: Name of the worker.
        status: `obeyed` or `refused`.
        detail: At which step, or why not.
    """

    worker: str
    status: str
    detail: str | None


class CommandAnswers(TypedDict):
    """What the workers replied to a command.

    Attributes:
        answers: One for each worker that was asked.
    """

    answers: list[CommandAnswer]
