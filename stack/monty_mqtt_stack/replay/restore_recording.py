"""Restores runs from a recording: sends each recorded message to the bridge again, unchanged.

Called by `commands.replay`; reads with `part_files` and hands to `restore_spool`, which sends the messages with their
own names, seqs and times. Messages that the bridge itself published (a worker stalls, or is disconnected) are left out:
no worker sent them, and they have the seq of another message.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from monty_mqtt.errors import ConfigError, DecodeError
from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.vocabulary import BULK_KINDS
from monty_mqtt_core.payloads.from_mqtt import message_of
from monty_mqtt_core.recordings.part_files import Recording
from monty_mqtt_stack.replay.restore_report import Restored
from monty_mqtt_stack.replay.restore_spool import restore_messages

__all__ = ["restore_recording"]

_LOG = logging.getLogger(__name__)
_OF_THE_BRIDGE_TOO = (schema.Status, schema.CommandResult)


def restore_recording(
    *paths: Path,
    zmq_host: str = "127.0.0.1",
    zmq_port: int = 5555,
    stop: threading.Event | None = None,
    on_read: Callable[[Recording], None] | None = None,
) -> list[Restored]:
    """Send the recorded messages of each worker; return one report per worker.

    Args:
        paths: The recording: a file, a directory of parts, or parts.
        zmq_host: Host of the bridge.
        zmq_port: ZMQ port of the bridge.
        stop: An event to set to stop.
        on_read: Called with the recording, damages included, when everything was sent.

    Raises:
        ConfigError: The file is not a recording of monty-mqtt.
        ServiceError: No bridge accepts it, or a worker of it is connected and sends its messages itself.
    """
    recording = Recording(*paths)
    restored = restore_messages(_messages(recording), zmq_host=zmq_host, zmq_port=zmq_port, stop=stop)
    if on_read:
        on_read(recording)
    if not restored:
        raise ConfigError(
            "recording", ", ".join(map(str, paths)), "a recording of monty-mqtt; there is no message of a run in it"
        )
    return restored


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
