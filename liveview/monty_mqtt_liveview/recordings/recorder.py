"""Writes new messages into the recordings of their runs; keeps what cannot be written until there is room again.

Called by `intake.sorting` with every new message. When `flush` returns true, everything is on disk and may be
acknowledged. It never raises: a full disk is reported in `problem`; messages that do not fit wait in memory, up to a
limit, and are written when the disk has room.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Collection
from contextlib import suppress

import msgspec

from monty_mqtt.errors import ConfigError, DecodeError, ServiceError
from monty_mqtt.wire import topics
from monty_mqtt.wire.vocabulary import BULK_KINDS
from monty_mqtt_core.recordings.mcap_file import Entry, RecordingWriter
from monty_mqtt_liveview.recordings.part_file import PartFile
from monty_mqtt_liveview.recordings.run_recordings import RunRecording

__all__ = ["Recorder"]

logger = logging.getLogger(__name__)

_LARGEST_PART_BYTES = 256 << 20
_MOST_MESSAGES, _MOST_CHUNKS, _MOST_CHANNELS = 500_000, 5_000, 50_000
"""Limits of one part: they bound what its writer must remember until it is closed; MCAP counts channels in 16 bits."""

_MOST_OPEN = 200
_IDLE_SECS, _ENDED_SECS = 600.0, 3.0
_RETRY_SECS = 2.0
_MOST_WAITING_BYTES = 64 << 20


class _OpenPart(msgspec.Struct, kw_only=True):
    """Holds a part that is being written. `unflushed` holds the messages that a crash of the page would lose."""

    recording: RunRecording
    part: PartFile
    writer: RecordingWriter
    used_at: float
    messages: int = 0
    unflushed: list[Entry] = []

    @property
    def is_large(self) -> bool:
        """Whether the next message should go into another part."""
        return (
            self.messages >= _MOST_MESSAGES
            or self.part.count >= _MOST_CHUNKS
            or self.part.end >= _LARGEST_PART_BYTES
            or self.writer.channel_count >= _MOST_CHANNELS
        )


class Recorder:
    """Records the messages of all runs.

    Args:
        started: When the page started, as text; the names of its parts begin with it.

    Attributes:
        problem: Why nothing can be recorded now; empty if recording works.
        lost: Number of messages that could not be kept.
    """

    def __init__(self, started: str) -> None:
        self.problem = ""
        self.lost = 0
        self._was_told = False
        self._started = started
        self._open: dict[str, _OpenPart] = {}
        self._waiting: deque[tuple[RunRecording, Entry]] = deque()
        self._waiting_bytes = 0
        self._retry_at = 0.0

    def add(self, recording: RunRecording, entry: Entry) -> None:
        """Record a message of a run; it is on disk after the next successful flush."""
        if self.problem:
            self._wait(recording, entry)
        else:
            self._write(recording, entry)

    def unwritten(self, recording: RunRecording) -> list[Entry]:
        """Return the messages of a run that wait for room on the disk."""
        return [entry for waiting, entry in self._waiting if waiting is recording]

    def flush(self) -> bool:
        """Write everything that was added; return whether all of it is on disk now."""
        if self.problem and time.monotonic() >= self._retry_at:
            self._try_again()
        for writing in list(self._open.values()):
            if writing.unflushed:
                self._flush(writing)
        return not self.problem

    def close_idle(self, ended: Collection[RunRecording] = ()) -> None:
        """Close the parts that received nothing for ten minutes, or for three seconds if their run is in `ended`."""
        now = time.monotonic()
        for writing in list(self._open.values()):
            if now - writing.used_at > (_ENDED_SECS if writing.recording in ended else _IDLE_SECS):
                self._close(writing)

    def drop(self, recording: RunRecording) -> None:
        """Stop recording a run, because its recording was removed."""
        writing = self._open.pop(recording.directory.name, None)
        if writing:
            _end(writing)
        self._waiting = deque(waiting for waiting in self._waiting if waiting[0] is not recording)
        self._waiting_bytes = sum(len(entry.payload) for _, entry in self._waiting)

    def close(self) -> None:
        """Close every part properly; may be called twice."""
        for writing in list(self._open.values()):
            self._close(writing)
        if self._waiting:
            self.lost += len(self._waiting)
            logger.error("%d messages could not be recorded: %s", len(self._waiting), self.problem)
            self._waiting.clear()

    def _write(self, recording: RunRecording, entry: Entry) -> None:
        writing = self._open.get(recording.directory.name) or self._begin(recording)
        if writing is None:
            self._wait(recording, entry)
            return
        writing.unflushed.append(entry)
        writing.messages += 1
        writing.used_at = time.monotonic()
        try:
            writing.writer.write(entry)
        except ServiceError as error:
            self._fail(writing, str(error))
            return
        if writing.is_large:
            self._close(writing)

    def _begin(self, recording: RunRecording) -> _OpenPart | None:
        if len(self._open) >= _MOST_OPEN:
            self._close(min(self._open.values(), key=lambda writing: writing.used_at))
        part = None
        try:
            part = recording.begin(self._started)
            writer = RecordingWriter(part.path)
        except (OSError, ConfigError, ServiceError) as error:
            if part is not None:
                recording.replace(part, None)
            if part is not None and isinstance(
                error, ServiceError
            ):  # else the file was not made by us, and is left alone
                with suppress(OSError):
                    part.path.unlink(missing_ok=True)
            self._complain(getattr(error, "strerror", None) or str(error))
            return None
        writing = _OpenPart(recording=recording, part=part, writer=writer, used_at=time.monotonic())
        self._open[recording.directory.name] = writing
        return writing

    def _flush(self, writing: _OpenPart) -> None:
        try:
            writing.writer.flush()
            writing.part.topics = writing.writer.topics
            writing.part.look()
        except FileNotFoundError:  # someone removed the file
            self.drop(writing.recording)
        except (ServiceError, OSError) as error:
            self._fail(writing, str(error))
        else:
            writing.unflushed.clear()

    def _close(self, writing: _OpenPart) -> None:
        self._flush(writing)
        if self._open.pop(writing.recording.directory.name, None) is not None:
            _end(writing)

    def _fail(self, writing: _OpenPart, why: str) -> None:
        """Cut a part to what was flushed; its other messages wait for room."""
        self._open.pop(writing.recording.directory.name, None)
        _end(writing)
        part = writing.part
        with suppress(OSError):
            if part.count:
                part.cut()
            else:
                part.path.unlink(missing_ok=True)
                writing.recording.replace(part, None)
        for entry in writing.unflushed:
            self._wait(writing.recording, entry)
        self._complain(why)

    def _complain(self, why: str) -> None:
        if not self._was_told:
            logger.error("nothing is recorded: %s", why)
        self.problem, self._was_told = why, True
        self._retry_at = time.monotonic() + _RETRY_SECS

    def _wait(self, recording: RunRecording, entry: Entry) -> None:
        size = len(entry.payload)
        if self._waiting_bytes > _MOST_WAITING_BYTES // 2 and _is_bulk(entry):
            self.lost += 1
            return
        self._waiting.append((recording, entry))
        self._waiting_bytes += size
        while self._waiting_bytes > _MOST_WAITING_BYTES:
            self._waiting_bytes -= len(self._waiting.popleft()[1].payload)
            self.lost += 1

    def _try_again(self) -> None:
        waiting, self._waiting, self._waiting_bytes, self.problem = self._waiting, deque(), 0, ""
        for recording, entry in waiting:
            self.add(recording, entry)
        for writing in list(self._open.values()):
            self._flush(writing)
        if not self.problem:
            self._was_told = False
            logger.warning("it is recorded again; %d messages could not be kept", self.lost)


def _end(writing: _OpenPart) -> None:
    writing.part.is_open = False
    with suppress(ServiceError):
        writing.writer.close()


def _is_bulk(entry: Entry) -> bool:
    try:
        return topics.parse(entry.topic).kind in BULK_KINDS
    except DecodeError:
        return False
