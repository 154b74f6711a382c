"""This module lets one call at a time through, from any thread and from signal handlers.

Used by `broadcaster` for every call, so the code behind it need not be thread-safe. A telemetry error ends here: it
is counted and logged once per kind, and never raised into the experiment (unless `strict`).
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import Any, Callable, Deque, Set, Tuple

__all__ = ["CallLock"]

_Call = Tuple[Callable[..., None], Tuple[Any, ...]]

_log = logging.getLogger(__name__)


class CallLock:
    """CallLock is a lock that a signal handler can meet again in the thread that holds it.

    Args:
        name: The broadcaster's name in the log.
        strict: If True, errors are raised after they are counted.
        mend: Called before the next call after an exception from outside (Ctrl+C) interrupted one in the middle.

    Attributes:
        lock: The lock itself.
        errors: Number of errors so far.
    """

    def __init__(self, name: str, *, strict: bool, mend: Callable[[], None]) -> None:
        self.lock = threading.RLock()
        self.errors = 0
        self._name = name
        self._strict = strict
        self._mend = mend
        self._busy = False
        self._torn = False
        self._pending: Deque[_Call] = deque()
        self._afterwards: Deque[_Call] = deque()
        self._said: Set[str] = set()

    def run(self, call: Callable[..., None], *args: Any) -> None:
        """Run `call` under the lock; a call that a signal handler makes meanwhile runs right after it."""
        with self.lock:
            if self._busy:
                self._pending.append((call, args))
                return
            self._run_all(call, args)
        if self._afterwards:
            self._run_afterwards()

    def afterwards(self, call: Callable[..., None], *args: Any) -> None:
        """Run `call` once the lock is free, because it may wait for another thread that waits for this lock."""
        self._afterwards.append((call, args))

    def is_entered(self) -> bool:
        """Return whether this thread is already inside a call, as a signal handler may be."""
        with self.lock:
            return self._busy

    def _run_afterwards(self) -> None:
        while True:
            try:
                call, args = self._afterwards.popleft()
            except IndexError:  # empty, or another thread took the last call
                return
            call(*args)

    def _run_all(self, call: Callable[..., None], args: Tuple[Any, ...]) -> None:
        while True:
            try:
                self._busy = True
                if self._torn:
                    self._torn = False
                    self._mend()
                call(*args)
            except Exception as error:
                self._count(error)
                if self._strict:
                    raise
            except BaseException:
                self._torn = True  # the exception may have come between two frames of a message
                raise
            finally:
                self._busy = False
            if not self._pending:
                return
            call, args = self._pending.popleft()

    def _count(self, error: Exception) -> None:
        self.errors += 1
        kind = type(error).__name__
        if kind not in self._said:
            self._said.add(kind)
            text = "telemetry of run %r: %s: %s (more of this kind are only counted)"
            self.afterwards(_log.warning, text, self._name, kind, error)  # a log handler may publish, and wait
