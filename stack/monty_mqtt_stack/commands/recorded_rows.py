"""Reads the messages of a run in a recording as rows of a table.

Called by `export`, when the rows do not come from InfluxDB.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema, topics
from monty_mqtt_core.reading.run_status import decode
from monty_mqtt_core.recordings.part_files import Recording

__all__ = ["KINDS", "rows_in"]

Row = tuple[list[str], list[Any]]

KINDS = {
    "steps": "step",
    "evidence": "step",
    "episodes": "episode_ended",
    "metrics": "metric",
    "logs": "log",
    "events": "event",
    "data": "data",
    "state": "state",
}
"""Maps what can be exported to the kind of message that contains it."""

_FIRST = ("time_unix_nanos", "worker")
_LEFT_OUT = frozenset({"run", *_FIRST})
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


def rows_in(path: Path, run: str, of: str) -> Iterator[Row]:
    """Yield column names and values of a run's messages in a recording, oldest first; the columns never change.

    Args:
        path: An MCAP file, or a directory that the page recorded.
        run: Id of the run.
        of: A key of `KINDS`.

    Raises:
        ConfigError: There is no recording.
    """
    for message in _messages(path, run, KINDS[of]):
        if of == "evidence" and isinstance(message, schema.Step):
            yield from _evidence(message)
        else:
            names = [*_FIRST, *(name for name in message.__struct_fields__ if name not in _LEFT_OUT)]
            yield names, [msgspec.to_builtins(getattr(message, name)) for name in names]


def _messages(path: Path, run: str, kind: str) -> Iterator[schema.Message]:
    for entry in Recording(path).entries():
        with suppress(DecodeError):
            parsed = topics.parse(entry.topic)
            if parsed.kind == kind and parsed.run == run:
                message = decode(entry.topic, entry.payload)
                if message is not None:
                    yield message


def _evidence(step: schema.Step) -> Iterator[Row]:
    place = [step.time_unix_nanos, step.worker, step.mode, step.epoch, step.episode, step.step]
    for name, module in step.learning_modules.items():
        for shown, evidence in (module.evidence or {}).items():
            yield _OF_EVIDENCE, [*place, name, shown, evidence]
