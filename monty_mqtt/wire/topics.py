"""This module turns a message into its MQTT topic, and a topic back into its parts. Pure.

Called by the bridge's `to_mqtt`, which builds topics, and by the page, `status`, `tail` and `record`, which read them.
`docs/wire.md` lists them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, Optional, Tuple
from urllib.parse import unquote_to_bytes

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire.schema import Frame, Message, ObjectModel
from monty_mqtt.wire.vocabulary import BULK_KINDS, RAW_KINDS, RETAINED_KINDS

__all__ = [
    "ALL_WORKERS",
    "BRIDGE_PREFIX",
    "INFLUX_PREFIX",
    "JSON_PREFIX",
    "RAW_PREFIX",
    "Parsed",
    "Topic",
    "bridge_status_filter",
    "bridge_topic",
    "build",
    "escape",
    "influx_topic",
    "of_message",
    "parse",
    "unescape",
]

JSON_PREFIX = "monty/v1"
RAW_PREFIX = "monty/raw/v1"
INFLUX_PREFIX = "monty/influx/v1"
BRIDGE_PREFIX = "monty/bridge/v1"
ALL_WORKERS = "all"
"""The worker level of a command that every worker obeys."""

_ESCAPED = frozenset("%+#/. ")

_PATHS = {
    "info": "info",
    "status": "status",
    "progress": "progress",
    "state": "state",
    "episode_started": "episode/started",
    "episode_ended": "episode/ended",
    "step": "step",
    "end": "end",
    "evidence": "evidence",
    "hypotheses": "hypotheses",
    "metric": "metric",
    "data": "data",
    "log": "log",
    "event": "event",
    "machine": "machine",
    "command": "command",
    "command_result": "command/result",
    "frame": "frame",
    "object_model": "model",
    "image": "image",
    "points": "points",
    "histogram": "histogram",
    "table": "table",
}
_NAMES = {
    "evidence": 1, "hypotheses": 1, "metric": 1, "data": 1, "log": 1, "event": 1, "frame": 2, "object_model": 2,
    "image": 1, "points": 1, "histogram": 1, "table": 1,
}  # fmt: skip
"""Number of names that follow the path; the other kinds have none."""

_NAME_FIELD = {
    "metric": "name", "data": "stream", "log": "level", "event": "event", "hypotheses": "learning_module",
    "image": "name", "points": "name", "histogram": "name", "table": "name",
}  # fmt: skip
_KIND_OF_PATH = {tuple(path.split("/")): kind for kind, path in _PATHS.items()}


class Topic(NamedTuple):
    """Topic says on which MQTT topic a message is published, and how."""

    topic: str
    qos: int
    retain: bool


class Parsed(NamedTuple):
    """Parsed holds the parts of a topic: `kind` is a word of `schema.KINDS`, or `evidence`, `command`."""

    run: str
    worker: str
    kind: str
    names: Tuple[str, ...]


def escape(name: str) -> str:
    """Return `name` as one topic level that every broker accepts; `unescape` gives it back.

    It percent-encodes `%`, `+`, `#`, `/`, `.`, space and all characters that Unicode calls not printable (control
    characters, surrogates, non-characters: Mosquitto closes the connection at some of them). An empty name is one `%`,
    because brokers treat empty levels differently.
    """
    if not name:
        return "%"
    return "".join(_escape_char(char) if char in _ESCAPED or not char.isprintable() else char for char in name)


def unescape(level: str) -> str:
    """Return the name that `escape` turned into this level.

    Raises:
        DecodeError: `escape` never makes such a level.
    """
    try:
        name = (
            ""
            if level == "%"
            else unquote_to_bytes(level.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")
        )
    except UnicodeError as error:
        raise DecodeError(f"topic level {level!r}: {error}") from None
    if escape(name) != level:
        raise DecodeError(f"topic level {level!r} is not escaped as this version does it")
    return name


@lru_cache(maxsize=4096)  # a run has few topics, and building one costs the bridge as much as decoding a message
def build(run: str, worker: str, kind: str, *names: str) -> str:
    """Return the topic of a kind. `names` are a learning module, a metric's name, … as many as the kind has."""
    if len(names) != _NAMES.get(kind, 0):
        raise ValueError(f"{kind} has {_NAMES.get(kind, 0)} names, not {len(names)}")
    prefix = RAW_PREFIX if kind in RAW_KINDS else JSON_PREFIX
    return "/".join((prefix, escape(run), escape(worker), _PATHS[kind], *map(escape, names)))


def of_message(message: Message) -> Topic:
    """Return a message's topic, with the QoS and retain flag that docs/wire.md lists for its kind."""
    kind = message.__struct_config__.tag
    if isinstance(message, Frame):
        names: Tuple[str, ...] = (message.sensor, message.modality)
    elif isinstance(message, ObjectModel):
        names = (message.learning_module, message.object)
    else:
        field = _NAME_FIELD.get(str(kind))
        names = (getattr(message, field),) if field else ()
    topic = build(message.run, message.worker, str(kind), *names)
    return Topic(topic, 0 if kind in BULK_KINDS else 1, kind in RETAINED_KINDS)


def parse(topic: str) -> Parsed:
    """Return run, worker, kind and names of a topic below `monty/v1/` or `monty/raw/v1/`.

    Raises:
        DecodeError: The topic is not a valid topic of this schema.
    """
    rest = _without_prefix(topic)
    run, worker, *path = *(rest or "").split("/"), "", ""
    path = path[:-2]
    if path:
        for size in (2, 1):
            kind = _KIND_OF_PATH.get(tuple(path[:size]))
            if kind and len(path) == size + _NAMES.get(kind, 0) and topic.startswith(_prefix_of(kind)):
                return Parsed(unescape(run), unescape(worker), kind, tuple(map(unescape, path[size:])))
    raise DecodeError(f"not a topic of this schema: {topic!r}")


def influx_topic(run: str, partition: int = 0) -> str:
    """Return the topic of a run's line-protocol batches; only partitions beyond 0 have a level of their own."""
    return f"{INFLUX_PREFIX}/{partition}/{escape(run)}" if partition else f"{INFLUX_PREFIX}/{escape(run)}"


def bridge_topic(bridge_id: str, word: str) -> str:
    """Return the topic of a bridge's `status` or `health`."""
    return f"{BRIDGE_PREFIX}/{escape(bridge_id)}/{word}"


def bridge_status_filter() -> str:
    """Return the filter of all bridges' `status` topics."""
    return f"{BRIDGE_PREFIX}/+/status"


def _prefix_of(kind: str) -> str:
    return RAW_PREFIX if kind in RAW_KINDS else JSON_PREFIX


def _without_prefix(topic: str) -> Optional[str]:
    for prefix in (JSON_PREFIX, RAW_PREFIX):
        if topic.startswith(prefix + "/"):
            return topic[len(prefix) + 1 :]
    return None


def _escape_char(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))
