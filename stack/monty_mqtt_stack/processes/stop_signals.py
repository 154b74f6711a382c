"""Turns Ctrl+C, SIGTERM and SIGHUP into a flag, so that a start is never interrupted halfway.

Used by `up`, `run` and the demo around everything that they start.
"""

from __future__ import annotations

import os
import select
import signal
from types import FrameType, TracebackType
from typing import Any, Dict, Optional, Self, Type

__all__ = ["StopSignals", "Stopped"]

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):  # noqa: N818 - not an error: the user asked for it
    """Raised when a start is abandoned because of a signal."""


class StopSignals:
    """Catches the signals from `__enter__` to `__exit__`; works only in the main thread.

    Attributes:
        number: The first signal that arrived; None before.
        count: How many arrived; a second Ctrl+C asks to end at once.
    """

    def __init__(self) -> None:
        self.number: Optional[int] = None
        self.count = 0
        self._before: Dict[int, Any] = {}
        self._before_fd = -1
        self._pipe = (-1, -1)

    def __enter__(self) -> Self:
        self._pipe = os.pipe()
        for end in self._pipe:
            os.set_blocking(end, False)
        self._before_fd = signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, self._on_signal) for number in _NUMBERS}
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._before_fd)
        for end in self._pipe:
            os.close(end)

    @property
    def exit_code(self) -> int:
        """Exit code that a shell expects: 130 after Ctrl+C, 143 after SIGTERM; 0 without a signal."""
        return 128 + self.number if self.number else 0

    def wait(self, timeout_secs: float) -> bool:
        """Wait at most this long for a signal; return whether one has arrived, now or before."""
        if self.number is None:
            self.pause(timeout_secs)
        return self.number is not None

    def pause(self, timeout_secs: float) -> None:
        """Wait this long, or until the next signal."""
        if select.select([self._pipe[0]], [], [], timeout_secs)[0]:
            os.read(self._pipe[0], 4096)

    def _on_signal(self, number: int, _frame: Optional[FrameType]) -> None:
        self.number = self.number or number
        self.count += 1
