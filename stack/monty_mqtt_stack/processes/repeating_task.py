"""Does the same work again and again in a thread of its own, until it is told to stop.

Called by `anonymous_sessions`, `spool_uptake` and `thin`, which say what the work is.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Optional, Self, Type

__all__ = ["RepeatingTask"]


class RepeatingTask(ABC):
    """Calls `turn` again and again in a thread, from `__enter__` to `__exit__`.

    Args:
        name: Name of the thread.
        every_secs: Pause before each turn, in seconds.
        stop_secs: How long `__exit__` waits for the turn under way, in seconds.
    """

    def __init__(self, name: str, *, every_secs: float, stop_secs: float) -> None:
        self._every_secs, self._stop_secs = every_secs, stop_secs
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._stop.set()
        self._thread.join(self._stop_secs)

    @abstractmethod
    def turn(self) -> None:
        """Do the work once; `self._stop` says that it shall end early."""

    def _run(self) -> None:
        while not self._stop.wait(self._every_secs):
            self.turn()
