"""One process of the far side: its group, its log, its end.

Place in the flow: `mosquitto`, `supervisor` and `launch` start everything they start through here, so that nothing
outlives them.
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

__all__ = ["Child"]

_PR_SET_PDEATHSIG = 1
_LOG_BYTES = 10_000_000
"""A log longer than this is set aside at the next start, in the place of the one before."""

# Loaded before any fork: between fork and exec nothing may be imported.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class Child:
    """A program in a process group of its own, writing to a log file.

    On Linux the kernel sends it SIGTERM when the thread that started it ends, so that it goes even when we are killed.

    Args:
        argv: Program and arguments; never a secret, everyone can read them.
        log_file: Where its output goes, appended, mode 0600.
        env: Environment; default ours.

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
        """Where in its log this process began to write."""
        return self._log_start

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

    def send_signal(self, number: int, *, to_group: bool = False) -> None:
        """Send a signal to the process alone, or as a terminal does, to its whole group."""
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
            Its exit code, negative the signal that ended it.
        """
        self.send_signal(signal.SIGTERM)
        if self.wait(timeout_secs) is None:
            self.kill()
        self._kill_group()
        return self._process.wait()

    def kill(self) -> None:
        """End the whole group at once."""
        self._kill_group()
        self._process.wait()

    def _kill_group(self) -> None:
        # Nobody may be left, and macOS says EPERM for a group of zombies.
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
        if os.getppid() != parent_pid:  # it died before the call above
            os._exit(1)

    return die_with_parent
