"""What the workers of a parallel run have finished, told to their parent through a file.

Place in the flow: the parent makes one and names it in the environment of its workers; `episodes` adds a line after
each episode; the parent reads them, and says through it that nothing else is to begin. Why a file: Monty's pool returns
nothing before a whole batch of experiments is over, and this also works while no bridge is there.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import List, NamedTuple, Optional

__all__ = ["Finished", "Tally"]


class Finished(NamedTuple):
    """One finished episode.

    Attributes:
        mode: `train` or `eval`.
        steps: Steps taken.
        outcome: Monty's word, where there is one.
        correct: 1 if it counts as correct, 0 if not, None in training.
    """

    mode: str
    steps: int
    outcome: Optional[str]
    correct: Optional[int]


class Tally:
    """The file.

    Args:
        path: Where it is; `begin` makes a new one.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._closed = Path(path + ".over")
        self._read = 0

    @classmethod
    def begin(cls) -> Tally:
        """Return a new one, in the directory for temporary files."""
        handle, path = tempfile.mkstemp(prefix="monty-mqtt-", suffix=".tally")
        os.close(handle)
        return cls(path)

    def add(self, finished: Finished) -> None:
        """Note an episode; workers do so at the same time, each in one write."""
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND)  # not made anew where the parent is gone
        try:
            os.write(handle, json.dumps(finished).encode() + b"\n")
        finally:
            os.close(handle)

    def news(self) -> List[Finished]:
        """Return what was added since the last call."""
        with Path(self.path).open("rb") as file:
            file.seek(self._read)
            whole, _, _ = file.read().rpartition(b"\n")
        self._read += len(whole) + bool(whole)
        return [Finished(*json.loads(line)) for line in whole.splitlines()]

    def close(self) -> None:
        """Say that nothing else is to begin."""
        self._closed.touch()

    @property
    def is_closed(self) -> bool:
        """Whether that was said."""
        return self._closed.exists()

    def remove(self) -> None:
        """Remove it. May be called twice."""
        for path in (Path(self.path), self._closed):
            with suppress(FileNotFoundError):
                path.unlink()
