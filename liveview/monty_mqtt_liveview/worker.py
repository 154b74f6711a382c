"""One worker of a run, as it is known from its messages. Pure.

Place in the flow: `run` passes each message of the worker to `apply`; `views` reads.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from monty_mqtt import schema
from monty_mqtt_liveview.steps import StepTable

__all__ = ["Episode", "EpisodeKey", "Worker"]


class EpisodeKey(NamedTuple):
    """Which episode: `train` or `eval`, and its number in that mode."""

    mode: str
    episode: int


class Episode(msgspec.Struct, kw_only=True):
    """One episode: the rows of its steps, and what was said of it.

    Attributes:
        key: Which.
        first_row: Row of its first step in the worker's table, -1 before there is one.
        last_row: Row of its last step so far.
        started: Its `episode_started`.
        ended: Its `episode_ended`.
    """

    key: EpisodeKey
    first_row: int = -1
    last_row: int = -1
    started: schema.EpisodeStarted | None = None
    ended: schema.EpisodeEnded | None = None


class Worker:
    """What is known of a worker.

    Attributes:
        name: Its name.
        info, status, progress, end: The latest of each.
        episodes: In the order in which they were first heard of.
        steps: Every step.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.info: schema.Info | None = None
        self.status: schema.Status | None = None
        self.progress: schema.Progress | None = None
        self.end: schema.End | None = None
        self.episodes: dict[EpisodeKey, Episode] = {}
        self.steps = StepTable()

    def apply(self, message: schema.Message) -> None:
        """Take in a message of this worker that was not heard before."""
        if isinstance(message, schema.Step):
            self._step(message)
        elif isinstance(message, schema.EpisodeStarted):
            self._episode(message.mode, message.episode).started = message
        elif isinstance(message, schema.EpisodeEnded):
            self._episode(message.mode, message.episode).ended = message
        elif isinstance(message, schema.Info):
            self.info = message
        elif isinstance(message, schema.Status):
            self.status = message
        elif isinstance(message, schema.Progress):
            self.progress = message
        elif isinstance(message, schema.End):
            self.end = message

    def numbered(self) -> Iterable[tuple[int, Episode]]:
        """Yield the episodes with their places, in order."""
        return enumerate(self.episodes.values())

    def _step(self, message: schema.Step) -> None:
        row = self.steps.append(message)
        episode = self._episode(message.mode, message.episode)
        episode.last_row = row
        if episode.first_row < 0:
            episode.first_row = row

    def _episode(self, mode: str, number: int) -> Episode:
        key = EpisodeKey(mode, number)
        return self.episodes.setdefault(key, Episode(key=key))
