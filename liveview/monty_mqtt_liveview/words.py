"""Log lines and events, filtered. Pure.

Place in the flow: a part of `views`, which is what everybody imports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from monty_mqtt_liveview.journal import MOST_LINES, Journal, Line
from monty_mqtt_liveview.plain import Json, millis
from monty_mqtt_liveview.run import Run

__all__ = ["events", "logs"]

_LEVELS = ("debug", "info", "warning", "error", "critical")


def logs(
    run: Run,
    worker: str | None = None,
    level: str | None = None,
    search: str | None = None,
    count: int = 200,
    before: int | None = None,
) -> Json:
    """Return log lines, the newest last, and how many there were in all.

    Args:
        run: The run.
        worker: Of which worker; None is all.
        level: Of this level and above; None is all.
        search: What the line or its logger has in it, in any case.
        count: How many lines at most.
        before: Only lines with a lower number.
    """
    found = [
        {**_common(line), "logger": line.source, "message": line.text, "suppressed": line.suppressed}
        for line in _chosen(run.logs, _filter(worker, level, search), count, before)
    ]
    return {"lines": found[::-1], "count": run.logs.count}


def events(
    run: Run,
    worker: str | None = None,
    level: str | None = None,
    search: str | None = None,
    count: int = 200,
    before: int | None = None,
) -> Json:
    """Return events as `logs` does log lines; what is searched are kind, source and content."""
    found = [
        {**_common(line), "event": line.text, "source": line.source, "fields": line.fields}
        for line in _chosen(run.events, _filter(worker, level, search), count, before)
    ]
    return {"lines": found[::-1], "count": run.events.count}


def _chosen(journal: Journal, wanted: Callable[[Line], bool], count: int, before: int | None) -> Iterator[Line]:
    left = min(count, MOST_LINES)
    for line in journal.before(before):
        if left <= 0:
            return
        if wanted(line):
            left -= 1
            yield line


def _filter(worker: str | None, level: str | None, search: str | None) -> Callable[[Line], bool]:
    lowest = _rank(level) if level else 0
    needle = (search or "").casefold()

    def wanted(line: Line) -> bool:
        if (worker is not None and line.worker != worker) or _rank(line.level) < lowest:
            return False
        return not needle or needle in _text(line).casefold()

    return wanted


def _text(line: Line) -> str:
    fields = msgspec.json.encode(line.fields).decode() if line.fields else ""
    return f"{line.text} {line.source or ''} {fields}"


def _rank(level: str) -> int:
    """Return how bad a level is; one that is not known is never left out."""
    word = level.casefold()
    return _LEVELS.index(word) if word in _LEVELS else len(_LEVELS)


def _common(line: Line) -> Json:
    return {
        "number": line.number,
        "worker": line.worker,
        "time_unix_millis": millis(line.time_unix_nanos),
        "level": line.level,
    }
