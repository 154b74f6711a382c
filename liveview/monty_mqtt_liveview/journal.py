"""What a run said in words: log lines and events. The newest are kept. Pure.

Place in the flow: `run` adds each `log` and `event`; `words` makes views of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec

from monty_mqtt import schema

__all__ = ["Journal", "Line"]

MOST_LINES = 5000
MOST_CHARACTERS = 4000
_MOST_FIELD_BYTES = 16_384


class Line(msgspec.Struct, frozen=True):
    """One log line or event.

    Attributes:
        number: Its number in the run, from 0.
        worker: Who said it.
        time_unix_nanos: When.
        level: `debug`, `info`, `warning`, `error`, `critical`.
        source: The logger, or who emitted the event.
        text: The message, or the event's kind; a very long one is cut.
        fields: What was said beside it.
        suppressed: Log records left out before it.
    """

    number: int
    worker: str
    time_unix_nanos: int
    level: str
    source: str | None
    text: str
    fields: dict[str, Any]
    suppressed: int = 0


class Journal:
    """The newest lines of a run.

    Attributes:
        count: How many there were in all.
        revision: That of the run at the latest one.
    """

    def __init__(self) -> None:
        self.count = 0
        self.revision = 0
        self._lines: deque[Line] = deque(maxlen=MOST_LINES)

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, said: schema.Log | schema.Event, revision: int) -> None:
        """Keep a line."""
        if isinstance(said, schema.Log):
            source, text, fields, suppressed = said.logger, said.message, said.metadata, said.suppressed
        else:
            source, text, fields, suppressed = said.source, said.event, said.fields, 0
        time = said.time_unix_nanos
        level, source, text = said.level[:MOST_CHARACTERS], source and source[:MOST_CHARACTERS], cut(text)
        self._lines.append(Line(self.count, said.worker, time, level, source, text, bounded(fields), suppressed))
        self.count += 1
        self.revision = revision

    def before(self, number: int | None) -> Iterator[Line]:
        """Yield what is kept, newest first, from the one before `number` on; None: from the newest."""
        newer = 0 if number is None else self.count - number
        return islice(reversed(self._lines), max(newer, 0), None)


def cut(text: str) -> str:
    """Return a text, a very long one without its end."""
    more = len(text) - MOST_CHARACTERS
    return text if more <= 0 else f"{text[:MOST_CHARACTERS]} … and {more} more characters"


def bounded(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields, or only how large they are where that is too much to keep thousands of."""
    size = len(msgspec.json.encode(fields)) if fields else 0
    return fields if size <= _MOST_FIELD_BYTES else {"left_out_bytes": size}
