"""Remembers in the state directory which notifications were sent, so that each is sent once.

Called by `notifications`.
"""

from __future__ import annotations

import time
from typing import Dict

import msgspec

from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.notify.occasions import Occasion

__all__ = ["SentBefore"]

_KEEP_SECS = 30 * 86_400.0
"""Much longer than the day for which anything is sent late."""


class SentBefore:
    """Holds what was sent, or was known when notifications were first asked for.

    Args:
        state: State directory, in which the file `notified.json` is kept.

    Attributes:
        is_new: Whether there was no file that can be read.
    """

    def __init__(self, state: StateDir) -> None:
        self._state, self._path = state, state.path / "notified.json"
        self._noted: Dict[str, Dict[str, float]] = {}
        try:
            self._noted = msgspec.json.decode(self._path.read_bytes(), type=Dict[str, Dict[str, float]])
            self.is_new = False
        except (OSError, msgspec.MsgspecError):
            self.is_new = True

    def __contains__(self, occasion: Occasion) -> bool:
        return occasion.word in self._noted.get(occasion.run, {})

    def note(self, *occasions: Occasion) -> None:
        """Remember occasions, and write them down.

        Raises:
            ServiceError: The file cannot be written; they are remembered until this program ends.
        """
        now = time.time()
        for occasion in occasions:
            self._noted.setdefault(occasion.run, {})[occasion.word] = now
        self._noted = {run: noted for run, noted in self._noted.items() if max(noted.values()) > now - _KEEP_SECS}
        self._state.write_private(self._path, msgspec.json.encode(self._noted))
