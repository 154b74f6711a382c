"""What becomes of each message: heard before or new, recorded, and shown.

Place in the flow: `service` hands over what arrived, under its lock for keeping, and applies to the state what comes
back. A run whose recording was not read yet is only recorded: `restore` finds it there, and what is twice there.
"""

from __future__ import annotations

import logging

import msgspec

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema, topics
from monty_mqtt_core.reading.deduplication import Heard
from monty_mqtt_core.recordings.mcap_file import Entry
from monty_mqtt_liveview.intake.inbox import Arrived
from monty_mqtt_liveview.intake.message_decoding import message_of, parsed_topic
from monty_mqtt_liveview.recordings.payload_cache import PayloadCache
from monty_mqtt_liveview.recordings.recorder import Recorder
from monty_mqtt_liveview.recordings.run_recordings import Recordings, RunRecording

__all__ = ["Counts", "Intake"]

logger = logging.getLogger(__name__)

_LEFT_OUT_KINDS = frozenset({"evidence", "command"})
_LOOKED_UP_KINDS = frozenset({"frame", "hypotheses", "object_model"})


class Counts(msgspec.Struct):
    """What became of the messages.

    Attributes:
        recorded: New ones, which were recorded.
        repeated: Heard before.
        unreadable: No message of this schema.
        missing: Messages of all runs that never came, frames and clouds not among them.
        frames_missing: Frames and clouds that never came.
        lost: New ones for which there was no room on the disk.
    """

    recorded: int = 0
    repeated: int = 0
    unreadable: int = 0
    missing: int = 0
    frames_missing: int = 0
    lost: int = 0


class Intake:
    """Decides message by message. Of one thread at a time.

    Args:
        recordings: Where runs are recorded.
        recorder: Records them.
        cache: Gets the newest payloads of frames, clouds and models.

    Attributes:
        counts: What became of the messages so far.
        heard: By run.
        wanted: Runs of which something new came, and whose recording was not read yet.
        forgotten: Runs that the bridge was told to forget.
        with_bulk: Runs of which a frame or a cloud came lately.
        has_held_back: Whether retained messages were left out, because it is not known yet what is new in them.
    """

    def __init__(self, recordings: Recordings, recorder: Recorder, cache: PayloadCache) -> None:
        self.counts = Counts()
        self.heard: dict[str, Heard] = {}
        self.wanted: set[RunRecording] = set()
        self.forgotten: list[str] = []
        self.with_bulk: set[str] = set()
        self.has_held_back = False
        self._recordings, self._recorder, self._cache = recordings, recorder, cache
        self._cleared: set[str] = set()

    def take(self, arrived: Arrived) -> schema.Message | None:
        """Record what is new; return it if it is to be shown."""
        topic, payload = arrived.topic, arrived.payload
        try:
            parsed = parsed_topic(topic)
            if parsed.kind in _LEFT_OUT_KINDS:
                return None
            if not payload:
                self._note_cleared(parsed)
                return None
            message = message_of(parsed, payload)
        except DecodeError as error:
            self._complain(topic, error)
            return None
        recording = self._recordings.of(parsed.run)
        if not recording.was_read:
            self._take_unread(recording, arrived, message)
            return None
        heard = self.heard.get(parsed.run)
        if heard is None:
            heard = self.heard[parsed.run] = Heard()
        if not heard.is_new(parsed, message.seq, message.time_unix_nanos, payload, is_retained=arrived.retain):
            self.counts.repeated += 1
            return None
        self._record(recording, arrived, message)
        if parsed.kind in schema.BULK_KINDS:
            self.with_bulk.add(parsed.run)
        if parsed.kind in _LOOKED_UP_KINDS:
            self._cache.put((topic, message.time_unix_nanos), payload)
        return self._to_show(message)

    def forget(self, run: str) -> None:
        """Know nothing of a run any more."""
        self.heard.pop(run, None)
        self._cleared.discard(run)

    def _take_unread(self, recording: RunRecording, arrived: Arrived, message: schema.Message) -> None:
        if arrived.retain:
            self.has_held_back = True
            return
        self.wanted.add(recording)
        self._record(recording, arrived, message)

    def _record(self, recording: RunRecording, arrived: Arrived, message: schema.Message) -> None:
        self._recorder.add(recording, Entry(arrived.topic, arrived.payload, message.time_unix_nanos, message.seq))
        self.counts.recorded += 1

    def _to_show(self, message: schema.Message) -> schema.Message | None:
        if message.worker != topics.ALL_WORKERS:
            return message
        is_obeyed = isinstance(message, schema.CommandResult) and message.status == "obeyed"
        if is_obeyed and message.run in self._cleared:  # no other command to all is obeyed by the bridge itself
            self.forgotten.append(message.run)
        return None

    def _note_cleared(self, parsed: topics.Parsed) -> None:
        """A bridge clears a run's topics when it is told to forget it, and says so; or because it is long over."""
        if parsed.kind == "status":
            self._cleared.add(parsed.run)

    def _complain(self, topic: str, error: DecodeError) -> None:
        if not self.counts.unreadable:
            logger.warning("messages that cannot be read are left out, such as on %.200r: %s", topic, error)
        self.counts.unreadable += 1
