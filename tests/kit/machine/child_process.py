"""Runs `monty-mqtt` as a process of its own, reads its output line by line, and finds what it leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Callable, Optional

import psutil

WAIT_SECS = 30


class Process:
    """Runs a command until it is stopped; `wait_for` waits for a line of its output."""

    def __init__(self, *arguments: str, argv: tuple[str, ...] = (), env: Optional[dict[str, str]] = None, **options):
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._popen = subprocess.Popen(
            argv or (sys.executable, "-m", "monty_mqtt.cli", *arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **(env or {})},
            start_new_session=True,
            **options,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        if self._popen.poll() is None:
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait(WAIT_SECS)
        self._reader.join(WAIT_SECS)
        self._popen.stdout.close()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def text(self) -> str:
        with self._changed:
            return "\n".join(self.lines)

    def wait_for(self, part: str, timeout_secs: float = WAIT_SECS) -> str:
        """Wait for the first line that contains `part`, and return it."""
        deadline = time.monotonic() + timeout_secs
        with self._changed:
            while True:
                for line in self.lines:
                    if part in line:
                        return line
                left = deadline - time.monotonic()
                if left <= 0 or not self._reader.is_alive():
                    raise AssertionError(f"no {part!r} in:\n" + "\n".join(self.lines))
                self._changed.wait(min(left, 0.1))

    def until(self, condition: Callable[[], object]) -> None:
        """Poll until `condition()` is true, while the process runs."""
        try:
            until(lambda: condition() or self._popen.poll() is not None)
            assert condition()
        except AssertionError:
            raise AssertionError(f"exit code {self._popen.poll()}:\n{self.text}") from None

    def signal(self, number: int) -> None:
        self._popen.send_signal(number)

    def wait(self, timeout_secs: float = WAIT_SECS) -> int:
        code = self._popen.wait(timeout_secs)
        self._reader.join(timeout_secs)
        return code

    def _read(self) -> None:
        for line in self._popen.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()


def run(*arguments: str, env: Optional[dict[str, str]] = None, **options) -> subprocess.CompletedProcess:
    """Run `monty-mqtt` with these arguments to its end."""
    return subprocess.run(
        (sys.executable, "-m", "monty_mqtt.cli", *arguments),
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_SECS,
        env={**os.environ, **(env or {})},
        **options,
    )


def summary_of(lines: list[str]) -> dict[str, str]:
    """Return the summary at the end of `run`: the rest of each line by its first word."""
    begins = max(at for at, line in enumerate(lines) if line.startswith("runs "))
    return dict(line.split(None, 1) for line in lines[begins:])


def processes_of(state: Path) -> list[psutil.Process]:
    """Return the processes that have the state directory on their command line."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        if process.info["status"] != psutil.STATUS_ZOMBIE and any(str(state) in word for word in words):
            found.append(process)
    return found


def until(condition: Callable[[], object], timeout_secs: float = WAIT_SECS) -> None:
    """Poll until `condition()` is true."""
    deadline = time.monotonic() + timeout_secs
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline
        pause.wait(0.02)
