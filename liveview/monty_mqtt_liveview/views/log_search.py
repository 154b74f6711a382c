"""Searches the log lines and events of a run. Pure.

A part of `views`, from which other modules import it. Lines that are no longer in memory are read from the recording by
`log_lookback`, and are chosen here by the same rules.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

import msgspec

from monty_mqtt_liveview.state.log_lines import MOST_LINES, KeptFrom, LogLine, LogLines, rank
from monty_mqtt_liveview.views.numbers import Json, millis

__all__ = ["LogMatches", "LogSearch", "events", "find_lines", "logs", "with_recorded"]


class LogSearch(msgspec.Struct, frozen=True):
    """Says which lines are requested.

    Attributes:
        worker: Name of the worker; None means all.
        level: The least severe level; None means all.
        search: Text that the line, its logger, source or fields must contain, in upper or lower case.
        count: How many lines at most.
        before: Only lines with a lower number.
    """

    worker: str | None = None
    level: str | None = None
    search: str | None = None
    count: int = 200
    before: int | None = None


class LogMatches(msgspec.Struct):
    """Holds the lines that were found.

    Attributes:
        lines: The lines, newest first.
        count: How many lines the run has in all.
        in_memory: How many of them are in memory and were searched.
        kept_from: From which numbers on all lines are in memory.
    """

    lines: list[LogLine]
    count: int
    in_memory: int
    kept_from: KeptFrom

    def is_all(self, wanted: LogSearch) -> bool:
        """Return whether the recording cannot contain any further requested line."""
        first = self.kept_from.first_of(wanted.level)
        oldest = self.lines[-1].number if len(self.lines) >= min(wanted.count, MOST_LINES) and self.lines else 0
        return oldest >= first or wanted.count <= 0


def find_lines(kept: LogLines, wanted: LogSearch) -> LogMatches:
    """Return the requested lines that are in memory."""
    left = min(wanted.count, MOST_LINES)
    lines: list[LogLine] = []
    chosen = _chooser(wanted)
    for line in kept.before(wanted.before):
        if len(lines) >= left:
            break
        if chosen(line):
            lines.append(line)
    return LogMatches(lines, kept.count, len(kept), kept.kept_from())


def with_recorded(matches: LogMatches, wanted: LogSearch, recorded: Iterable[LogLine]) -> int:
    """Add the requested lines of a recording that are not in memory; return how many of its lines were searched."""
    most, looked = min(wanted.count, MOST_LINES), 0
    chosen, more = _chooser(wanted), deque[LogLine](maxlen=most)
    end = matches.count if wanted.before is None else min(wanted.before, matches.count)
    for line in recorded:
        if line.number >= matches.count or matches.kept_from.has(line):
            continue
        looked += 1
        if line.number < end and chosen(line):
            more.append(line)
    matches.lines = sorted([*matches.lines, *more], key=lambda line: -line.number)[:most]
    return looked


def logs(matches: LogMatches, recorded: int = 0) -> Json:
    """Return log lines as JSON, the newest last, how many there are in all, and how many of them were searched."""
    lines = [
        {**_common(line), "logger": line.source, "message": line.text, "suppressed": line.suppressed}
        for line in matches.lines
    ]
    return _answer(matches, recorded, lines)


def events(matches: LogMatches, recorded: int = 0) -> Json:
    """Return events as JSON, as `logs` does for log lines; a search looks at kind, source and content."""
    lines = [
        {**_common(line), "event": line.text, "source": line.source, "fields": line.fields} for line in matches.lines
    ]
    return _answer(matches, recorded, lines)


def _answer(matches: LogMatches, recorded: int, lines: list[Json]) -> Json:
    searched = {"in_memory": matches.in_memory, "recorded": recorded}
    return {"lines": lines[::-1], "count": matches.count, "searched": searched}


def _chooser(wanted: LogSearch) -> Callable[[LogLine], bool]:
    """Return a function that says whether a line is requested, by worker, level and text."""
    lowest = rank(wanted.level) if wanted.level else 0
    needle = (wanted.search or "").casefold()

    def chosen(line: LogLine) -> bool:
        if (wanted.worker is not None and line.worker != wanted.worker) or rank(line.level) < lowest:
            return False
        return not needle or needle in _text(line).casefold()

    return chosen


def _text(line: LogLine) -> str:
    fields = msgspec.json.encode(line.fields).decode() if line.fields else ""
    return f"{line.text} {line.source or ''} {fields}"


def _common(line: LogLine) -> Json:
    return {
        "number": line.number,
        "worker": line.worker,
        "time_unix_millis": millis(line.time_unix_nanos),
        "level": line.level,
    }
