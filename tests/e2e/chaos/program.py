"""A program of a test, spoken to in lines: words go in, JSON comes out; the last report is always at hand."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable, Self, Sequence

TESTS = Path(__file__).resolve().parents[2]
WAIT_SECS = 30


class Program:
    """`python -m chaos.<module> ARGUMENTS` from entering to leaving, which is a `kill -9`."""

    def __init__(self, module: str, arguments: Sequence[object], **environment: str) -> None:
        self.report: dict[str, Any] = {}
        self._name = " ".join(map(str, (module, *arguments)))
        self._changed = threading.Condition()
        paths = [str(TESTS), str(TESTS / "e2e"), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._popen = subprocess.Popen(
            [sys.executable, "-m", f"chaos.{module}", *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **environment},
        )
        assert self._popen.stdin
        assert self._popen.stdout
        self._in, self._out = self._popen.stdin, self._popen.stdout
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        return self._popen.pid

    def tell(self, *words: object) -> None:
        self._in.write(" ".join(map(str, words)) + "\n")

    def signal(self, number: int) -> None:
        self._popen.send_signal(number)

    def kill(self) -> None:
        """End it as `kill -9` does, frozen or not; may be called twice."""
        if self._popen.poll() is None:
            self.signal(signal.SIGKILL)
        self._popen.wait(WAIT_SECS)
        self._reader.join(WAIT_SECS)
        self._in.close()
        self._out.close()

    def wait(self, secs: float = WAIT_SECS) -> int:
        """Return its exit code once it has ended by itself."""
        return self._popen.wait(secs)

    def wait_for(self, condition: Callable[[dict[str, Any]], object], secs: float = WAIT_SECS) -> dict[str, Any]:
        """Return the first report from now on that fulfils the condition."""
        deadline = time.monotonic() + secs
        with self._changed:
            while not (self.report and condition(self.report)):
                left = deadline - time.monotonic()
                assert left > 0, f"not within {secs} s: {self}"
                assert self._reader.is_alive(), f"ended ({self._popen.poll()}): {self}"
                self._changed.wait(min(left, 0.5))
            return self.report

    def __str__(self) -> str:
        return f"{self._name}: {json.dumps(self.report)[:2000]}"

    def _read(self) -> None:
        for line in self._out:
            with self._changed:
                self.report = json.loads(line)
                self._changed.notify_all()


def say(**report: object) -> None:
    """Report, from within such a program."""
    print(json.dumps(report), flush=True)  # noqa: T201 - its whole interface
