"""SIGTERM and SIGHUP end an experiment with its name, as Ctrl+C does: SLURM, systemd and `timeout` send them.

Place in the flow: `experiment` and `parent` hold one while they run, our own runner and its pool's processes leave in
order around it, and nobody else does anything: a library changes no signals unasked. A handler that the user or a
framework has put in stays the only one.

A handler here only takes a note, because it may interrupt any of our own lines: the run ends as after an abort, at its
next step, and Monty saves what there is. Where no step comes, a KeyboardInterrupt ends it.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Callable, ClassVar, Dict, NoReturn, Optional

__all__ = ["EndSignals", "Terminated", "exit_code_of", "leave", "leave_on_signals", "name_of_exit"]

_NUMBERS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
_STEP_SECS = 5.0
"""How long the step under way may take. SLURM kills 30 s after SIGTERM (KillWait)."""

_SHELL = 128
"""A shell's exit code for a process that a signal ended is this plus the signal's number."""


class Terminated(KeyboardInterrupt):
    """What leaves an experiment that makes no step any more; says the signal's name."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)


class EndSignals:
    """Takes SIGTERM and SIGHUP from `__enter__` to `__exit__`; does nothing outside of the main thread.

    Args:
        note: Called with the signal's name, in the handler: may take a note and do nothing else.
        step_secs: After so long without `heeded`, a KeyboardInterrupt is raised; None: never.

    Attributes:
        is_forced: Whether it was raised.
        received: The first that came to this process while one of these was there; None before.
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
            # What is neither the default nor our own is the user's, or nohup's.
            free = [number for number in _NUMBERS if signal.getsignal(number) in (signal.SIG_DFL, leave)]
            self._before = {number: signal.signal(number, self._on_signal) for number in free}
        return self

    def __exit__(self, *_: object) -> None:
        self.heeded()
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._before.items():
                # A second one must not cut Monty short, which still closes its files.
                signal.signal(number, handler if EndSignals.received is None else leave)
            self._before = {}

    def heeded(self) -> None:
        """Wait no longer for a step: the run is ending."""
        if self._alarm is not None:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, self._alarm)
            self._alarm = None

    def _on_signal(self, number: int, _frame: Optional[FrameType]) -> None:
        if EndSignals.received is not None:
            return  # of SLURM and of `monty-mqtt run`, each process of the group may get its own
        EndSignals.received = number
        self._note(signal.Signals(number).name)
        if self._step_secs is None:
            return
        if signal.getsignal(signal.SIGALRM) is not signal.SIG_DFL:  # the user's own alarm
            self._force(number)
        self._alarm = signal.signal(signal.SIGALRM, lambda *_: self._force(number))
        signal.setitimer(signal.ITIMER_REAL, self._step_secs)

    def _force(self, number: int) -> NoReturn:
        self.is_forced = True
        raise Terminated(number)


def exit_code_of(number: int) -> int:
    """Return what a shell says of a process that this signal ended."""
    return _SHELL + number


def name_of_exit(code: object) -> Optional[str]:
    """Return the name of the signal that an exit code tells of, where it is one that ends a process by request."""
    names = {exit_code_of(number): signal.Signals(number).name for number in (*_NUMBERS, signal.SIGINT)}
    return names.get(code) if isinstance(code, int) else None


def leave(number: int, _frame: Optional[FrameType]) -> None:
    """Handle a signal by leaving the process in order, with the locks that it may hold."""
    if EndSignals.received is None:  # else it is ending, and saves what it has
        raise SystemExit(exit_code_of(number))


def leave_on_signals() -> None:
    """Let the signals that are left to their default end this process in order, where nothing else handles them."""
    if threading.current_thread() is threading.main_thread():
        for number in _NUMBERS:
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, leave)
