"""Publishes the messages of a replay when they are due, with one broadcaster for each recorded worker.

Called by `play`, message by message; hands to `ZmqBroadcaster`.
"""

import logging
import re
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import msgspec

from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster
from monty_mqtt.errors import DecodeError, ServiceError
from monty_mqtt.wire import topics
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt.wire.run_id import new_ending
from monty_mqtt.wire.schema import CommandResult, End, Message, Progress, Status
from monty_mqtt_core.payloads.from_mqtt import message_of
from monty_mqtt_core.recordings.mcap_file import Entry
from monty_mqtt_core.recordings.mcap_scan import Beginning

__all__ = ["ReplayClock", "ReplayPosition", "ReplayReport", "ReplayStage"]

_LOG = logging.getLogger(__name__)
_NANOS = 1e9
_FLUSH_SECS = 5.0
_MOST_UNACKNOWLEDGED = 500
_PATIENCE_SECS = 30.0
"""How long a bridge may be away in the middle of a replay, in seconds."""

_POLL_SECS = 0.2
_STAMPED = frozenset({"run", "worker", "seq", "time_unix_nanos"})
_RUN_SUFFIX = re.compile(r"-\d{8}T?-?\d{6}Z?-[0-9a-f]{4}$")


class ReplayPosition(msgspec.Struct, frozen=True, kw_only=True):
    """Says how far a replay is.

    Attributes:
        message: The message just published, as it was recorded.
        run: The run's new id.
        messages: Number of messages published so far.
        playing_secs: Seconds played so far, at speed 1.
    """

    message: Message
    run: str
    messages: int
    playing_secs: float


class ReplayReport(msgspec.Struct, frozen=True, kw_only=True):
    """Reports what a replay did.

    Attributes:
        runs: New run ids by recorded run ids.
        messages: Number of messages published.
        unreadable: Number of messages of the recording that could not be read.
        unacknowledged: Number of messages that the bridge did not confirm.
        dropped: Number of messages and frames that were not sent.
        was_stopped: Whether it was stopped before the end.
        damages: Which parts of the recording could not be read, file by file.
        begun: Workers whose recording began in the middle of their run.
    """

    runs: dict[str, str]
    messages: int
    unreadable: int
    unacknowledged: int
    dropped: int
    was_stopped: bool
    damages: list[str] = []
    begun: list[Beginning] = []


class ReplayClock:
    """Computes when a message of the recording is due."""

    def __init__(self, speed: float, longest_pause_secs: float | None) -> None:
        self.speed = speed
        self.playing_secs = 0.0
        self._longest_pause_secs = longest_pause_secs
        self._last_nanos: int | None = None
        self._started = time.monotonic()

    def advance(self, time_unix_nanos: int) -> None:
        """Move on to the time of the next message (ns since 1970)."""
        pause = max(0.0, (time_unix_nanos - (self._last_nanos or time_unix_nanos)) / _NANOS)
        self._last_nanos = time_unix_nanos
        longest = self._longest_pause_secs
        self.playing_secs += pause if longest is None else min(pause, longest)

    def skip(self, time_unix_nanos: int) -> None:
        """Move on to the time of a message without waiting for it."""
        self._last_nanos = time_unix_nanos

    def remaining_secs(self) -> float:
        """Return how many seconds to wait for the current message."""
        if not self.speed:
            return 0.0
        return self._started + self.playing_secs / self.speed - time.monotonic()

    def from_now(self, later_nanos: int) -> int:
        """Return when (ns since 1970) a moment `later_nanos` after the current message will come in this replay."""
        return time.time_ns() + (int(later_nanos / self.speed) if self.speed else 0)


