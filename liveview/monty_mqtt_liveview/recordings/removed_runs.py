"""Remembers removed runs, so that the messages which the broker still retains of them do not bring them back.

`run_recordings` adds runs; `run_store` skips retained messages of these runs, until a new message comes. A file beside
the recordings remembers them over a restart, one run's directory name on each line.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import topics
from monty_mqtt_core.payloads.from_mqtt import parsed_topic
from monty_mqtt_core.reading.mqtt_client import MqttMessage
from monty_mqtt_core.recordings.part_files import directory_of

__all__ = ["RemovedRuns"]

logger = logging.getLogger(__name__)

_MOST = 10_000
"""Only this many runs are remembered, the newest; the bridge itself clears retained messages of runs long over."""


class RemovedRuns:
    """Holds the directory names of removed runs.

    Args:
        file: Where they are remembered.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._names: dict[str, None] = {}
        self._changing = threading.Lock()

    def load(self) -> None:
        """Read the names that an earlier start wrote."""
        try:
            names = self._file.read_text("utf-8").split("\n")
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError) as error:
            logger.warning("%s cannot be read, removed runs may be listed again: %s", self._file, error)
            return
        self._names = dict.fromkeys([name for name in names if name][-_MOST:])

    def add(self, name: str) -> None:
        """Remember a removed run."""
        with self._changing:
            self._names.pop(name, None)
            self._names[name] = None
            while len(self._names) > _MOST:
                del self._names[next(iter(self._names))]
            self._write()

    def hides(self, arrived: MqttMessage) -> bool:
        """Return whether a message is only retained from a removed run; a new message makes the run visible again."""
        if not self._names:
            return False
        try:
            parsed = parsed_topic(arrived.topic)
        except DecodeError:
            return False
        name = directory_of(self._file.parent, parsed.run).name
        if name not in self._names or arrived.retain:
            return name in self._names
        if arrived.payload and parsed.worker != topics.ALL_WORKERS:
            with self._changing:
                del self._names[name]
                self._write()
        return False

    def _write(self) -> None:
        staged = self._file.with_name(f"{self._file.name}.new")
        try:
            staged.write_text("".join(f"{name}\n" for name in self._names), "utf-8")
            staged.replace(self._file)
        except OSError as error:
            logger.warning("%s cannot be written, removed runs may be listed again: %s", self._file, error)
