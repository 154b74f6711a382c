"""This tool writes docs/wire.md from the schema, the topics and the golden examples; a test fails if they differ.

usage: .venv/bin/python tools/wire_doc.py
"""

from __future__ import annotations

import inspect
import json
import re
import sys
import types
import typing
from pathlib import Path
from typing import Any

import msgspec

from monty_mqtt.wire import schema, topics, zmq_protocol
from monty_mqtt.wire.message_pieces import MessagePiece
from monty_mqtt.wire.vocabulary import MEDIA_KINDS
from monty_mqtt_core.payloads.to_mqtt import Evidence

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "wire.md"
GOLDEN = ROOT / "tests" / "golden"
INTRODUCTION = """# The wire

This page lists every message and every topic. `tools/wire_doc.py` writes it from `monty_mqtt/wire/schema.py`, and a
test fails when the two differ. So the page describes what is sent today.

Everything below `monty/v1/` is JSON, one object per MQTT message:

```bash
mosquitto_sub -h 127.0.0.1 -p "${MQTT_PORT:-1883}" -v -t 'monty/v1/#' -C 1 -W 10
```

- Anybody who knows a client's id can take over its session. So a persistent session of your own needs a login, and an
  id with a part that you make up once and keep secret:
  [a subscriber of your own](operations.md#a-subscriber-of-your-own-that-misses-nothing).
- Every message has `run`, `worker`, `seq` and `time_unix_nanos`. `seq` counts the messages of a worker from 0 without a
  gap. A message may arrive twice (delivery is at least once); both copies have the same `seq`. `frame`,
  `hypotheses`, `image` and `points` have a sequence of their own, together.
- A field is absent if this kind of learning module or sensor does not have it. A number that was NaN or infinite is
  `null` in a list, in a mapping and as a metric's `value`; any other field with such a number is absent.
- Rotations are unit quaternions x, y, z, w; locations are in metres; times are nanoseconds since 1970-01-01 UTC.
- A name becomes a topic level through one reversible escape: `%`, `+`, `#`, `/`, `.`, space and all characters that
  Unicode calls not printable are percent-encoded (UTF-8); an empty name is `%`. `monty_mqtt.wire.topics.parse` reads a
  topic back.
- A later version may add fields, which have a default. The type of a field never changes. Skip fields that you do not
  know. A change that breaks these rules gets the topic prefix `monty/v2`.

## Topics

| topic | kind | QoS | retained |
|---|---|---|---|
"""
EXTRA_TOPICS = (
    ("monty/v1/<run>/<worker>/evidence/<learning_module>", "evidence", 1, False),
    ("monty/v1/<run>/<worker or all>/command", "command", 1, False),
    ("monty/influx/v1/<run>", "InfluxDB line protocol, at most 100 points a message", 1, False),
    ("monty/influx/v1/<partition>/<run>", "the same of partitions 1, 2, …, where Telegrafs share them", 1, False),
    ("monty/bridge/v1/<bridge>/status", "`online` or `offline` (the last will)", 1, True),
    ("monty/bridge/v1/<bridge>/health", "the bridge's own counters, once a second", 1, False),
)
FRAMES = """## Frames and models

What is published below `monty/raw/v1/` is not JSON. A `frame` of modality `rgba` is a JPEG, and one of modality `depth`
is a 16-bit PNG. Both carry a JSON header, the JPEG in its comment, the PNG in its text `monty_mqtt`. The header holds
the message's own fields and `units`. For depth it also holds `depth_min_metres` and `depth_max_metres`, the range that
0 and 65535 stand for, and `non_finite`, the number of pixels without a depth. An `object_model` is a binary PLY file
with x, y and z of the points in metres; its `comment monty_mqtt` holds the message. The broker retains the latest of
each. In `hypotheses` the buffers are lists in the JSON: `locations`, `evidence` and `object_indices` (into `objects`).

An `image` that the user publishes is a PNG or JPEG file: the user's own, or a PNG that the bridge made of an array. The
JSON header holds the message's fields. It is the PNG's first text, named `monty_mqtt`, or the first comment of the
JPEG, behind the segment APP0 if there is one. `points` are a binary PLY file with x, y, z, the colours as `uchar` and
the `size` of each point; its `comment monty_mqtt` holds the message. The bridge counts the values of a `histogram`, so
on MQTT it has counts and edges. None of these is retained.

## Commands and statuses

Publish a `command` as user `control`; the answer is a `command_result` with the same `id`. The bridge refuses retained
commands and commands older than 30 s. A command whose `id` comes twice is obeyed once.

A `status` may also come from the bridge (`disconnected`, `stalled`). It then has the seq of the worker's last message;
so only seq and time together show that a `status` is a duplicate.

## Messages

### evidence

This is what one learning module believes of each object after a step, taken from the `step` with the same `seq`.

{evidence}

"""
PIECES = """## Pieces

These are parts of the messages above.

"""


