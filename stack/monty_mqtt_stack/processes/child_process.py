"""Runs one program as a child process, with its own process group and log file.

Called by `launch` and `watched_experiment`, which start all programs through it, so that no program outlives them.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO, Callable, Dict, Optional, Sequence

from monty_mqtt.errors import ServiceError

__all__ = ["ChildProcess"]

_PR_SET_PDEATHSIG = 1
_LOG_BYTES = 10_000_000
"""A longer log is renamed at the next start, and replaces the one that was renamed before."""

# Loaded before any fork: nothing may be imported between fork and exec.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class ChildProcess:
    """Runs a program in a process group of its own, with its output in a log file.

    On Linux the kernel sends it SIGTERM when the thread that started it ends, so it ends even if we are killed.

    Args:
        argv: Program and arguments; no secrets, because every user of the machine can read them.
        log_file: File that its output is appended to, mode 0600.
        env: Environment; None means this process's own.

    Raises:
        ServiceError: There is no such program, it is not executable, or its log cannot be written.
    """

    def __init__(self, argv: Sequence[str], log_file: Path, *, env: Optional[Dict[str, str]] = None) -> None:
        self.argv = list(argv)
        self.log_file = log_file
        with _append(log_file) as log:
            self._log_start = log.tell()
            try:
                self._process = subprocess.Popen(  # noqa: S603 - the service table and the user's own command line
                    self.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=env,
                    start_new_session=True,
                    preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 - one call into an already loaded libc
                )
            except OSError as error:
                raise ServiceError(f"cannot start {self.argv[0]}: {error.strerror}") from None

    @property
    def log_start(self) -> int:
        """Offset in bytes at which this process began to write to its log."""
        return self._log_start

    @property
    def pid(self) -> int:
        """Process id, which is also the id of its group."""
        return self._process.pid

    def poll(self) -> Optional[int]:
        """Return its exit code; None while it runs."""
        return self._process.poll()

    def output(self) -> str:
        """Return what this process has written so far."""
        with self.log_file.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode("utf-8", "replace")

    def wait(self, timeout_secs: float) -> Optional[int]:
        """Wait at most this long for the process to end; return its exit code, None if it still runs."""
        try:
            return self._process.wait(timeout_secs)
        except subprocess.TimeoutExpired:
            return None

    def send_signal(self, number: int, *, to_group: bool = False) -> None:
        """Send a signal to the process alone, or to its whole group, as a terminal does."""
        if self.poll() is not None:
            return
        if to_group:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)
        else:
            self._process.send_signal(number)

    def stop(self, timeout_secs: float) -> int:
        """Ask the process to end, wait at most `timeout_secs`, then kill its whole group. May be called twice.

        Returns:
            Its exit code; if a signal ended it, minus that signal's number.
        """
        self.send_signal(signal.SIGTERM)
        if self.wait(timeout_secs) is None:
            self.kill()
        self._kill_group()
        return self._process.wait()

    def kill(self) -> None:
        """Kill the whole group at once."""
        self._kill_group()
        self._process.wait()

    def _kill_group(self) -> None:
        # The group may be empty already, and macOS reports EPERM for a group of zombies.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


def _append(path: Path) -> BinaryIO:
    try:
        if path.exists() and path.stat().st_size > _LOG_BYTES:
            path.replace(path.with_name(path.name + ".1"))
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
    except OSError as error:
        raise ServiceError(f"cannot write {path}: {error.strerror}") from None


def _die_with(parent_pid: int) -> Optional[Callable[[], None]]:
    libc = _LIBC
    if libc is None:
        return None

    def die_with_parent() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent_pid:  # the parent died before the call above
            os._exit(1)

    return die_with_parent