class ReplayStage:
    """Holds the broadcasters of a replay: one for each worker of each run."""

    def __init__(self, bridge: BridgeAddress, clock: ReplayClock, stop: threading.Event, ending: str = "") -> None:
        self._ending = ending
        self.runs: dict[str, str] = {}
        self._stop = stop
        self._bridge = bridge
        self._clock = clock
        self._open: dict[tuple[str, str], ZmqBroadcaster] = {}
        self._closed: dict[tuple[str, str], ZmqBroadcaster] = {}
        self._statuses: dict[tuple[str, str], str] = {}
        self._messages = 0
        self._unreadable = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(was_stopped=True)

    def is_over(self, entry: Entry) -> bool:
        """Return whether the worker of this message was ended by a command; its other messages are skipped."""
        parsed = topics.parse(entry.topic)
        return (parsed.run, parsed.worker) in self._closed

    def publish(self, entry: Entry) -> ReplayPosition | None:
        """Publish one message again; return None if it is unreadable, or its worker has ended.

        Raises:
            ServiceError: There is no bridge, or it has been away for too long.
        """
        if self.is_over(entry):
            return None
        try:
            message, buffers = message_of(entry.topic, entry.payload)
        except DecodeError as error:
            if not self._unreadable:
                _LOG.warning("messages that cannot be replayed are skipped, such as %s: %s", entry.topic, error)
            self._unreadable += 1
            return None
        key = (message.run, message.worker)
        broadcaster = self._open.get(key) or self._new_broadcaster(key)
        self._publish(broadcaster, key, message, buffers)
        self._messages += 1
        return ReplayPosition(
            message=message,
            run=broadcaster.run,
            messages=self._messages,
            playing_secs=self._clock.playing_secs,
        )

    def pump(self) -> None:
        """Read the bridge's answers, and obey its commands."""
        for key, broadcaster in list(self._open.items()):
            broadcaster.pump()
            for command in broadcaster.take_commands():
                is_abort = command.command == "abort"
                status, detail = ("obeyed", "the replay of this run ends") if is_abort else ("refused", "a replay")
                broadcaster.publish(CommandResult, id=command.id, status=status, detail=detail)
                if is_abort:
                    self._end(key, "aborted", command.reason or "asked for")

    def close(self, *, was_stopped: bool) -> None:
        """End the runs that have no end in the recording; may be called twice."""
        for key in list(self._open):
            if was_stopped:
                self._end(key, "aborted", "the replay was stopped")
            else:
                self._end(key, "disconnected", "the recording ends here")

    def result(self, *, was_stopped: bool) -> ReplayReport:
        """Return the report, after `close`."""
        counts = [broadcaster.counts for broadcaster in self._closed.values()]
        return ReplayReport(
            runs=self.runs,
            messages=self._messages,
            unreadable=self._unreadable,
            unacknowledged=sum(count.unacknowledged for count in counts),
            dropped=sum(count.dropped + count.bulk_dropped for count in counts),
            was_stopped=was_stopped,
        )

    def _new_broadcaster(self, key: tuple[str, str]) -> ZmqBroadcaster:
        run, worker = key
        new_run = self.runs.setdefault(run, self._new_run_id(run))
        broadcaster = ZmqBroadcaster(run_id=new_run, worker=worker, bridge=self._bridge)
        self._open[key] = broadcaster
        return broadcaster

    def _new_run_id(self, run: str) -> str:
        """Return the id of a run's replay: its old name with the old time replaced by the new one."""
        ending = self._ending or new_ending()
        new = f"{_RUN_SUFFIX.sub('', run)}-{ending}"
        return f"{run}-{ending}" if new in self.runs.values() else new

    def _publish(
        self, broadcaster: ZmqBroadcaster, key: tuple[str, str], message: Message, buffers: Sequence[bytes]
    ) -> None:
        if isinstance(message, End):
            self._close(key, message.status)
            return
        fields = {name: getattr(message, name) for name in message.__struct_fields__ if name not in _STAMPED}
        if isinstance(message, Status):
            self._statuses[key] = message.status
        if isinstance(message, Progress) and message.estimated_end_unix_nanos is not None:
            later_nanos = message.estimated_end_unix_nanos - message.time_unix_nanos
            fields["estimated_end_unix_nanos"] = self._clock.from_now(later_nanos)
        broadcaster.publish(type(message), buffers, **fields)
        if broadcaster.counts.unacknowledged > _MOST_UNACKNOWLEDGED:
            self._wait_for_bridge(broadcaster)

    def _wait_for_bridge(self, broadcaster: ZmqBroadcaster) -> None:
        """Wait until the bridge has accepted what was sent: else the broadcaster's full memory drops messages."""
        deadline = time.monotonic() + _PATIENCE_SECS
        while not broadcaster.flush(_POLL_SECS) and not self._stop.is_set():
            if time.monotonic() > deadline:
                raise ServiceError(
                    f"no bridge at {self._bridge.host}:{self._bridge.port} took the replay for {_PATIENCE_SECS:g} s"
                )

    def _end(self, key: tuple[str, str], status: str, reason: str) -> None:
        if self._statuses.get(key) != status:
            self._open[key].publish(Status, status=status, reason=reason)
        self._close(key, status)

    def _close(self, key: tuple[str, str], status: str) -> None:
        broadcaster = self._closed[key] = self._open.pop(key)
        broadcaster.close(status=status, flush_secs=_FLUSH_SECS)
