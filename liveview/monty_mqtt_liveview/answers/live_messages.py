"""Describes what `/live` and `/live_runs` send over WebSocket, one JSON object per message. Used by `addresses`."""

from __future__ import annotations

from typing import TypedDict

from monty_mqtt.wire.schema import Info
from monty_mqtt_liveview.answers.episodes import EpisodeRow
from monty_mqtt_liveview.answers.heads import RunHead, WorkerHead
from monty_mqtt_liveview.answers.images import BulkPlace
from monty_mqtt_liveview.answers.steps import StepColumns

__all__ = ["Counted", "PageNews", "Revised", "RunNews", "RunsNews"]


class Counted(TypedDict):
    """Lines have come.

    Attributes:
        count: Number of lines in all.
    """

    count: int


class Revised(TypedDict):
    """Values have changed.

    Attributes:
        revision: Grows with each change.
    """

    revision: int


class PageNews(TypedDict, total=False):
    """What changed about the page itself.

    Attributes:
        problems: What is wrong, in sentences.
        notes: What the page is busy with, in sentences.
        silent_since_unix_millis: When the broker last answered; null while it answers.
        server_unix_millis: The page's clock; in every message but signs of life.
    """

    problems: list[str]
    notes: list[str]
    silent_since_unix_millis: int | None
    server_unix_millis: int


class RunNews(PageNews, total=False):
    """What changed in a run; `{}` is a sign of life, once a second.

    Attributes:
        run: Its summary.
        workers: Summaries of the workers that changed.
        info: Its `info` message, when it came.
        logs: Log lines have come.
        events: Events have come.
        metrics: Metrics have changed.
        machine: What the machine uses has changed.
        data: Data streams have changed.
        state: States have changed.
        episodes: Episodes of the worker that changed.
        bulk: Newest of each kind: `frame/<sensor>/<modality>`, `hypotheses/<learning module>`,
            `object_model/<learning module>/<object>`, and of the user's media, such as `image/<name>`; names are
            escaped as in topics.
        generation: Generation of the rows; rows of another one are void.
        first_row: Row of the first step of `steps`.
        steps: New steps of the worker; null if all its rows are void and there are none yet.
    """

    run: RunHead
    workers: list[WorkerHead]
    info: Info | None
    logs: Counted
    events: Counted
    metrics: Revised
    machine: Revised
    data: Revised
    state: Revised
    episodes: list[EpisodeRow]
    bulk: dict[str, BulkPlace]
    generation: int
    first_row: int
    steps: StepColumns | None


class RunsNews(PageNews, total=False):
    """What changed in the list of runs; `{}` is a sign of life, once a second.

    Attributes:
        runs: Summaries of the runs that changed.
        forgotten: Ids of the runs that are gone.
    """

    runs: list[RunHead]
    forgotten: list[str]
