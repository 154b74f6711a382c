"""Rebuilds runs from their recordings: when the page starts, and when steps dropped from memory are needed again.

Called by `run_loader`, in a thread of its own. A run is read into a state that no browser sees, and is shown when it is
complete.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain

from monty_mqtt.errors import ConfigError, DecodeError, ServiceError
from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.vocabulary import BULK_KINDS, RETAINED_KINDS, UNRECORDED_KINDS
from monty_mqtt_core.payloads.from_mqtt import message_without_buffers, parsed_topic
from monty_mqtt_core.reading.deduplication import SeenMessages
from monty_mqtt_core.recordings.foxglove_forms import unwrapped
from monty_mqtt_core.recordings.mcap_chunks import ChunkMessage
from monty_mqtt_core.recordings.mcap_file import Entry
from monty_mqtt_core.recordings.part_files import directory_of
from monty_mqtt_liveview.recordings.part_file import PartFile
from monty_mqtt_liveview.recordings.run_recordings import RunRecording
from monty_mqtt_liveview.state.run import UNFIT, Run

__all__ = ["RecordingReader", "close_properly", "messages_of"]

logger = logging.getLogger(__name__)


class RecordingReader:
    """Reads one run from its recording.

    Args:
        recording: The recording to read.

    Attributes:
        recording: The recording that is read.
        run: The run as read so far; None before its first message.
        heard: Which messages were read; recognises them when the broker sends them again.
        unreadable: Number of invalid messages.
    """

    def __init__(self, recording: RunRecording) -> None:
        self.recording = recording
        self.run: Run | None = None
        self.heard = SeenMessages()
        self.unreadable = 0
        self._read: dict[PartFile, int] = {}
        self._live: set[str] = set()

    def read_on(self, is_over: Callable[[], bool] = lambda: False) -> None:
        """Read what was added to the files since the last call, until everything is read or `is_over` returns true."""
        for part in self.recording.parts:
            first, last = self._begin(part)
            for recorded in part.entries(first, last):
                self._take_recorded(recorded)
                if is_over():
                    return
            self._read[part] = last

    def take(self, entries: Iterable[Entry]) -> None:
        """Apply messages that are not on disk yet."""
        for entry in entries:
            self._take(entry.topic, entry.payload)

    def _begin(self, part: PartFile) -> tuple[int, int]:
        if not part.is_open:
            try:
                part.look()
            except OSError as error:
                logger.warning("recording %s cannot be read: %s", part.path, error.strerror)
        return self._read.get(part, 0), part.count

    def _take_recorded(self, recorded: ChunkMessage) -> None:
        try:
            payload = unwrapped(recorded.topic, recorded.data)
        except DecodeError:
            self.unreadable += 1
        else:
            self._take(recorded.topic, payload)

    def _take(self, topic: str, payload: bytes) -> None:
        try:
            parsed = parsed_topic(topic)
            if parsed.kind in UNRECORDED_KINDS:
                return
            message = message_without_buffers(parsed, payload)
        except DecodeError:
            self.unreadable += 1
            return
        if self.run is None and self._is_here(parsed.run):
            self.run = Run(parsed.run)
        if self.run is None or self.run.name != parsed.run:
            self.unreadable += 1
        elif self._is_new(parsed, message, payload) and parsed.worker != topics.ALL_WORKERS:
            try:
                self.run.apply(message)
            except UNFIT:
                self.unreadable += 1

    def _is_here(self, run: str) -> bool:
        directory = self.recording.directory
        return directory_of(directory.parent, run) == directory

    def _is_new(self, parsed: topics.Parsed, message: schema.Message, payload: bytes) -> bool:
        """Return whether the message was not read before.

        A recording does not say which messages were retained when they arrived. A message of a kind that may be
        retained counts as retained if nothing of another kind came before it. So a run that was over when the page
        first saw it loses no message.
        """
        if parsed.kind not in RETAINED_KINDS and parsed.kind not in BULK_KINDS:
            self._live.add(parsed.worker)
        is_retained = parsed.worker not in self._live
        return self.heard.is_new(parsed, message.seq, message.time_unix_nanos, payload, is_retained=is_retained)


def messages_of(recording: RunRecording, run: str, unwritten: Iterable[Entry], kind: str) -> Iterator[schema.Message]:
    """Yield all messages of one kind of a run, from its files and from `unwritten`; some perhaps twice."""
    written = (recorded for part in recording.parts for recorded in part.entries(0, part.count))
    for topic, payload, *_ in chain(written, unwritten):
        with suppress(DecodeError):
            parsed = parsed_topic(topic)
            if parsed.kind == kind and parsed.run == run:
                yield message_without_buffers(parsed, payload)


def close_properly(recording: RunRecording) -> None:
    """Close the parts that a killed page left open, so that other programs can read them."""
    for part in recording.parts:
        if part.is_open or part.is_whole():
            continue
        try:
            recording.replace(part, part.closed())
        except (OSError, ConfigError, ServiceError) as error:
            logger.warning("recording %s stays as it was cut off: %s", part.path, error)
