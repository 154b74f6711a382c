"""Keeps the newest log lines and events of a run. Pure.

Filled by `run` with each `log` and `event` message; `log_search` makes views of them.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from monty_mqtt.wire import schema

__all__ = ["LEVELS", "KeptFrom", "LogLine", "LogLines", "line_of", "rank"]

LEVELS = ("debug", "info", "warning", "error", "critical")
_BAD = LEVELS.index("warning")

MOST_LINES = 5000
"""How many warnings and worse are kept, and as many of all other lines."""

MOST_CHARACTERS = 4000
_MOST_FIELD_BYTES = 16_384


class LogLine(msgspec.Struct, frozen=True):
    """Holds one log line or event.

    Attributes:
        number: Its number in the run, from 0.
        worker: Worker that sent it.
        time_unix_nanos: When it was written, ns since 1970.
        level: `debug`, `info`, `warning`, `error`, `critical`.
        source: Name of the logger, or of the source of the event.
        text: The message, or the event's kind; a very long one is cut.
        fields: Additional values of the record.
        suppressed: How many log records were left out before it.
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
    """Says from which numbers on all lines are kept: warnings and worse (`bad`), and all other lines (`rest`)."""

    bad: int
    rest: int

    def has(self, line: LogLine) -> bool:
        """Return whether a line is kept."""
        return line.number >= (self.bad if rank(line.level) >= _BAD else self.rest)

    def first_of(self, level: str | None) -> int:
        """Return the number from which on all lines of a level and above are kept."""
        return self.bad if rank(level or LEVELS[0]) >= _BAD else max(self)


class LogLines:
    """Keeps the newest lines of a run; less important lines never displace warnings and worse.

    Attributes:
        count: How many lines arrived in all.
        revision: Revision of the run at the latest line.
    """

    def __init__(self) -> None:
        self.count = 0
        self.revision = 0
        self._bad: deque[LogLine] = deque(maxlen=MOST_LINES)
        self._rest: deque[LogLine] = deque(maxlen=MOST_LINES)
        self._kept_from = {True: 0, False: 0}

    def __len__(self) -> int:
        return len(self._bad) + len(self._rest)

    def add(self, message: schema.Log | schema.Event, revision: int) -> None:
        """Add a log record or an event."""
        line = line_of(message, self.count)
        is_bad = rank(line.level) >= _BAD
        kept = self._bad if is_bad else self._rest
        if len(kept) == kept.maxlen:
            self._kept_from[is_bad] = kept[0].number + 1
        kept.append(line)
        self.count += 1
        self.revision = revision

    def kept_from(self) -> KeptFrom:
        """Return from which numbers on all lines are kept."""
        return KeptFrom(self._kept_from[True], self._kept_from[False])

    def before(self, number: int | None) -> Iterator[LogLine]:
        """Yield the kept lines before `number`, newest first; None: start at the newest."""
        end = self.count if number is None else number
        newest_first = (reversed(lines) for lines in (self._bad, self._rest))
        for line in heapq.merge(*newest_first, key=lambda line: -line.number):
            if line.number < end:
                yield line


def line_of(message: schema.Log | schema.Event, number: int) -> LogLine:
    """Convert a log record or an event into a line."""
    if isinstance(message, schema.Log):
        source, text, fields, suppressed = message.logger, message.message, message.metadata, message.suppressed
    else:
        source, text, fields, suppressed = message.source, message.event, message.fields, 0
    level, source, text = message.level[:MOST_CHARACTERS], source and source[:MOST_CHARACTERS], cut(text)
    return LogLine(number, message.worker, message.time_unix_nanos, level, source, text, bounded(fields), suppressed)


def rank(level: str) -> int:
    """Return how severe a level is; an unknown level counts as the most severe, so it is never left out."""
    word = level.casefold()
    return LEVELS.index(word) if word in LEVELS else len(LEVELS)


def cut(text: str) -> str:
    """Return a text, shortened if it is very long."""
    more = len(text) - MOST_CHARACTERS
    return text if more <= 0 else f"{text[:MOST_CHARACTERS]} … and {more} more characters"


def bounded(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields; if they are too large to keep thousands of them, only their size."""
    size = len(msgspec.json.encode(fields)) if fields else 0
    return fields if size <= _MOST_FIELD_BYTES else {"left_out_bytes": size}