def main() -> int:
    """Write the page; return the exit code."""
    PAGE.write_text(page())
    return 0


def all_pieces() -> list[tuple[str, type[MessagePiece]]]:
    """Return the pieces of messages by name."""
    return sorted((piece.__name__, piece) for piece in MessagePiece.__subclasses__())


def page() -> str:
    """Return the whole page."""
    kinds = {**schema.KINDS, "command": schema.Command}
    rows = [topic_row(kind) for kind in schema.KINDS] + list(EXTRA_TOPICS)
    table = "".join(
        f"| `{topic}` | {kind} | {qos} | {'yes' if retain else ''} |\n" for topic, kind, qos, retain in rows
    )
    messages = "\n".join(section(kind, cls) for kind, cls in kinds.items())
    pieces = "\n".join(section(name, piece, level=3) for name, piece in all_pieces())
    frames = FRAMES.replace("{evidence}", section("evidence", Evidence).split("\n\n", 2)[2].rstrip())
    return f"{INTRODUCTION}{table}\n{frames}{messages}\n{PIECES}{pieces}\n{zmq_hop()}"


def zmq_hop() -> str:
    """Return the section about the ZMQ hop, from the docstring of its module."""
    _, _, text = (inspect.getdoc(zmq_protocol) or "").partition("\n\n")
    reader = "This section is for those who write another sender; everyone else reads MQTT."
    return f"## The ZMQ hop\n\n{reader}\n\n{text.replace('``', '`')}\n"


def topic_row(kind: str) -> tuple[str, str, int, bool]:
    """Return topic pattern, kind, QoS and retain flag of a kind."""
    example = json.loads((GOLDEN / f"{kind}.json").read_text())
    message = msgspec.convert(example, schema.KINDS[kind])
    topic, qos, retain = topics.of_message(message)
    names = topics.parse(topic).names
    pattern = topics.build("RUN", "WORKER", kind, *("NAME" + "X" * i for i in range(len(names))))
    words = {
        "metric": ["name"],
        "data": ["stream"],
        "log": ["level"],
        "event": ["event"],
        **{media: ["name"] for media in MEDIA_KINDS},
    }.get(kind)
    words = words or {"frame": ["sensor", "modality"], "object_model": ["learning_module", "object"]}.get(kind)
    for index, word in reversed(list(enumerate(words or ["learning_module"]))):
        pattern = pattern.replace("NAME" + "X" * index, f"<{word}>")
    return pattern.replace("RUN", "<run>").replace("WORKER", "<worker>"), kind, qos, retain


def section(name: str, cls: type[Any], level: int = 3) -> str:
    """Return the section of one message or piece: its meaning, its fields, an example."""
    summary, described = read_docstring(inspect.getdoc(cls) or "")
    lines = [f"{'#' * level} {name}", "", summary, "", "| field | type | meaning |", "|---|---|---|"]
    envelope = set(schema.Message.__struct_fields__)
    for field in msgspec.structs.fields(cls):
        if issubclass(cls, schema.Message) and field.name in envelope:
            continue
        meaning = described.get(field.name, "").replace("|", "\\|")
        lines.append(f"| `{field.name}` | {type_name(field.type)} | {meaning} |")
    golden = GOLDEN / f"{name}.json"
    if golden.exists():
        lines += ["", "```json", json.dumps(json.loads(golden.read_text()), indent=1, ensure_ascii=False), "```"]
    return "\n".join(lines) + "\n"


def read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """Return a Google docstring's text, and its attributes' descriptions."""
    summary, _, attributes = text.partition("Attributes:\n")
    described: dict[str, str] = {}
    for match in re.finditer(r"^    (\w+): (.*(?:\n        .*)*)", attributes, flags=re.MULTILINE):
        described[match[1]] = " ".join(match[2].split())
    return " ".join(summary.split("\n\n")[0].split()) + extra(summary), described


def extra(summary: str) -> str:
    """Return the paragraphs after a docstring's first one."""
    rest = [" ".join(paragraph.split()) for paragraph in summary.split("\n\n")[1:] if paragraph.strip()]
    return "".join(f"\n\n{paragraph}" for paragraph in rest)


def type_name(annotation: Any) -> str:
    """Return a type's name as a reader of JSON knows it."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(type_name(argument) for argument in arguments if argument is not type(None))
    if origin is list:
        return f"list of {type_name(arguments[0])}"
    if origin is dict:
        return f"object of {type_name(arguments[1])}"
    names = {str: "string", int: "integer", float: "number", bool: "boolean", typing.Any: "any"}
    return names.get(annotation) or getattr(annotation, "__name__", str(annotation))


if __name__ == "__main__":
    sys.exit(main())
