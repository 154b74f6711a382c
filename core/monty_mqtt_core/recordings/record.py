"""This module records what runs publish on MQTT into a file, from now on.

Called by the command `record`; subscribes over MQTT, asks `selection`, and hands to `mcap_file`. `play` reads it back.
"""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from monty_mqtt.wire import topics
from monty_mqtt_core.reading.mqtt_client import BrokerAddress, MqttMessage, Subscriber
from monty_mqtt_core.recordings.mcap_file import RecordingWriter
from monty_mqtt_core.recordings.mcap_scan import Beginning
from monty_mqtt_core.recordings.selection import RecordingCounts, Selection

__all__ = ["RecordingReport", "record"]

_POLL_SECS = 0.2
_FLUSH_SECS = 1.0
"""Seconds of messages that a killed recorder loses."""

_SETTLE_SECS = 1.0
"""Seconds of silence after the last end, because another worker of the run may begin."""

_RETURN_SECS = 60.0
"""The same if the last status is `disconnected`: an experiment that was frozen may come back."""


class RecordingReport(msgspec.Struct, frozen=True, kw_only=True):
    """RecordingReport says what a recording holds.

    Attributes:
        path: The file.
        runs: Ids of its runs.
        counts: What happened to the messages received.
        missing: Number of messages that never came since the first one of each worker.
        size_bytes: Size of the file.
        has_ended: Whether all its runs ended; otherwise the recording was stopped before.
        begun: Workers that had published messages before it began.
    """

    path: Path
    runs: list[str]
    counts: RecordingCounts
    missing: int
    size_bytes: int
    has_ended: bool
    begun: list[Beginning] = []


def record(
    broker: BrokerAddress,
    path: Path,
    *,
    run: str | None = None,
    until: threading.Event | None = None,
    ends_with_runs: bool = True,
    on_listening: Callable[[], object] | None = None,
    on_progress: Callable[[RecordingReport], object] | None = None,
) -> RecordingReport:
    """Record until `until` is set or (unless `ends_with_runs` is False) every run in the recording has ended.

    Args:
        broker: Address and user.
        path: The file to write, which does not exist yet.
        run: The only run to record, with its retained messages; None records every run that publishes from now on.
        until: Set it to stop.
        ends_with_runs: Whether it stops when all its runs have ended; False if more runs may follow.
        on_listening: Called when the broker has confirmed the subscription: from then on nothing is missed.
        on_progress: Called once a second.

    Raises:
        ConfigError: The file exists, or cannot be written.
        ServiceError: No broker answers there, or it refuses this client; or the disk is full.
    """
    intake = Selection(run=run)
    until = until or threading.Event()
    with Subscriber(broker, _filters(run)) as subscriber, RecordingWriter(path) as writer:
        if on_listening:
            on_listening()
        flush_at = time.monotonic() + _FLUSH_SECS
        noted: set[tuple[str, str]] = set()
        for arrived in _until_over(subscriber, intake, until, ends_with_runs=ends_with_runs):
            if arrived:
                for entry in intake.take(arrived.topic, arrived.payload, is_retained=arrived.retain):
                    writer.write(entry)
            if time.monotonic() >= flush_at:
                flush_at = time.monotonic() + _FLUSH_SECS
                _note_beginnings(writer, intake.begun(is_over=False), noted)
                writer.flush()
                if on_progress:
                    on_progress(_recorded(path, intake, writer))
        _note_beginnings(writer, intake.begun(is_over=True), noted)
    return _recorded(path, intake, writer)


def _note_beginnings(writer: RecordingWriter, beginnings: list[Beginning], noted: set[tuple[str, str]]) -> None:
    for begun in beginnings:
        if begun[:2] not in noted:
            noted.add(begun[:2])
            writer.note_beginning(begun)


def _filters(run: str | None) -> list[str]:
    level = "+" if run is None else topics.escape(run)
    return [f"{prefix}/{level}/#" for prefix in (topics.JSON_PREFIX, topics.RAW_PREFIX)]


def _until_over(
    subscriber: Subscriber, intake: Selection, until: threading.Event, *, ends_with_runs: bool
) -> Iterator[MqttMessage | None]:
    """Yield the messages that arrive, and None if none arrives for a moment."""
    heard_at = time.monotonic()
    while not until.is_set():
        arrived = subscriber.get(_POLL_SECS)
        if arrived:
            heard_at = time.monotonic()
        elif ends_with_runs and time.monotonic() - heard_at >= _quiet_secs(intake):
            return
        yield arrived
    yield from subscriber.drain()


def _quiet_secs(intake: Selection) -> float:
    """Return the seconds of silence after which the recording is over."""
    if intake.has_ended:
        return _SETTLE_SECS
    return _RETURN_SECS if intake.is_abandoned else float("inf")


def _recorded(path: Path, intake: Selection, writer: RecordingWriter) -> RecordingReport:
    return RecordingReport(
        path=path,
        runs=intake.runs,
        counts=msgspec.structs.replace(intake.counts),
        missing=intake.missing,
        size_bytes=writer.size_bytes,
        has_ended=intake.has_ended,
        begun=intake.begun(is_over=True),
    )
