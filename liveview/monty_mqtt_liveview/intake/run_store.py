"""Keeps the runs in memory and on disk: records new messages, shows them, and restores recorded runs.

Called by `service` with new messages, by `run_loader` with recordings, and by the web for payloads. It has two locks:
`lock` guards the state and is held for a short time only; `_keeping` guards the decision what is new, and its
recording. A thread that needs both takes `_keeping` first.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

import msgspec

from monty_mqtt.wire import schema
from monty_mqtt_core.reading.mqtt_client import MqttMessage
from monty_mqtt_core.recordings.mcap_file import Entry
from monty_mqtt_liveview.intake.recording_reader import RecordingReader, messages_of
from monty_mqtt_liveview.intake.sorting import PageCounts, Sorting
from monty_mqtt_liveview.intake.step_memory import StepMemory
from monty_mqtt_liveview.recordings.payload_cache import PayloadCache
from monty_mqtt_liveview.recordings.recorder import Recorder
from monty_mqtt_liveview.recordings.retention import Retention, RunOnDisk, to_remove
from monty_mqtt_liveview.recordings.run_recordings import RunRecording, RunRecordings, kept_parts
from monty_mqtt_liveview.state.run import UNFIT, Run, Runs

__all__ = ["RunStore"]

logger = logging.getLogger(__name__)

_AT_ONCE = 64
"""Number of messages that are applied to the state before the lock is released for readers."""


class RunStore:
    """Holds all runs, in memory and on disk.

    Args:
        path: Directory of the recordings.

    Attributes:
        runs: The state in memory.
        lock: Must be held while the state is read or changed.
        recordings: The recordings on disk.
    """

    def __init__(self, path: Path) -> None:
        self.runs = Runs()
        self.lock = threading.Lock()
        self.recordings = RunRecordings(path)
        self._recorder = Recorder(self.recordings.started)
        self._cache = PayloadCache()
        self._sorting = Sorting(self.recordings, self._recorder, self._cache)
        self._keeping = threading.Lock()
        self._loading = threading.Lock()
        self._used_at: dict[str, float] = {}
        self._step_memory = StepMemory(path)

    @property
    def problem(self) -> str:
        """Why nothing is recorded; empty while recording works."""
        return f"nothing is recorded: {self._recorder.problem}" if self._recorder.problem else ""

    def take(self, messages: list[MqttMessage]) -> None:
        """Record new messages and apply them to the state; skip repeated ones."""
        for first in range(0, len(messages), _AT_ONCE):
            with self._keeping:
                batch = [
                    message
                    for message in messages[first : first + _AT_ONCE]
                    if not self.recordings.removed.hides(message)
                ]
                taken = [self._sorting.take(arrived) for arrived in batch]
                forgotten, self._sorting.forgotten = self._sorting.forgotten, []
            self._show([message for message in taken if message is not None])
            for run in forgotten:
                self.forget(run, "it was asked for")

    def flush(self) -> bool:
        """Write the recorded messages to disk; return whether they are on disk."""
        with self._keeping:
            is_written = self._recorder.flush()
            names, self._sorting.with_bulk = self._sorting.with_bulk, set()
            missing = {name: self._sorting.heard[name].bulk_missing for name in names if name in self._sorting.heard}
        with self.lock:
            for name, frames in missing.items():
                if run := self.runs.by_name.get(name):
                    run.note_missing(frames)
        return is_written

    def close(self) -> None:
        """Write everything and close all parts."""
        with self._keeping:
            self._recorder.flush()
            self._recorder.close()
        self._step_memory.close()

    def counts(self) -> PageCounts:
        """Return how many messages were recorded, repeated, unreadable, missing and lost so far."""
        with self._keeping:
            heard = list(self._sorting.heard.values())
            missing, frames_missing = (
                sum(seen.missing for seen in heard),
                sum(seen.bulk_missing for seen in heard),
            )
            lost = self._recorder.lost
            return msgspec.structs.replace(
                self._sorting.counts, missing=missing, frames_missing=frames_missing, lost=lost
            )

    def next_to_restore(self, pending: list[RunRecording]) -> RunRecording:
        """Return the first pending run that sent a new message; if there is none, the first."""
        with self._keeping:
            wanted = self._sorting.wanted
            return next((recording for recording in pending if recording in wanted), pending[0])

    def restore(self, recording: RunRecording, is_over: Callable[[], bool]) -> None:
        """Read a run's recording, then show the run. Messages that arrive meanwhile are recorded, then read."""
        reading = RecordingReader(recording)
        reading.read_on(is_over)
        self.flush()
        reading.read_on(is_over)
        if is_over():
            return
        with self._keeping:
            self._recorder.flush()
            reading.read_on()
            reading.take(self._recorder.unwritten(recording))
            recording.was_read = True
            self._sorting.wanted.discard(recording)
            self._sorting.counts.unreadable += reading.unreadable
            is_there = recording.directory.is_dir()  # false if the run was forgotten meanwhile
            if reading.run is not None and reading.run.workers and is_there:
                self._sorting.heard[reading.run.name] = reading.heard
                reading.run.note_missing(reading.heard.bulk_missing)
                with self.lock:
                    self.runs.by_name[reading.run.name] = reading.run

    def take_held_back(self) -> bool:
        """Return whether retained messages were skipped while runs were read; the broker must then send them again."""
        with self._keeping:
            held_back, self._sorting.has_held_back = self._sorting.has_held_back, False
        return held_back

    def load(self, name: str) -> None:
        """Read a run's steps into memory if they were dropped from it."""
        self._used_at[name] = time.monotonic()
        with self.lock:
            run = self.runs.by_name.get(name)
        if run is None or not run.is_released:
            return
        with self._loading:
            if run.is_released:
                self._load(run)

    def payload(self, run: str, topic: str, time_unix_nanos: int) -> bytes | None:
        """Return what was published on a topic at a time (ns since 1970); None if it is not kept."""
        key = (topic, time_unix_nanos)
        payload = self._cache.get(key)
        if payload is not None:
            return payload
        recording = self.recordings.find(run)
        if recording is None:
            return None
        payload = recording.find(*key)
        if payload is None:
            unwritten = self._unwritten(recording)
            payloads = (entry.payload for entry in unwritten if (entry.topic, entry.time_unix_nanos) == key)
            payload = recording.find(*key) or next(payloads, None)
        if payload is not None:
            self._cache.put(key, payload)
        return payload

    def published(self, run: str, topic: str, first_unix_nanos: int, last_unix_nanos: int) -> list[bytes]:
        """Return the payloads of a topic in and around a time span; an empty list if it is too much to read."""
        recording = self.recordings.find(run)
        if recording is None:
            return []
        unwritten = [entry.payload for entry in self._unwritten(recording) if entry.topic == topic]
        written = recording.published(topic, first_unix_nanos, last_unix_nanos)
        return [] if written is None else written + unwritten

    def recorded(self, run: str, kind: str) -> Iterator[schema.Message]:
        """Yield all recorded messages of one kind of a run, some perhaps twice. Reads the whole recording."""
        recording = self.recordings.find(run)
        if recording is None:
            return
        with self._keeping:
            self._recorder.flush()
            unwritten = self._recorder.unwritten(recording)
        yield from messages_of(recording, run, unwritten, kind)

    def recorded_bytes(self, run: str) -> int:
        """Return the size of a run's recording in bytes."""
        recording = self.recordings.find(run)
        return recording.size_bytes if recording else 0

    def forget(self, run: str, why: str, *, is_removed: bool = False) -> None:
        """Drop a run from memory and remove its recording; `is_removed` says that the recording is gone already."""
        recording = self.recordings.of(run)
        logger.warning("run %r is forgotten: %s", run[:200], why)
        with self._keeping:
            self._recorder.drop(recording)
            self._sorting.forget(run)
            if is_removed:
                self.recordings.forget(recording)
            else:
                self.recordings.remove(recording)
            with self.lock:
                self.runs.forget(run)

    def forget_removed(self) -> None:
        """Drop the runs whose recording was removed from the disk by someone else."""
        with self.lock:
            names = list(self.runs.by_name)
        for name in names:
            recording = self.recordings.of(name)
            if recording.was_there and not recording.directory.exists() and self.recordings.are_there:
                self.forget(name, f"{recording.directory} was removed", is_removed=True)

    def close_idle(self) -> None:
        """Close the recordings that receive no more messages."""
        with self.lock:
            ended = [name for name, run in self.runs.by_name.items() if not run.is_live]
        with self._keeping:
            self._recorder.close_idle({self.recordings.of(name) for name in ended})

    def release(self, most_bytes: int) -> None:
        """Drop or move steps out of memory until the rest takes at most `most_bytes`."""
        with self.lock:
            self._step_memory.bound(list(self.runs.by_name.values()), self._used_at, most_bytes)

    def limit(self, limits: Retention) -> None:
        """Remove the recordings that exceed the limits."""
        with self.lock:
            live = {self.recordings.of(run.name).directory for run in self.runs.by_name.values() if run.is_live}
            names = {self.recordings.of(name).directory: name for name in self.runs.by_name}
        recordings = {recording.directory: recording for recording in self.recordings.all()}
        kept = [
            RunOnDisk(recording.directory, recording.directory in live or not recording.was_read, kept_parts(recording))
            for recording in recordings.values()
        ]
        for path, why in to_remove(kept, limits, time.time()):
            if path in names:
                self.forget(names[path], why)
            elif path in recordings:
                logger.warning("recording %s is removed: %s", path, why)
                self.recordings.remove(recordings[path])
            else:
                self._remove_part(recordings[path.parent], path, why)

    def _unwritten(self, recording: RunRecording) -> list[Entry]:
        with self._keeping:
            self._recorder.flush()
            return self._recorder.unwritten(recording)

    def _load(self, run: Run) -> None:
        recording = self.recordings.of(run.name)
        with self._keeping:
            self._recorder.flush()
            unwritten = self._recorder.unwritten(recording)
            with self.lock:
                run.begin_reload()
        steps = messages_of(recording, run.name, unwritten, "step")
        while batch := list(islice(steps, _AT_ONCE)):
            with self.lock:
                for message in batch:
                    _apply(run.apply_again, message)

    def _show(self, messages: list[schema.Message]) -> None:
        if not messages:
            return
        with self.lock:
            for message in messages:
                if not _apply(self.runs.apply, message):
                    self._sorting.counts.unreadable += 1

    @staticmethod
    def _remove_part(recording: RunRecording, path: Path, why: str) -> None:
        part = next((part for part in recording.parts if part.path == path), None)
        if part is not None and not part.is_open:
            logger.warning("recording %s is removed: %s", path, why)
            recording.replace(part, None)
            with suppress(OSError):
                path.unlink()


def _apply(apply: Callable[[schema.Message], object], message: schema.Message) -> bool:
    try:
        apply(message)
    except UNFIT:
        logger.warning("a message makes no sense: %.200r", message, exc_info=True)
        return False
    return True
