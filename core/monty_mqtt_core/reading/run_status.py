"""This module collects the state of runs from their messages. Pure: no I/O, no clock.

Called by `status`, `abort` and the progress display with each message that `mqtt_client` receives.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Optional, Sequence, Tuple

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.mode_sum import ModeSum, finished
from monty_mqtt.wire.vocabulary import FINAL_STATUSES, RAW_KINDS, UNRECORDED_KINDS

__all__ = ["RunStatuses", "WorkerStatus", "decode", "is_of_a_parent", "speaking"]

_NOT_MESSAGES = RAW_KINDS | {"hypotheses"} | UNRECORDED_KINDS


@dataclass
class WorkerStatus:
    """WorkerStatus holds the last state of one worker of a run."""

    run: str
    worker: str
    info: Optional[schema.Info] = None
    status: Optional[schema.Status] = None
    progress: Optional[schema.Progress] = None
    started: Optional[schema.EpisodeStarted] = None
    step: Optional[schema.Step] = None
    end: Optional[schema.End] = None
    episodes: Dict[Tuple[str, int, int], schema.EpisodeEnded] = field(default_factory=dict)
    sums: Dict[str, ModeSum] = field(default_factory=dict)
    steps_seen: int = 0
    micros_seen: float = 0.0
    secs_seen: float = 0.0

    @property
    def word(self) -> str:
        """The worker's status word."""
        return self.status.status if self.status else "initializing"

    @property
    def is_live(self) -> bool:
        """Whether messages may still come."""
        return self.word not in FINAL_STATUSES

    @property
    def is_parent(self) -> bool:
        """Whether it is the parent of a parallel run, whose progress covers all the other workers."""
        return self.info is not None and is_of_a_parent(self.info)

    @property
    def modes(self) -> Dict[str, schema.ModeProgress]:
        """Sums of each mode, `eval` first: from its progress, or from the received episodes if these are more."""
        published = self.progress.modes if self.progress else {}
        return {mode: self._mode(mode, published.get(mode)) for mode in sorted({*published, *self.sums})}

    @property
    def episodes_done(self) -> int:
        """Number of finished episodes, as far as known."""
        return max(len(self.episodes), self.progress.episodes_done if self.progress else 0)

    @property
    def sent(self) -> int:
        """Number of messages it sent, with frames and clouds; before it has ended, as far as known."""
        if self.end:
            return self.end.seq + 1 - self.end.dropped + self.end.bulk_seq - self.end.bulk_dropped
        return 1 + max(
            (message.seq for message in (self.info, self.status, self.progress, self.step) if message), default=-1
        )

    @property
    def lost(self) -> int:
        """Number of messages that the bridge knows it will never get."""
        return self.status.lost if self.status else 0

    @property
    def dropped(self) -> int:
        """Number of messages and frames that did not fit the sender's memory."""
        ended = self.end.dropped + self.end.bulk_dropped if self.end else 0
        return max(ended, self.status.dropped if self.status else 0)

    @property
    def too_large(self) -> int:
        """Number of messages that are larger than the broker accepts."""
        return max(self.end.too_large if self.end else 0, self.status.too_large if self.status else 0)

    @property
    def spooled(self) -> int:
        """Number of messages that are still with the experiment, in its spool."""
        return self.status.spooled if self.status and self.word == self.status.status else 0

    @property
    def micros_per_step(self) -> Optional[float]:
        """Microseconds per step that the monitor takes on the experiment's thread: from the worker, or its steps."""
        if self.end and self.end.monitor_micros_per_step is not None:
            return self.end.monitor_micros_per_step
        return self.micros_seen / self.steps_seen if self.steps_seen else None

    def apply(self, message: schema.Message) -> None:
        """Take a message into account. Messages may come twice and late: the highest seq of a kind wins."""
        if isinstance(message, schema.EpisodeEnded):
            self._end(message)
            return
        if isinstance(message, schema.Step) and message.monitor_micros is not None:
            self.steps_seen += 1
            self.micros_seen += message.monitor_micros
            self.secs_seen += message.step_secs or 0.0
        name = _FIELDS.get(type(message))
        if name is None:
            return
        known = getattr(self, name)
        if known is None or message.seq >= known.seq:
            setattr(self, name, message)

    def _end(self, ended: schema.EpisodeEnded) -> None:
        key = ended.mode, ended.epoch, ended.episode
        if key not in self.episodes:
            self.sums.setdefault(ended.mode, ModeSum()).add(finished(ended))
        self.episodes[key] = ended

    def _mode(self, mode: str, published: Optional[schema.ModeProgress]) -> schema.ModeProgress:
        seen = self.sums.get(mode)
        if published and (seen is None or published.episodes_done >= seen.episodes):
            return published
        steps = sum(episode.steps for episode in self.episodes.values() if episode.mode == mode)
        expected, known_steps = (published.episodes_expected, published.steps) if published else (None, 0)
        return (seen or ModeSum()).progress(max(steps, known_steps), expected)


_FIELDS = {
    schema.Info: "info",
    schema.Status: "status",
    schema.Progress: "progress",
    schema.EpisodeStarted: "started",
    schema.Step: "step",
    schema.End: "end",
}


@dataclass
class RunStatuses:
    """RunStatuses holds all runs and workers whose messages came, in the order of arrival."""

    workers: Dict[Tuple[str, str], WorkerStatus] = field(default_factory=dict)

    def apply(self, message: schema.Message) -> WorkerStatus:
        """Take a message into account; return its worker."""
        key = message.run, message.worker
        worker = self.workers.setdefault(key, WorkerStatus(*key))
        worker.apply(message)
        return worker

    def names(self) -> List[str]:
        """Return the ids of all runs."""
        return list(dict.fromkeys(run for run, _ in self.workers))

    def of_run(self, run: str) -> List[WorkerStatus]:
        """Return the workers of a run."""
        return [worker for (name, _), worker in self.workers.items() if name == run]


def is_of_a_parent(info: schema.Info) -> bool:
    """Return whether an experiment without sensors of its own published this: the parent of a parallel run."""
    return info.experiment_class is not None and not info.sensor_modules


def speaking(workers: Sequence[WorkerStatus]) -> List[WorkerStatus]:
    """Return the workers that report for the whole run: the parent of a parallel run (every start of it), else all."""
    return [worker for worker in workers if worker.is_parent] or list(workers)


def decode(topic: str, payload: bytes) -> Optional[schema.Message]:
    """Return the message on a topic below `monty/v1/`; None if it is derived, raw, or not valid in this schema."""
    try:
        if topics.parse(topic).kind in _NOT_MESSAGES:
            return None
        message = schema.decode(payload)
    except DecodeError:
        return None
    return message if isinstance(message, schema.Message) else None
