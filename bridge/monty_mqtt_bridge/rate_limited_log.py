"""This module logs one clear line per kind of trouble, then counts: bad input must not flood the log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

__all__ = ["RateLimitedLog"]

_EVERY_SECS = 10.0


class RateLimitedLog:
    """RateLimitedLog logs at most one line of a kind every ten seconds.

    Args:
        logger: Takes the lines.
        clock: Returns monotonic seconds.
    """

    def __init__(self, logger: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._logger = logger
        self._clock = clock
        self._next: dict[str, float] = {}
        self._suppressed: dict[str, int] = {}

    def say(self, kind: str, text: str, *arguments: object) -> None:
        """Warn with `text % arguments`; if a line of this kind was logged a moment ago, only count it."""
        self._log(logging.WARNING, kind, text, arguments)

    def error(self, kind: str, text: str, *arguments: object) -> None:
        """Do the same as an error, for lost data."""
        self._log(logging.ERROR, kind, text, arguments)

    def note(self, kind: str, text: str, *arguments: object) -> None:
        """Do the same as an information, for what may be harmless."""
        self._log(logging.INFO, kind, text, arguments)

    def _log(self, level: int, kind: str, text: str, arguments: tuple[object, ...]) -> None:
        now = self._clock()
        if now < self._next.get(kind, now):
            self._suppressed[kind] = self._suppressed.get(kind, 0) + 1
            return
        self._next[kind] = now + _EVERY_SECS
        more = self._suppressed.pop(kind, 0)
        self._logger.log(level, "%s%s", text % arguments, f" (and {more} more like it)" if more else "")
