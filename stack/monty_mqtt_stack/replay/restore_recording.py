"""Restores runs from a recording: sends each recorded message to the bridge again, unchanged.

Called by `commands.replay`; reads with `part_files` and hands to `restore_link`, which sends the messages with their
own names, seqs and times. Messages that the bridge itself published (a worker stalls, or is disconnected) are left out:
no worker sent them, and they have the seq of another message.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from monty_mqtt.broadcast.link.sender_identity import SenderIdentity
from monty_mqtt.errors import ConfigError, DecodeError
from monty_mqtt.wire import schema, topics, zmq_protocol
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt.wire.vocabulary import BULK_KINDS
from monty_mqtt_core.payloads.from_mqtt import message_of
from monty_mqtt_core.recordings.part_files import Recording
from monty_mqtt_stack.replay.restore_link import PATIENCE_SECS, RestoreLink, RestoreStopped
from monty_mqtt_stack.replay.restore_report import RestoreReport

__all__ = ["restore_messages", "restore_recording"]

_LOG = logging.getLogger(__name__)
_Key = tuple[str, str]
_OF_THE_BRIDGE_TOO = (schema.Status, schema.CommandResult)


def restore_recording(
    *paths: Path,
    bridge: BridgeAddress,
    stop: threading.Event | None = None,
    on_read: Callable[[Recording], None] | None = None,
) -> list[RestoreReport]:
    """Send the recorded messages of each worker; return one report per worker.

    Args:
        paths: The recording: a file, a directory of parts, or parts.
        bridge: Where the bridge is.
        stop: An event to set to stop.
        on_read: Called with the recording, damages included, when everything was sent.

    Raises:
        ConfigError: The file is not a recording of monty-mqtt.
        ServiceError: No bridge accepts it, or a worker of it is connected and sends its messages itself.
    """
    recording = Recording(*paths)
    reports = restore_messages(_messages(recording), bridge=bridge, stop=stop)
    if on_read:
        on_read(recording)
    if not reports:
        raise ConfigError(
            "recording", ", ".join(map(str, paths)), "a recording of monty-mqtt; there is no message of a run in it"
        )
    return reports


def restore_messages(
    messages: Iterable[tuple[schema.Message, Sequence[bytes]]],
    *,
    bridge: BridgeAddress,
    patience_secs: float = PATIENCE_SECS,
    stop: threading.Event | None = None,
) -> list[RestoreReport]:
    """Send recorded messages of any number of workers again, each with its own seq and time; return the reports.

    Args:
        messages: Messages with their buffers; those of one worker in the order of their seqs, its frames and clouds in
            the order of theirs. A message whose seq is not above the last one's counts as one that the bridge had.
        bridge: Where the bridge is.
        patience_secs: How long the bridge may accept nothing before this gives up, in seconds.
        stop: An event to set to stop.

    Raises:
        ServiceError: No bridge accepts them, or a worker of them is connected and sends its messages itself.
    """
    connect = partial(_connect_recorded, bridge, patience_secs, stop or threading.Event())
    with _RecordedWorkers(connect) as workers:
        try:
            for message, buffers in messages:
                workers.send(message, buffers)
            workers.finish()
        except RestoreStopped:
            for report in workers.reports.values():
                report.was_stopped = True
        return list(workers.reports.values())


def _messages(recording: Recording) -> Iterator[tuple[schema.Message, Sequence[bytes]]]:
    heard: dict[tuple[str, str], int] = {}
    unreadable = 0
    for entry in recording.entries():
        try:
            message, buffers = message_of(entry.topic, entry.payload)
        except DecodeError as error:
            if not unreadable:
                _LOG.warning("messages that cannot be restored are skipped, such as %s: %s", entry.topic, error)
            unreadable += 1
            continue
        key = (message.run, message.worker)
        if _is_the_bridges(message, heard.get(key, -1)):
            continue
        if message.__struct_config__.tag not in BULK_KINDS:
            heard[key] = message.seq
        yield message, buffers


def _is_the_bridges(message: schema.Message, heard_seq: int) -> bool:
    if message.worker == topics.ALL_WORKERS:
        return True
    if isinstance(message, schema.Status) and (message.stalled or message.status == "disconnected"):
        return True
    return isinstance(message, _OF_THE_BRIDGE_TOO) and message.seq <= heard_seq


class _RecordedWorkers:
    """Holds the connections of a recording's workers: one for each, from its first message to its end."""

    def __init__(self, connect: Callable[[_Key, int, RestoreReport], RestoreLink]) -> None:
        self.reports: dict[_Key, RestoreReport] = {}
        self._connect = connect
        self._open: dict[_Key, RestoreLink] = {}
        self._stack = ExitStack()
        self._early: dict[_Key, list[tuple[int, list[bytes]]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def send(self, message: schema.Message, buffers: Sequence[bytes]) -> None:
        """Send a message over its worker's connection."""
        key, kind = (message.run, message.worker), str(message.__struct_config__.tag)
        frames = [zmq_protocol.head(kind), schema.encode(message), *buffers]
        if kind not in BULK_KINDS:
            self._opened(key, message.seq).send(message.seq, frames)
            if kind == "end":
                self._open[key].finish()
                self._open.pop(key).close()
        elif key in self._open:
            self._open[key].send_bulk(message.seq, frames)
        else:  # kept until HELLO can name the first message
            self._early.setdefault(key, []).append((message.seq, frames))

    def finish(self) -> None:
        """Wait until the bridge has accepted everything."""
        for key in list(self._early):
            self._opened(key, 0)
        for link in self._open.values():
            link.finish()

    def _opened(self, key: _Key, seq: int) -> RestoreLink:
        if key not in self._open:
            report = self.reports.setdefault(key, RestoreReport(run=key[0], worker=key[1]))
            self._open[key] = self._stack.enter_context(self._connect(key, seq, report))
            for bulk in self._early.pop(key, []):
                self._open[key].send_bulk(*bulk)
        return self._open[key]


def _connect_recorded(
    bridge: BridgeAddress, patience_secs: float, stop: threading.Event, key: _Key, seq: int, report: RestoreReport
) -> RestoreLink:
    # A recording does not contain when its workers were started: 0 means any sender that the bridge knows by the name.
    return RestoreLink(
        SenderIdentity(*key, 0, (bridge,), replayed=True), seq, report, patience_secs=patience_secs, stop=stop
    )
