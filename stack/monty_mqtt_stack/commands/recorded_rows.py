"""What a recording has of a run, as rows of a table.

Place in the flow: `export` writes them, where no InfluxDB is asked or where it does not keep what is wanted.
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
"""What can be exported -> the kind of message that says it."""

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
    """Yield columns and values of what a recording has of a run, oldest first; the columns are always the same.

    Args:
        path: An MCAP file, or a directory of the page's.
        run: Id of the run.
        of: One of `KINDS`.

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
