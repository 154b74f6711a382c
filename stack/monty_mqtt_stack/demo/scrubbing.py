"""Removes from a recording what tells where it was made. Pure, except that it reads this machine's name.

Called by `demo_recording` while it records, so that the shipped file contains no path, host, user or command line of
the machine that made it. It does not look for secrets: `info` masks those before it is published.
"""

import re
import socket
from typing import Any

import msgspec

from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.vocabulary import BUFFER_KINDS
from monty_mqtt_core.recordings.mcap_file import Entry

__all__ = ["HOST", "scrubbed", "without_places"]

HOST = "demo"
"""Replaces the name of the machine."""

_PLACE = re.compile(r"(?<![\w.:/])(?:file://)?(?:~|(?:/[^\s/:'\"<>|,;()\[\]{}]+){2})(?:/[^\s/:'\"<>|,;()\[\]{}]+)*/?")
"""Matches an absolute path of two parts or more, or a path below `~`; not what follows a word, as in `and/or`."""


def scrubbed(entry: Entry) -> Entry:
    """Return the entry without paths, host, user, process, environment and command line.

    Frames, models and clouds are returned unchanged: they hold names, sizes and numbers only.
    """
    if topics.parse(entry.topic).kind in BUFFER_KINDS:
        return entry
    message = schema.decode(entry.payload)
    if isinstance(message, schema.Info):
        message = msgspec.structs.replace(
            message,
            host=HOST,
            pid=None,
            environment=None,
            git_commit=None,
            command_line=[],
            model_path=None,
            output_dir=None,
        )
    plain = without_places(msgspec.json.decode(schema.encode(message)), socket.gethostname())
    return entry._replace(payload=msgspec.json.encode(plain))


def without_places(value: Any, host: str) -> Any:
    """Return a JSON value in which each absolute path becomes `…/` and its last part, and the host's name `HOST`."""
    if isinstance(value, dict):
        return {without_places(key, host): without_places(inner, host) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_places(inner, host) for inner in value]
    if not isinstance(value, str):
        return value
    text = _PLACE.sub(lambda place: f"…/{place[0].rstrip('/').rpartition('/')[2]}", value)
    return re.sub(rf"\b{re.escape(host)}\b", HOST, text) if host else text
