"""Ctrl+C, SIGTERM and SIGHUP as a flag that loops look at, so that nothing is cut in the middle of a start.

Place in the flow: `up`, `run` and the demo hold one around everything they start.
"""

from __future__ import annotations

import os
import select
import signal
from types import FrameType, TracebackType
from typing import Any, Dict, Optional, Self, Type

__all__ = ["StopSignals", "Stopped"]

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):  # noqa: N818 - not an error: somebody asked for it
    """Raised where a start was given up because a signal asked for the end."""


class StopSignals:
    """Takes the signals from `__enter__` to `__exit__`; only in the main thread.

    Attributes:
        number: The first signal that came, None before.
        count: How many came; a second Ctrl+C means at once.
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
        """What the shell expects: 130 after Ctrl+C, 143 after SIGTERM; 0 if none came."""
        return 128 + self.number if self.number else 0

    def wait(self, timeout_secs: float) -> bool:
        """Wait for a signal at most this long; return whether one has come, now or before."""
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
