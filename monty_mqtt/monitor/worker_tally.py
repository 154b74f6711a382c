"""What the workers of a parallel run have finished, told to their parent through a directory.

Place in the flow: the parent makes one and names it in the environment of its workers; `episode_logger` adds a line
after each episode; the parent reads them, and says through it that nothing else is to begin. Why files: Monty's pool
returns nothing before a whole batch of experiments is over, and this also works while no bridge is there.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import List, Optional

from monty_mqtt.wire.mode_sum import Finished

__all__ = ["Tally"]


class Tally:
    """The directory.

    Args:
        path: Where it is; `begin` makes a new one.

    Attributes:
        path: Where it is.
        lost: Experiments whose process was killed, as far as this object was told; 0 in any other process.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.lost = 0
        self._episodes = Path(path, "episodes")
        self._over = Path(path, "over")
        self._read = 0

    @classmethod
    def begin(cls) -> Tally:
        """Return a new one, in the directory for temporary files."""
        tally = cls(tempfile.mkdtemp(prefix="monty-mqtt-tally-"))
        tally._episodes.touch()
        return tally

    def add(self, finished: Finished) -> None:
        """Note an episode; workers do so at the same time, each in one write."""
        handle = os.open(self._episodes, os.O_WRONLY | os.O_APPEND)  # not made anew where the parent is gone
        try:
            os.write(handle, json.dumps(finished).encode() + b"\n")
        finally:
            os.close(handle)

    def news(self) -> List[Finished]:
        """Return what was added since the last call."""
        with self._episodes.open("rb") as file:
            file.seek(self._read)
            whole, _, _ = file.read().rpartition(b"\n")
        self._read += len(whole) + bool(whole)
        return [Finished(*json.loads(line)) for line in whole.splitlines()]

    def take(self, batch: int) -> None:
        """Note that this process runs a batch."""
        Path(self.path, f"batch-{batch}").write_text(str(os.getpid()))

    def process_of(self, batch: int) -> Optional[int]:
        """Return the process that runs a batch; None while none does."""
        try:
            return int(Path(self.path, f"batch-{batch}").read_text())
        except (FileNotFoundError, ValueError):  # the latter while it is being written
            return None

    def close(self) -> None:
        """Say that nothing else is to begin."""
        self._over.touch()

    @property
    def is_closed(self) -> bool:
        """Whether that was said."""
        return self._over.exists()

    def remove(self) -> None:
        """Remove it. May be called twice."""
        shutil.rmtree(self.path, ignore_errors=True)
