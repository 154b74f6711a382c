"""Keeps one worker of a run, as its messages describe it. Pure.

Called by `run` with each message of the worker (`apply`); read by views. `monty_mqtt_core.reading.run_status` keeps the
latest messages of all kinds but steps, so that `monty-mqtt status` follows the same rules.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec

from monty_mqtt.wire import schema
from monty_mqtt.wire.vocabulary import FINAL_STATUSES
from monty_mqtt_core.reading import run_status
from monty_mqtt_liveview.state.episodes import Episode, Episodes
from monty_mqtt_liveview.state.frame_index import MEDIA, FrameIndex
from monty_mqtt_liveview.state.graphs import Graphs
from monty_mqtt_liveview.state.scratch_file import ScratchFile
from monty_mqtt_liveview.state.steps.step_table import StepTable

__all__ = ["Worker"]

_TIMES_OF_RATE = 32
_BULK = (schema.Frame, schema.Hypotheses, schema.ObjectModel, *MEDIA)
_NANOS = 1e9


class Worker:
    """Holds what is known of a worker.

    Attributes:
        name: Its name.
        known: The latest message of each kind.
        bulk: Times of its frames, clouds, models and media.
        graphs: What its learning modules have learned.
        revision: Revision of the run at the last message of this worker.
        steps_heard: How many steps arrived, kept or not.
        started_unix_nanos, newest_unix_nanos: Times of the first and the newest message, ns since 1970.
        told_revision: Revision of the run at its last `info`, `progress` or `episode_ended`.
        head, counts: Caches of a view: the revision at which it was made, and its JSON.
    """

    def __init__(self, run: str, name: str) -> None:
        self.name = name
        self.known = run_status.WorkerStatus(run, name)
        self.bulk = FrameIndex()
        self.graphs = Graphs()
        self.revision = 0
        self.steps_heard = 0
        self.started_unix_nanos, self.newest_unix_nanos = 0, 0
        self.told_revision = 0
        self.head: tuple[int, dict[str, Any]] = (-1, {})
        self.counts: tuple[int, dict[str, Any]] = (-1, {})
        self._steps = StepTable()
        self._episodes = Episodes()
        self._generation = 0
        self._keeps_steps = True
        self._pauses = _Pauses()
        self._paused_before_told = 0
        self._times: deque[int] = deque(maxlen=_TIMES_OF_RATE)

    @property
    def info(self) -> schema.Info | None:
        """Its `info` message; None before it arrives."""
        return self.known.info

    @property
    def steps(self) -> StepTable:
        """All steps, in order of time."""
        self._settle()
        return self._steps

    @property
    def episodes(self) -> Episodes:
        """All episodes, in the order of their first messages."""
        self._settle_order()
        return self._episodes

    @property
    def generation(self) -> int:
        """Number that grows when rows have moved: a viewer that has rows must then fetch all of them again."""
        self._settle_order()
        return self._generation

    @property
    def rows(self) -> int:
        """How many steps are kept."""
        self._settle_order()
        return self._steps.count

    @property
    def word(self) -> str:
        """Its status word; if its last status was lost, the word of its `end` message."""
        end, status = self.known.end, self.known.status
        return end.status if end and (status is None or end.seq > status.seq) else self.known.word

    @property
    def is_live(self) -> bool:
        """Whether messages may still arrive."""
        return self.word not in FINAL_STATUSES

    @property
    def steps_per_sec(self) -> float | None:
        """Rate of its latest steps, per second; None if it is not running or fewer than two steps arrived."""
        if len(self._times) < 2 or not self.is_live or self.word == "paused":  # noqa: PLR2004 - a rate takes two
            return None
        secs = (max(self._times) - min(self._times)) / _NANOS
        return (len(self._times) - 1) / secs if secs > 0 else None

    @property
    def elapsed_secs(self) -> float:
        """How many seconds it has been running, without pauses."""
        progress, newest = self.known.progress, self.newest_unix_nanos
        if progress is None:
            return (newest - self.started_unix_nanos - self._pauses.nanos) / _NANOS
        since = newest - progress.time_unix_nanos - (self._pauses.nanos - self._paused_before_told)
        return progress.elapsed_secs + (max(since, 0) / _NANOS if self.word == "running" else 0.0)

    @property
    def nbytes(self) -> int:
        """Memory that the steps take, in bytes."""
        return self._steps.nbytes

    def apply(self, message: schema.Message, revision: int) -> None:
        """Update the worker from a new message of it."""
        self.revision = revision
        time_unix_nanos = message.time_unix_nanos
        self.started_unix_nanos = min(self.started_unix_nanos or time_unix_nanos, time_unix_nanos)
        self.newest_unix_nanos = max(self.newest_unix_nanos, time_unix_nanos)
        if isinstance(message, _BULK):
            self.bulk.note(message, revision)
            return
        self.known.apply(message)
        if isinstance(message, schema.Step):
            self._step(message, revision)
        else:
            self._tell(message, revision)

    def apply_again(self, message: schema.Message, revision: int) -> None:
        """Store a step that was dropped from memory and is read again from the recording."""
        if isinstance(message, schema.Step):
            self._keep(message, self._episodes.note(message, revision, self._pauses.nanos))
            self.revision = revision

    def release(self) -> None:
        """Drop the steps from memory; steps that arrive later are counted, but not kept."""
        self._keeps_steps = False
        self._drop_steps()

    def spill(self, scratch: ScratchFile) -> None:
        """Move all but the newest steps to the scratch file.

        Raises:
            OSError: There is no room in the file.
        """
        self._steps.put_waiting()
        self._steps.spill(scratch, self._steps.count)

    def begin_reload(self) -> None:
        """Start with an empty table and keep steps again."""
        self._keeps_steps = True
        self._drop_steps()

    def _tell(self, message: schema.Message, revision: int) -> None:
        if isinstance(message, (schema.Info, schema.Progress, schema.EpisodeEnded)):
            self.told_revision = revision
        if isinstance(message, schema.Status):
            self._pauses.note(message)
        elif isinstance(message, schema.Progress):
            self._paused_before_told = self._pauses.nanos
        if isinstance(message, schema.EpisodeStarted):
            self._episodes.note(message, revision, self._pauses.nanos).started = message
        elif isinstance(message, schema.EpisodeEnded):
            self.graphs.note(message)
            # `graphs` keeps what changed: each episode's list of all graphs would take more room than its steps.
            ended = msgspec.structs.replace(message, graph_nodes={}, graphs_made={}, graphs_extended={})
            self._episodes.note(message, revision, self._pauses.nanos).ended = ended
            self._steps.put_waiting()

    def _step(self, message: schema.Step, revision: int) -> None:
        self.steps_heard += 1
        self._times.append(message.time_unix_nanos)
        episode = self._episodes.note(message, revision, self._pauses.nanos)
        episode.steps += 1
        if self._keeps_steps:
            self._keep(message, episode)

    def _keep(self, message: schema.Step, episode: Episode) -> None:
        row = self._steps.append(message)
        episode.last_row = row
        if episode.first_row < 0:
            episode.first_row = row

    def _drop_steps(self) -> None:
        self._steps = StepTable()
        self._episodes.forget_rows()
        self._generation += 1

    def _settle_order(self) -> None:
        if not self._steps.is_in_order:
            self._settle()

    def _settle(self) -> None:
        if self._steps.settle():
            self._generation += 1
            self._episodes.find_rows(self._steps, self.revision)


class _Pauses:
    """Adds up the pauses of a worker, so that elapsed times can leave them out.

    Attributes:
        nanos: Length of all finished pauses together, in ns.
    """

    def __init__(self) -> None:
        self.nanos = 0
        self._since_unix_nanos: int | None = None

    def note(self, status: schema.Status) -> None:
        """Begin or end a pause according to a status message."""
        if status.status == "paused":
            if self._since_unix_nanos is None:
                self._since_unix_nanos = status.time_unix_nanos
        elif self._since_unix_nanos is not None:
            self.nanos += max(status.time_unix_nanos - self._since_unix_nanos, 0)
            self._since_unix_nanos = None
