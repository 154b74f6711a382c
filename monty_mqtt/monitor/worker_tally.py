"""This module reports the finished episodes of a parallel run's workers to the parent, through a directory.

Made by `parent`, which names it in the workers' environment, reads it, and closes it when nothing else may begin;
`episode_logger` adds a line after each episode. It uses files because Monty's pool returns nothing before a whole batch
of experiments is over, and because this also works without a bridge.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import List, Optional

from monty_mqtt.wire.mode_sum import Finished

__all__ = ["WorkerTally"]


class WorkerTally:
    """WorkerTally is that directory.

    Args:
        path: Path of the directory; `begin` makes a new one.

    Attributes:
        path: As given.
        lost: Number of experiments whose process was killed, counted by the parent's pool; 0 in other processes.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.lost = 0
        self._episodes = Path(path, "episodes")
        self._over = Path(path, "over")
        self._read = 0

    @classmethod
    def begin(cls) -> WorkerTally:
        """Return a new tally, in the system's directory for temporary files."""
        tally = cls(tempfile.mkdtemp(prefix="monty-mqtt-tally-"))
        tally._episodes.touch()
        return tally

    def add(self, finished: Finished) -> None:
        """Note a finished episode; workers do so at the same time, each in one write."""
        handle = os.open(self._episodes, os.O_WRONLY | os.O_APPEND)  # no O_CREAT: the parent may be gone
        try:
            os.write(handle, json.dumps(finished).encode() + b"\n")
        finally:
            os.close(handle)

    def news(self) -> List[Finished]:
        """Return the episodes that were added since the last call."""
        with self._episodes.open("rb") as file:
            file.seek(self._read)
            whole, _, _ = file.read().rpartition(b"\n")
        self._read += len(whole) + bool(whole)
        return [Finished(*json.loads(line)) for line in whole.splitlines()]

    def take(self, batch: int) -> None:
        """Note that this process runs a batch."""
        Path(self.path, f"batch-{batch}").write_text(str(os.getpid()))

    def process_of(self, batch: int) -> Optional[int]:
        """Return the id of the process that runs a batch; None while no process does."""
        try:
            return int(Path(self.path, f"batch-{batch}").read_text())
        except (FileNotFoundError, ValueError):  # ValueError while the file is being written
            return None

    def close(self) -> None:
        """Mark that no further batch or experiment may begin."""
        self._over.touch()

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called, in any process."""
        return self._over.exists()

    def remove(self) -> None:
        """Remove the directory. May be called twice."""
        shutil.rmtree(self.path, ignore_errors=True)
