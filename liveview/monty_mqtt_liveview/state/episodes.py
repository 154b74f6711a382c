"""Keeps the episodes of a worker: their rows in the step table, and what their messages say. Pure.

Filled by `worker`; read by views.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np

from monty_mqtt.wire import schema
from monty_mqtt_liveview.state.steps.step_table import MODES, StepTable

__all__ = ["Episode", "EpisodeKey", "Episodes"]

_NO_ROW = -1
_NANOS = 1e9

_EpisodeMessage = schema.Step | schema.EpisodeStarted | schema.EpisodeEnded


class EpisodeKey(NamedTuple):
    """Identifies an episode of a worker: its mode, `train` or `eval`, and its number in that mode."""

    mode: str
    episode: int


class Episode(msgspec.Struct, kw_only=True):
    """Holds what is known of one episode.

    Attributes:
        key: Its mode and number.
        epoch: Epoch of its mode.
        first_row: Row of its first step in the worker's table; -1 before there is one.
        last_row: Row of its last step so far; -1 before there is one.
        first_unix_nanos: Time of the first message about it, ns since 1970.
        newest_unix_nanos: Time of the newest message about it, ns since 1970.
        paused_nanos: How long it was paused between these two times, in ns.
        paused_before_nanos: How long its worker had been paused before it began, in ns.
        steps: How many of its steps arrived.
        started: Its `episode_started` message.
        ended: Its `episode_ended` message.
        revision: Revision of the run at the episode's last change.
    """

    key: EpisodeKey
    epoch: int = 0
    first_row: int = _NO_ROW
    last_row: int = _NO_ROW
    first_unix_nanos: int = 0
    newest_unix_nanos: int = 0
    paused_nanos: int = 0
    paused_before_nanos: int = 0
    steps: int = 0
    started: schema.EpisodeStarted | None = None
    ended: schema.EpisodeEnded | None = None
    revision: int = 0

    @property
    def elapsed_secs(self) -> float:
        """How many seconds it took, or takes so far, without pauses."""
        if self.ended:
            return self.ended.elapsed_secs
        return (self.newest_unix_nanos - self.first_unix_nanos - self.paused_nanos) / _NANOS

    @property
    def target(self) -> schema.Target | None:
        """The object that it shows, if known."""
        message = self.ended or self.started
        return (message.target if message else None) or (self.started.target if self.started else None)


class Episodes(dict[EpisodeKey, Episode]):
    """Holds the episodes of a worker, in the order of their first messages."""

    def note(self, message: _EpisodeMessage, revision: int, paused_nanos: int = 0) -> Episode:
        """Update an episode from a message about it, and from how long its worker was paused so far; return it."""
        key = EpisodeKey(message.mode, message.episode)
        episode = self.get(key)
        if episode is None:
            episode = self[key] = Episode(key=key, epoch=message.epoch, first_unix_nanos=message.time_unix_nanos)
            episode.paused_before_nanos = paused_nanos
        episode.first_unix_nanos = min(episode.first_unix_nanos, message.time_unix_nanos)
        if message.time_unix_nanos > episode.newest_unix_nanos:
            episode.newest_unix_nanos = message.time_unix_nanos
            episode.paused_nanos = paused_nanos - episode.paused_before_nanos
        episode.revision = revision
        return episode

    def forget_rows(self) -> None:
        """Reset the rows of all episodes, because the table was emptied."""
        for episode in self.values():
            episode.first_row = episode.last_row = _NO_ROW

    def find_rows(self, table: StepTable, revision: int) -> None:
        """Find the rows of every episode again, after the table's rows have moved."""
        self.forget_rows()
        if not table.count:
            return
        modes, numbers = table.mode.view(table.count), table.episode.view(table.count)
        changes = np.flatnonzero((np.diff(modes) != 0) | (np.diff(numbers) != 0)) + 1
        for first, last in zip([0, *changes], [*(changes - 1), table.count - 1], strict=True):
            episode = self.get(EpisodeKey(MODES[modes[first]] if modes[first] >= 0 else "", int(numbers[first])))
            if episode is not None:
                episode.first_row = int(first) if episode.first_row < 0 else episode.first_row
                episode.last_row = int(last)
                episode.steps = max(episode.steps, int(last - first) + 1)
                episode.revision = revision
