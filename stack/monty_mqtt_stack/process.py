"""One process of the far side: its group, its log, its end.

Place in the flow: `broker`, `supervisor` and `launch` start everything they start through here, so that nothing
outlives them.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import BinaryIO, Dict, Optional, Sequence

__all__ = ["Child"]

_PR_SET_PDEATHSIG = 1
_POLL_SECS = 0.02

# Loaded before any fork: between fork and exec nothing may be imported.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class Child:
    """A program in a process group of its own, writing to a log file.

    On Linux the kernel sends it SIGTERM when the thread that started it ends, so that it goes even when we are killed.

    Args:
        argv: Program and arguments; never a secret, everyone can read them.
        log_file: Where its output goes, appended, mode 0600.
        env: Environment; default ours.
        cwd: Working directory; default ours.
    """

    def __init__(
        self, argv: Sequence[str], log_file: Path, *, env: Optional[Dict[str, str]] = None, cwd: Optional[Path] = None
    ) -> None:
        self.argv = list(argv)
        self.log_file = log_file
        with _append(log_file) as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(  # noqa: S603 - the service table and the user's own command line
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=cwd,
                start_new_session=True,
                preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 - one call into an already loaded libc
            )

    @property
    def pid(self) -> int:
        """Process id, also of its group."""
        return self._process.pid

    def poll(self) -> Optional[int]:
        """Return its exit code, None while it runs."""
        return self._process.poll()

    def output(self) -> str:
        """Return what this process wrote so far."""
        with self.log_file.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode("utf-8", "replace")

    def wait(self, timeout_secs: float) -> Optional[int]:
        """Wait for its end at most this long; return the exit code, None if it still runs."""
        try:
            return self._process.wait(timeout_secs)
        except subprocess.TimeoutExpired:
            return None

    def send_signal(self, number: int) -> None:
        """Send a signal to the process alone."""
        if self.poll() is None:
            self._process.send_signal(number)

    def stop(self, timeout_secs: float = 10.0, *, first: int = signal.SIGTERM) -> int:
        """Ask the process to end, wait at most `timeout_secs`, then kill its whole group. May be called twice.

        Returns:
            Its exit code, negative the signal that ended it.
        """
        self.send_signal(first)
        if self.wait(timeout_secs) is None:
            self.kill()
        self._kill_group()
        return self._process.wait()

    def kill(self) -> None:
        """End the whole group at once."""
        self._kill_group()
        self._process.wait()

    def wait_for_line(self, start: str, timeout_secs: float) -> Optional[str]:
        """Return the first line of its output that starts so; None if it ended or took longer."""
        deadline = time.monotonic() + timeout_secs
        while True:
            ended = self.poll() is not None or time.monotonic() > deadline
            for line in self.output().splitlines():
                if line.startswith(start):
                    return line
            if ended:
                return None
            self.wait(_POLL_SECS)

    def _kill_group(self) -> None:
        # Nobody may be left, and macOS says EPERM for a group of zombies.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


def _append(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def _die_with(parent_pid: int):  # type: ignore[no-untyped-def]  # noqa: ANN202 - a closure for preexec_fn
    if _LIBC is None:
        return None

    def die_with_parent() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent_pid:  # it died before the call above
            os._exit(1)

    return die_with_parent
