"""How much memory each process of a test had at most, and a table of it at the end."""

from __future__ import annotations

import threading
from typing import Callable, NamedTuple, Self

import psutil

SAMPLE_SECS = 0.05
MIB = 1 << 20
_LINE = "{:86} {:12} {:>8} {:>8}"
HEADING = _LINE.format("test", "process", "at first", "at most")

TABLE: list[Row] = []
"""One row for each process of each test of this session."""


class Row(NamedTuple):
    test: str
    process: str
    first_mib: float
    most_mib: float

    def __str__(self) -> str:
        return _LINE.format(self.test, self.process, f"{self.first_mib:.0f}", f"{self.most_mib:.0f}")


class Sampler:
    """Looks at the resident memory of named processes, from entering to leaving.

    `pids` tells by name which process it is now: a restarted one keeps its name.
    """

    def __init__(self, pids: Callable[[], dict[str, int]]) -> None:
        self.first: dict[str, int] = {}
        self.most: dict[str, int] = {}
        self._pids = pids
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def rows(self, test: str) -> list[Row]:
        return [Row(test, name, self.first[name] / MIB, most / MIB) for name, most in sorted(self.most.items())]

    def _run(self) -> None:
        while not self._over.wait(SAMPLE_SECS):
            for name, pid in self._pids().items():
                self._look(name, pid)

    def _look(self, name: str, pid: int) -> None:
        try:
            size = psutil.Process(pid).memory_info().rss
        except psutil.Error:  # killed a moment ago
            return
        if size:
            self.first.setdefault(name, size)
            self.most[name] = max(size, self.most.get(name, 0))
