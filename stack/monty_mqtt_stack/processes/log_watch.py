"""Finds in a service's log the problems that only a restart solves.

`influxdb` and `telegraf` define what to look for; `supervisor` looks.
"""

from __future__ import annotations

import os
import re

from monty_mqtt_stack.processes.child_process import ChildProcess

__all__ = ["LogWatch"]

_LONGEST = 300


class LogWatch:
    """Finds new lines in a log.

    Args:
        pattern: Regular expression; its group is reported.
        meaning: Text that is put before the reported group.
    """

    def __init__(self, pattern: str, meaning: str) -> None:
        self._pattern = re.compile(pattern)
        self._meaning = meaning
        self._pid = 0
        self._position = 0

    def __call__(self, child: ChildProcess) -> str | None:
        """Return the last match in what the process has written since the last call; None if there is none."""
        if child.pid != self._pid:
            self._pid, self._position = child.pid, child.log_start
        with child.log_file.open("rb") as log:
            if os.fstat(log.fileno()).st_size < self._position:  # the service has begun a new file
                self._position = 0
            log.seek(self._position)
            written = log.read()
        self._position += len(written)
        matches = self._pattern.findall(written.decode("utf-8", "replace"))
        return f"{self._meaning}: {matches[-1][:_LONGEST]}" if matches else None
