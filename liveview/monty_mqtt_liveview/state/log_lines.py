"""What a run said in words: log lines and events. The newest are kept. Pure.

Place in the flow: `run` adds each `log` and `event`; `log_search` makes views of them.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from monty_mqtt.wire import schema

__all__ = ["LEVELS", "Journal", "KeptFrom", "Line", "line_of", "rank"]

LEVELS = ("debug", "info", "warning", "error", "critical")
_BAD = LEVELS.index("warning")

MOST_LINES = 5000
"""Of warnings and worse, and as many of all others."""

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


class KeptFrom(NamedTuple):
    """The numbers from which on all lines are kept: those of warnings and worse, and those of the others."""

    bad: int
    rest: int

    def has(self, line: Line) -> bool:
        """Return whether a line is kept."""
        return line.number >= (self.bad if rank(line.level) >= _BAD else self.rest)

    def first_of(self, level: str | None) -> int:
        """Return from which number on everything of a level and above is kept."""
        return self.bad if rank(level or LEVELS[0]) >= _BAD else max(self)


class Journal:
    """The newest lines of a run; warnings and what is worse do not give way to what is not.

    Attributes:
        count: How many there were in all.
        revision: That of the run at the latest one.
    """

    def __init__(self) -> None:
        self.count = 0
        self.revision = 0
        self._bad: deque[Line] = deque(maxlen=MOST_LINES)
        self._rest: deque[Line] = deque(maxlen=MOST_LINES)
        self._kept_from = {True: 0, False: 0}

    def __len__(self) -> int:
        return len(self._bad) + len(self._rest)

    def add(self, said: schema.Log | schema.Event, revision: int) -> None:
        """Keep a line."""
        line = line_of(said, self.count)
        is_bad = rank(line.level) >= _BAD
        kept = self._bad if is_bad else self._rest
        if len(kept) == kept.maxlen:
            self._kept_from[is_bad] = kept[0].number + 1
        kept.append(line)
        self.count += 1
        self.revision = revision

    def kept_from(self) -> KeptFrom:
        """Return from which number on all lines are kept."""
        return KeptFrom(self._kept_from[True], self._kept_from[False])

    def before(self, number: int | None) -> Iterator[Line]:
        """Yield what is kept, newest first, from the one before `number` on; None: from the newest."""
        end = self.count if number is None else number
        newest_first = (reversed(lines) for lines in (self._bad, self._rest))
        for line in heapq.merge(*newest_first, key=lambda line: -line.number):
            if line.number < end:
                yield line


def line_of(said: schema.Log | schema.Event, number: int) -> Line:
    """Return a log record or an event as a line."""
    if isinstance(said, schema.Log):
        source, text, fields, suppressed = said.logger, said.message, said.metadata, said.suppressed
    else:
        source, text, fields, suppressed = said.source, said.event, said.fields, 0
    level, source, text = said.level[:MOST_CHARACTERS], source and source[:MOST_CHARACTERS], cut(text)
    return Line(number, said.worker, said.time_unix_nanos, level, source, text, bounded(fields), suppressed)


def rank(level: str) -> int:
    """Return how bad a level is; one that is not known is never left out."""
    word = level.casefold()
    return LEVELS.index(word) if word in LEVELS else len(LEVELS)


def cut(text: str) -> str:
    """Return a text, a very long one without its end."""
    more = len(text) - MOST_CHARACTERS
    return text if more <= 0 else f"{text[:MOST_CHARACTERS]} … and {more} more characters"


def bounded(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields, or only how large they are where that is too much to keep thousands of."""
    size = len(msgspec.json.encode(fields)) if fields else 0
    return fields if size <= _MOST_FIELD_BYTES else {"left_out_bytes": size}
