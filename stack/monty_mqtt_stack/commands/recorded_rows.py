"""Reads the messages of a run in a recording as rows of a table.

Called by `export`, when the rows do not come from InfluxDB.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from monty_mqtt.errors import DecodeError, ServiceError
from monty_mqtt.wire import schema, topics
from monty_mqtt_core.payloads.from_mqtt import message_without_buffers
from monty_mqtt_core.recordings.part_files import Recording

__all__ = ["KINDS", "rows_in"]

Row = tuple[list[str], list[Any]]

KINDS = {
    "steps": "step",
    "evidence": "step",
    "episodes": "episode_ended",
    "metrics": "metric",
    "machine": "machine",
    "logs": "log",
    "events": "event",
    "data": "data",
    "state": "state",
    "images": "image",
    "points": "points",
    "histograms": "histogram",
    "tables": "table",
}
"""Maps what can be exported to the kind of message that contains it."""

_FIRST = ("time_unix_nanos", "worker")
_LEFT_OUT = frozenset({"run", *_FIRST})
_LONGEST_NAME_BYTES = 100
"""A file's name has at most 255 bytes."""

_OF_EVIDENCE = [
    "time_unix_nanos",
    "worker",
    "mode",
    "epoch",
    "episode",
    "step",
    "learning_module",
    "object",
    "evidence",
]


def rows_in(path: Path, run: str, of: str, files: Path | None = None) -> Iterator[Row]:
    """Yield column names and values of a run's messages in a recording, oldest first; the columns never change.

    Args:
        path: An MCAP file, or a directory that the page recorded.
        run: Id of the run.
        of: A key of `KINDS`.
        files: A folder into which each image and all points are written, as they were published; `file` names the file.

    Raises:
        ConfigError: There is no recording.
        ServiceError: A file cannot be written.
    """
    for message, payload in _messages(path, run, KINDS[of]):
        if of == "evidence" and isinstance(message, schema.Step):
            yield from _evidence(message)
        elif isinstance(message, schema.Machine):
            used = {**msgspec.structs.asdict(message.process), **msgspec.structs.asdict(message.host)}
            yield [*_FIRST, *used], [message.time_unix_nanos, message.worker, *used.values()]
        else:
            names = [*_FIRST, *(name for name in message.__struct_fields__ if name not in _LEFT_OUT)]
            values = [msgspec.to_builtins(getattr(message, name)) for name in names]
            if files is not None and isinstance(message, (schema.Image, schema.Points)):
                yield [*names, "file"], [*values, _written(files, message, payload)]
            else:
                yield names, values


def _messages(path: Path, run: str, kind: str) -> Iterator[tuple[schema.Message, bytes]]:
    for entry in Recording(path).entries():
        with suppress(DecodeError):
            parsed = topics.parse(entry.topic)
            if parsed.kind == kind and parsed.run == run:
                yield message_without_buffers(parsed, entry.payload), entry.payload


def _written(folder: Path, message: schema.Image | schema.Points, payload: bytes) -> str:
    ending = message.format if isinstance(message, schema.Image) else "ply"
    names = [topics.escape(name).encode()[:_LONGEST_NAME_BYTES] for name in (message.worker, message.name)]
    worker, name = (cut.decode(errors="ignore") for cut in names)
    path = folder / f"{worker}-{name}-{message.time_unix_nanos}.{ending}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(payload)
    except OSError as error:
        raise ServiceError(f"cannot write {path}: {error.strerror}") from None
    return path.name


def _evidence(step: schema.Step) -> Iterator[Row]:
    place = [step.time_unix_nanos, step.worker, step.mode, step.epoch, step.episode, step.step]
    for name, module in step.learning_modules.items():
        for shown, evidence in (module.evidence or {}).items():
            yield _OF_EVIDENCE, [*place, name, shown, evidence]
