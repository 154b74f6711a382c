"""Keeps the steps of all runs within the memory limit; a viewer never loses a step.

Called by `run_store` from time to time, under the state's lock. Steps of finished runs that no one views are dropped
from memory: their recording has them. Of all others, the older rows are moved to a file, the largest runs first.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path

from monty_mqtt_liveview.state.run import Run
from monty_mqtt_liveview.state.scratch_file import ScratchFile

__all__ = ["StepMemory"]

logger = logging.getLogger(__name__)

_RECENT_SECS = 30.0
"""A run counts as viewed for this long after it was last requested."""


class StepMemory:
    """Limits the memory that all runs take.

    Args:
        directory: Where the file for older rows is created.
    """

    def __init__(self, directory: Path) -> None:
        self._scratch = ScratchFile(directory)
        self._was_told = False

    def close(self) -> None:
        """Remove the file; may be called twice."""
        self._scratch.close()

    def bound(self, runs: list[Run], used_at: Mapping[str, float], most_bytes: int) -> None:
        """Drop or move steps until the rest takes at most `most_bytes`; the newest rows of each worker stay.

        Args:
            runs: All runs.
            used_at: When each run was last viewed, by name, in seconds of `time.monotonic`.
            most_bytes: How much memory they may take, in bytes.
        """
        self._scratch.let_go()
        size = sum(run.nbytes for run in runs)
        recent = time.monotonic() - _RECENT_SECS
        over = [
            run for run in runs if not run.is_released and not run.is_live and used_at.get(run.name, recent) <= recent
        ]
        over.sort(key=lambda run: (used_at.get(run.name, 0.0), run.newest_unix_nanos))
        for run in over:
            if size <= most_bytes:
                return
            size -= run.nbytes
            run.release()
        for run in sorted(runs, key=lambda run: run.nbytes, reverse=True):
            if size <= most_bytes:
                return
            size -= run.nbytes
            self._spill(run)
            size += run.nbytes

    def _spill(self, run: Run) -> None:
        try:
            run.spill(self._scratch)
        except OSError as error:
            if not self._was_told:
                logger.error("steps stay in memory beyond memory_mib: %s", error.strerror)  # noqa: TRY400 - its words say it
            self._was_told = True
        else:
            self._was_told = False
