"""This module lets SIGTERM and SIGHUP (of SLURM, systemd or `timeout`) end an experiment in order, as Ctrl+C does.

Used by `experiment` and `parallel.parent` while they run; `run` and its pool's processes call `leave_on_signals`.

Nothing else here changes a signal handler, because a library must not do so unasked. A handler that the user or a
framework has installed is left in place.

A handler here only records the signal, because it may interrupt any of our own lines: the run ends as after an
abort, at its next step, and Monty saves what there is. If no step comes, a KeyboardInterrupt ends the run.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Callable, ClassVar, Dict, NoReturn, Optional

__all__ = ["EndSignals", "Terminated", "exit_code_of", "leave", "leave_on_signals", "name_of_exit"]

_NUMBERS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
_STEP_SECS = 5.0
"""Seconds that the current step may still take. SLURM kills the process 30 s after SIGTERM (KillWait)."""

_SHELL = 128
"""A shell reports this number plus the signal's number as exit code of a process that a signal ended."""


class Terminated(KeyboardInterrupt):
    """Terminated ends an experiment that makes no more steps; its text is the signal's name."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)


class EndSignals:
    """EndSignals handles SIGTERM and SIGHUP inside its `with` block; outside the main thread it does nothing.

    Args:
        note: Called with the signal's name, inside the signal handler: it may only record the name.
        step_secs: If `heeded` is not called within so many seconds, a KeyboardInterrupt is raised; None: never.

    Attributes:
        is_forced: Whether that KeyboardInterrupt was raised.
        received: Number of the first signal that this process received inside such a block; None before.
    """

    received: ClassVar[Optional[int]] = None

    def __init__(self, note: Callable[[str], None], step_secs: Optional[float] = _STEP_SECS) -> None:
        self.is_forced = False
        self._note = note
        self._step_secs = step_secs
        self._before: Dict[int, Any] = {}
        self._alarm: Any = None

    def __enter__(self) -> EndSignals:  # noqa: PYI034 - Self needs Python 3.11; nobody derives from this
        EndSignals.received = None
        if threading.current_thread() is threading.main_thread():
            # A handler that is neither the default nor our own was set by the user, or by nohup.
            free = [number for number in _NUMBERS if signal.getsignal(number) in (signal.SIG_DFL, leave)]
            self._before = {number: signal.signal(number, self._on_signal) for number in free}
        return self

    def __exit__(self, *_: object) -> None:
        self.heeded()
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._before.items():
                # A second signal must not interrupt Monty, which is still closing its files.
                signal.signal(number, handler if EndSignals.received is None else leave)
            self._before = {}

    def heeded(self) -> None:
        """Cancel the wait for the next step, because the run is ending."""
        if self._alarm is not None:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, self._alarm)
            self._alarm = None

    def _on_signal(self, number: int, _frame: Optional[FrameType]) -> None:
        if EndSignals.received is not None:
            return  # SLURM and `monty-mqtt run` may each send the signal to every process of the group
        EndSignals.received = number
        self._note(signal.Signals(number).name)
        if self._step_secs is None:
            return
        if signal.getsignal(signal.SIGALRM) is not signal.SIG_DFL:  # the user has set an alarm of their own
            self._force(number)
        self._alarm = signal.signal(signal.SIGALRM, lambda *_: self._force(number))
        signal.setitimer(signal.ITIMER_REAL, self._step_secs)

    def _force(self, number: int) -> NoReturn:
        self.is_forced = True
        raise Terminated(number)


def exit_code_of(number: int) -> int:
    """Return the exit code that a shell reports for a process that this signal ended."""
    return _SHELL + number


def name_of_exit(code: object) -> Optional[str]:
    """Return the name of the signal behind an exit code, or None if no signal of a requested end has that code."""
    names = {exit_code_of(number): signal.Signals(number).name for number in (*_NUMBERS, signal.SIGINT)}
    return names.get(code) if isinstance(code, int) else None


def leave(number: int, _frame: Optional[FrameType]) -> None:
    """Handle a signal by leaving the process in order, so that the locks it holds are released."""
    if EndSignals.received is None:  # otherwise the process is already ending, and saves what it has
        raise SystemExit(exit_code_of(number))


def leave_on_signals() -> None:
    """Let SIGTERM and SIGHUP end this process in order, except where another handler is installed."""
    if threading.current_thread() is threading.main_thread():
        for number in _NUMBERS:
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, leave)
