"""Decides about each message: whether it is new or repeated, whether it is recorded, and whether it is shown.

Called by `run_store` under its lock for keeping; returns the message that the state should apply. A message of a run
whose recording was not read yet is only recorded: `run_loader` reads it there, and skips repeated ones.
"""

from __future__ import annotations

import logging

import msgspec

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.vocabulary import BUFFER_KINDS, BULK_KINDS, MEDIA_KINDS, UNRECORDED_KINDS
from monty_mqtt_core.payloads.from_mqtt import message_without_buffers, parsed_topic
from monty_mqtt_core.reading.deduplication import SeenMessages
from monty_mqtt_core.reading.mqtt_client import MqttMessage
from monty_mqtt_core.recordings.mcap_file import Entry
from monty_mqtt_liveview.recordings.payload_cache import PayloadCache
from monty_mqtt_liveview.recordings.recorder import Recorder
from monty_mqtt_liveview.recordings.run_recordings import RunRecording, RunRecordings

__all__ = ["PageCounts", "Sorting"]

logger = logging.getLogger(__name__)


class PageCounts(msgspec.Struct):
    """Counts the messages by what was done with them.

    Attributes:
        recorded: New messages that were recorded.
        repeated: Messages that had arrived before.
        unreadable: Messages that are invalid in this schema.
        missing: Messages of all runs that never arrived, without frames and clouds.
        frames_missing: Frames and clouds that never arrived.
        lost: New messages that the disk had no room for.
    """

    recorded: int = 0
    repeated: int = 0
    unreadable: int = 0
    missing: int = 0
    frames_missing: int = 0
    lost: int = 0


class Sorting:
    """Decides message by message. Not thread-safe: the caller holds a lock.

    Args:
        recordings: Where runs are recorded.
        recorder: Writes the messages.
        cache: Receives the newest payloads of frames, clouds and models.

    Attributes:
        counts: What was done with the messages so far.
        heard: Which messages have arrived, by run.
        wanted: Recordings of runs that sent something new, and that were not read yet.
        forgotten: Runs that the bridge forgot on a user's command.
        with_bulk: Runs that sent a frame or a cloud since the last flush.
        has_held_back: Whether retained messages were skipped because it is not known yet which of them are new.
    """

    def __init__(self, recordings: RunRecordings, recorder: Recorder, cache: PayloadCache) -> None:
        self.counts = PageCounts()
        self.heard: dict[str, SeenMessages] = {}
        self.wanted: set[RunRecording] = set()
        self.forgotten: list[str] = []
        self.with_bulk: set[str] = set()
        self.has_held_back = False
        self._recordings, self._recorder, self._cache = recordings, recorder, cache
        self._cleared: set[str] = set()

    def take(self, arrived: MqttMessage) -> schema.Message | None:
        """Record a message if it is new; return it if the page should show it, else None."""
        topic, payload = arrived.topic, arrived.payload
        try:
            parsed = parsed_topic(topic)
            if parsed.kind in UNRECORDED_KINDS:
                return None
            if not payload:
                self._note_cleared(parsed)
                return None
            message = message_without_buffers(parsed, payload)
        except DecodeError as error:
            self._complain(topic, error)
            return None
        recording = self._recordings.of(parsed.run)
        if not recording.was_read:
            self._take_unread(recording, arrived, message)
            return None
        heard = self.heard.get(parsed.run)
        if heard is None:
            heard = self.heard[parsed.run] = SeenMessages()
        if not heard.is_new(parsed, message.seq, message.time_unix_nanos, payload, is_retained=arrived.retain):
            self.counts.repeated += 1
            return None
        self._record(recording, arrived, message)
        if parsed.kind in BULK_KINDS:
            self.with_bulk.add(parsed.run)
        if parsed.kind in BUFFER_KINDS or parsed.kind in MEDIA_KINDS:
            self._cache.put((topic, message.time_unix_nanos), payload)
        return self._to_show(message)

    def forget(self, run: str) -> None:
        """Drop everything that is known of a run."""
        self.heard.pop(run, None)
        self._cleared.discard(run)

    def _take_unread(self, recording: RunRecording, arrived: MqttMessage, message: schema.Message) -> None:
        if arrived.retain:
            self.has_held_back = True
            return
        self.wanted.add(recording)
        self._record(recording, arrived, message)

    def _record(self, recording: RunRecording, arrived: MqttMessage, message: schema.Message) -> None:
        self._recorder.add(recording, Entry(arrived.topic, arrived.payload, message.time_unix_nanos, message.seq))
        self.counts.recorded += 1

    def _to_show(self, message: schema.Message) -> schema.Message | None:
        if message.worker != topics.ALL_WORKERS:
            return message
        is_obeyed = isinstance(message, schema.CommandResult) and message.status == "obeyed"
        if is_obeyed and message.run in self._cleared:  # the bridge itself obeys no other command to all workers
            self.forgotten.append(message.run)
        return None

    def _note_cleared(self, parsed: topics.Parsed) -> None:
        """Remember that the bridge cleared a run's topics: on the command to forget it, or because it is long over."""
        if parsed.kind == "status":
            self._cleared.add(parsed.run)

    def _complain(self, topic: str, error: DecodeError) -> None:
        if not self.counts.unreadable:
            logger.warning("messages that cannot be read are left out, such as on %.200r: %s", topic, error)
        self.counts.unreadable += 1
