"""Finds the recordings of all runs on disk: `<recordings>/<escaped run>/<start of the page, UTC>-<n>.mcap`.

`recorder` adds parts, `recording_reader` reads them at the next start, `run_store` looks up single payloads and removes
what `retention` names. A file without the mark of `page_mark` belongs to someone else: it is not read, not counted and
not removed.
"""

from __future__ import annotations

import fcntl
import logging
import threading
import time
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from monty_mqtt.errors import ServiceError
from monty_mqtt_core.recordings.page_mark import marked_parts
from monty_mqtt_core.recordings.part_files import directory_of, part_name
from monty_mqtt_liveview.recordings.part_file import PartFile
from monty_mqtt_liveview.recordings.removed_runs import RemovedRuns
from monty_mqtt_liveview.recordings.retention import PartOnDisk

__all__ = ["RunRecording", "RunRecordings", "kept_parts"]

logger = logging.getLogger(__name__)

_LOCK = ".lock"
_REMOVED = ".removed"
_MOST_CHUNKS_AT_ONCE = 1000
"""A quarter of a GiB, which takes a few seconds to read."""

_LOCK_SECS, _LOCK_POLL_SECS = 10.0, 0.1


class RunRecording:
    """Holds the files (parts) of one run.

    Attributes:
        directory: Where they are.
        parts: In the order in which they were begun.
        was_read: Whether everything recorded before this start was read.
        was_there: Whether the directory was made or found.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.parts: list[PartFile] = []
        self.was_read = True
        self.was_there = False
        self._changing = threading.Lock()

    @property
    def size_bytes(self) -> int:
        """Size of all parts in bytes."""
        return sum(part.size_bytes for part in list(self.parts))

    def begin(self, started: str) -> PartFile:
        """Return a new part, whose file does not exist yet.

        Args:
            started: When the page started, as text; the name of the part begins with it.

        Raises:
            OSError: The directory cannot be made.
        """
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.was_there = True
        with self._changing:
            number = sum(part.path.name.startswith(started) for part in self.parts)
            while (path := self.directory / part_name(started, number)).exists():
                number += 1
            part = PartFile(path, is_open=True)
            self.parts = [*self.parts, part]
        return part

    def replace(self, part: PartFile, by: PartFile | None) -> None:
        """Replace a part by another one; None removes it."""
        with self._changing:
            parts = [by if known is part else known for known in self.parts]
            self.parts = [known for known in parts if known is not None]

    def find(self, topic: str, time_unix_nanos: int) -> bytes | None:
        """Return the payload that was published on a topic at a time (ns since 1970); None if it is not recorded."""
        payloads = (part.find(topic, time_unix_nanos) for part in reversed(self.parts))
        return next((payload for payload in payloads if payload is not None), None)

    def published(self, topic: str, first_unix_nanos: int, last_unix_nanos: int) -> list[bytes] | None:
        """Return the payloads of a topic in and around a time span; None if too many chunks would have to be read."""
        chunks = [(part, part.chunks_between(first_unix_nanos, last_unix_nanos)) for part in self.parts]
        if sum(len(numbers) for _, numbers in chunks) > _MOST_CHUNKS_AT_ONCE:
            return None
        return [payload for part, numbers in chunks for payload in part.published(topic, numbers)]


class RunRecordings:
    """Holds all recordings, locked against other pages from `__enter__` to `__exit__`.

    Args:
        path: The directory; created if it does not exist.

    Raises:
        ServiceError: On entering: the directory cannot be created, or another page records there.

    Attributes:
        path: The directory.
        started: When this page started, as text; the names of its parts begin with it.
        removed: Runs that were removed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.removed = RemovedRuns(path / _REMOVED)
        self.started = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        self._by_directory: dict[str, RunRecording] = {}
        self._names: dict[str, str] = {}
        self._lock_file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock_file = (self.path / _LOCK).open("wb")
        except OSError as error:
            raise ServiceError(f"recordings {self.path}: {error.strerror}") from None
        try:
            self._lock(self._lock_file)
        except ServiceError:
            self._lock_file.close()
            raise
        self.removed.load()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock_file:
            self._lock_file.close()

    @property
    def are_there(self) -> bool:
        """Whether the directory exists; runs are not forgotten just because the disk was unplugged."""
        return (self.path / _LOCK).exists()

    def find_old(self) -> list[RunRecording]:
        """Return the recordings of earlier starts, the newest run first.

        Raises:
            ServiceError: The directory cannot be read.
        """
        try:
            recordings = [
                recording for path in self.path.iterdir() if path.is_dir() and (recording := _found(path)).parts
            ]
        except OSError as error:
            raise ServiceError(f"recordings {self.path}: {error.strerror}") from None
        recordings.sort(key=_newest_unix_secs, reverse=True)
        self._by_directory.update({recording.directory.name: recording for recording in recordings})
        return recordings

    def find(self, run: str) -> RunRecording | None:
        """Return the recording of a run; None if there is none."""
        name = self._names.get(run) or directory_of(self.path, run).name
        return self._by_directory.get(name)

    def of(self, run: str) -> RunRecording:
        """Return the recording of a run; a new empty one if there is none."""
        name = self._names.get(run)
        if name is None:
            name = self._names[run] = directory_of(self.path, run).name
        recording = self._by_directory.get(name)
        if recording is None:
            recording = self._by_directory[name] = RunRecording(self.path / name)
        return recording

    def all(self) -> list[RunRecording]:
        """Return every recording."""
        return list(self._by_directory.values())

    def forget(self, recording: RunRecording) -> None:
        """Forget a recording, and leave its files on disk."""
        name = recording.directory.name
        self.removed.add(name)
        self._by_directory.pop(name, None)
        self._names = {run: directory for run, directory in self._names.items() if directory != name}

    def remove(self, recording: RunRecording) -> None:
        """Forget a recording and remove its parts from disk; remove the directory only if it is then empty."""
        self.forget(recording)
        for part in recording.parts:
            with suppress(OSError):
                part.path.unlink()
        with suppress(OSError):
            recording.directory.rmdir()

    def _lock(self, file: IO[bytes]) -> None:
        deadline = time.monotonic() + _LOCK_SECS
        while not _is_locked(file):
            if time.monotonic() > deadline:
                raise ServiceError(f"recordings {self.path}: another page records there")
            threading.Event().wait(_LOCK_POLL_SECS)


def _is_locked(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:  # a file system without locks: nothing can be checked
        logger.warning("recordings: %s cannot be locked (%s)", file.name, error.strerror)
    return True


def _found(directory: Path) -> RunRecording:
    recording = RunRecording(directory)
    recording.was_read, recording.was_there = False, True
    try:
        recording.parts = [PartFile(file) for file in marked_parts(directory)]
    except OSError as error:
        logger.warning("recording %s cannot be read: %s", directory, error.strerror)
    for part in recording.parts:  # left by a page that was killed while it closed the part
        with suppress(OSError):
            part.staged.unlink()
    return recording


def _newest_unix_secs(recording: RunRecording) -> float:
    return max((part.modified_unix_secs for part in kept_parts(recording)), default=0.0)


def kept_parts(recording: RunRecording) -> list[PartOnDisk]:
    """Return path, size and time of each part that still exists, for `retention`."""
    parts = []
    for part in recording.parts:
        try:
            stat = part.path.stat()
        except OSError:
            continue
        parts.append(PartOnDisk(part.path, stat.st_size, stat.st_mtime))
    return parts
