"""Finds in the messages of runs what a notification is sent for. Pure: no I/O, no clock.

Called by `notifications` with each message. What a run's status is, is decided elsewhere: by the experiment, and by the
bridge, which says that a worker is stalled or disconnected.
"""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Sequence

import msgspec

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.vocabulary import CORRECT_OUTCOMES
from monty_mqtt_core.reading.mqtt_client import MqttMessage
from monty_mqtt_core.reading.run_status import RunStatuses, WorkerStatus, decode, speaking
from monty_mqtt_stack.watch.message_lines import modes_in_words

__all__ = ["KINDS", "Occasion", "Occasions"]

KINDS = ("info", "status", "progress", "episode/ended")
"""The ends of the topics whose messages are needed."""


class Occasion(NamedTuple):
    """Is what happened to a run, and may be worth a notification.

    Attributes:
        run: Id of the run.
        word: `finished`, `failed`, `stalled`, `disconnected` or `first failed episode`.
        detail: More about it, one line.
        time_unix_nanos: When the experiment, or the bridge, said so.
    """

    run: str
    word: str
    detail: str
    time_unix_nanos: int


class Occasions:
    """Keeps of each run what is needed to tell what happened to it."""

    def __init__(self) -> None:
        self._statuses = RunStatuses()
        self._failed_episodes: Dict[str, Occasion] = {}

    @property
    def all(self) -> List[Occasion]:
        """Everything that has happened to all runs."""
        return [occasion for run in self._statuses.names() for occasion in self.of_run(run)]

    def apply(self, arrived: MqttMessage) -> List[Occasion]:
        """Take a message into account; return what has happened to its run so far."""
        if not arrived.payload:
            self._forget(arrived.topic)
            return []
        message = decode(arrived.topic, arrived.payload)
        if message is None:
            return []
        if isinstance(message, schema.EpisodeEnded):
            self._note_episode(message)
            return self.of_run(message.run)
        if isinstance(message, schema.Info):  # configurations are large, and there may be thousands of runs
            message = msgspec.structs.replace(message, config={}, command_line=[])
        self._statuses.apply(message)
        if isinstance(message, schema.Progress) and arrived.retain:
            self._note_earlier_episodes(message)
        return self.of_run(message.run)

    def of_run(self, run: str) -> List[Occasion]:
        """Return what has happened to a run."""
        workers = self._statuses.of_run(run)
        found = [self._failed_episodes.get(run), _end(speaking(workers)), _stall(workers)]
        return [occasion for occasion in found if occasion is not None]

    def _note_episode(self, ended: schema.EpisodeEnded) -> None:
        if ended.outcome is None or not _is_failure(ended.mode, ended.outcome):
            return
        target = f", target {ended.target.object}" if ended.target else ""
        detail = f"{ended.mode} episode {ended.episode}: {ended.outcome}{target}, {ended.steps} steps"
        self._note_failed(ended, detail)

    def _note_earlier_episodes(self, progress: schema.Progress) -> None:
        """Note what a retained sum says of episodes that ended before the subscription."""
        for name, mode in progress.modes.items():
            if any(_is_failure(name, outcome) for outcome, count in mode.outcomes.items() if count):
                self._note_failed(progress, modes_in_words(progress.modes))
                return

    def _note_failed(self, message: schema.Message, detail: str) -> None:
        occasion = Occasion(message.run, "first failed episode", detail, message.time_unix_nanos)
        self._failed_episodes.setdefault(message.run, occasion)

    def _forget(self, topic: str) -> None:
        try:
            parsed = topics.parse(topic)
        except DecodeError:
            return
        self._statuses.workers.pop((parsed.run, parsed.worker), None)
        self._failed_episodes.pop(parsed.run, None)


def _is_failure(mode: str, outcome: str) -> bool:
    """Return whether an episode failed; while learning, `no_match` says that the object is new."""
    return outcome not in CORRECT_OUTCOMES and (mode, outcome) != ("train", "no_match")


def _end(workers: Sequence[WorkerStatus]) -> Optional[Occasion]:
    """Return how a run ended, from the workers that speak for it; an abort was asked for and is none."""
    by_word = {worker.word: worker for worker in workers}
    for word, name in (("error", "failed"), ("disconnected", "disconnected"), ("completed", "finished")):
        worker = by_word.get(word)
        if worker is not None and (word != "completed" or len(by_word) == 1):
            return _occasion(worker, name, _how_it_ended(worker))
    return None


def _how_it_ended(worker: WorkerStatus) -> str:
    status = worker.status
    if worker.word == "error" and status is not None:
        return ": ".join(filter(None, [status.error_type, status.error_message])) or "an error"
    if worker.word == "disconnected":
        return "it was killed, or is cut off from the bridge"
    return f"{worker.episodes_done} episodes; {modes_in_words(worker.modes)}" if worker.modes else "no episodes"


def _stall(workers: Sequence[WorkerStatus]) -> Optional[Occasion]:
    if not any(worker.is_live for worker in speaking(workers)):
        return None
    stalled = [worker for worker in workers if worker.is_live and worker.status and worker.status.stalled]
    return _occasion(stalled[0], "stalled", f"worker {stalled[0].worker} takes no steps any more") if stalled else None


def _occasion(worker: WorkerStatus, word: str, detail: str) -> Occasion:
    return Occasion(worker.run, word, detail, worker.status.time_unix_nanos if worker.status else 0)
