"""A part of a run's recording: one file, and where in it what is.

Place in the flow: `recorder` writes the file, `restore` reads all of it, `run_recordings` looks up single payloads. One
thread at a time changes what is known of a part; others may read meanwhile.
"""

from __future__ import annotations

import logging
import os
from array import array
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np

from monty_mqtt.errors import DecodeError
from monty_mqtt_core.recordings.mcap_chunks import FIRST_RECORD, Chunk, Recorded, chunks, read
from monty_mqtt_core.recordings.mcap_file import Entry, RecordingWriter, unwrapped

__all__ = ["Part"]

logger = logging.getLogger(__name__)

_COLUMNS = 4
_MAGIC = b"\x89MCAP0\r\n"
_LARGEST_TIME = 2**63 - 1


class Part:
    """One file, and what is known of its chunks.

    Args:
        path: The file.

    Attributes:
        path: The file.
        topics: Topic by channel, as far as it was read or written.
        count: How many chunks are known.
        is_open: Whether it is being written.
    """

    def __init__(self, path: Path, *, is_open: bool = False) -> None:
        self.path = path
        self.topics: dict[int, str] = {}
        self.is_open = is_open
        self._places = array("q")
        self._was_said = False
        self._size_bytes = 0

    @property
    def count(self) -> int:
        """How many chunks are known."""
        return len(self._places) // _COLUMNS

    @property
    def size_bytes(self) -> int:
        """Size of the file, 0 where it is gone; of one that is written, as far as it was flushed."""
        if self.is_open:
            return self.end
        if not self._size_bytes:
            with suppress(OSError):
                self._size_bytes = self.path.stat().st_size
        return self._size_bytes

    @property
    def staged(self) -> Path:
        """Where it is written anew, before it takes the place of what was never closed."""
        return self.path.with_name(f".{self.path.name}")

    @property
    def end(self) -> int:
        """Where the last known chunk ends."""
        return self._places[-_COLUMNS] + self._places[1 - _COLUMNS] if self._places else FIRST_RECORD

    def is_whole(self) -> bool:
        """Return whether it was closed properly."""
        try:
            with self.path.open("rb") as file:
                file.seek(-len(_MAGIC), os.SEEK_END)
                return file.read() == _MAGIC and file.tell() > len(_MAGIC)
        except OSError:
            return False

    def look(self) -> None:
        """Find the chunks that came since the last time."""
        with self.path.open("rb") as file:
            for chunk in chunks(file, self.end):
                self._places.extend(min(number, _LARGEST_TIME) for number in chunk)

    def entries(self, first: int, last: int) -> Iterator[Recorded]:
        """Yield what is in the chunks from number `first` to before `last`, in the order in which it was written.

        What is damaged is left out, with one warning.
        """
        try:
            with self.path.open("rb") as file:
                for number in range(first, last):
                    yield from self._read(file, number)
        except OSError as error:
            self._warn(error.strerror or type(error).__name__)

    def chunks_between(self, first_unix_nanos: int, last_unix_nanos: int) -> list[int]:
        """Return the numbers of the chunks that may hold something of a time."""
        # A copy: of an array that numpy looks at, the recorder could not make a longer one.
        places = np.frombuffer(self._places[:], np.int64).reshape(-1, _COLUMNS)
        hits = np.flatnonzero((places[:, 2] <= last_unix_nanos) & (places[:, 3] >= first_unix_nanos))
        return [int(number) for number in hits]

    def published(self, topic: str, numbers: list[int]) -> Iterator[bytes]:
        """Yield what was published on a topic, as the file has it, of chunks by number."""
        for number in numbers:
            yield from (one.data for one in self.entries(number, number + 1) if one.topic == topic)

    def find(self, topic: str, time_unix_nanos: int) -> bytes | None:
        """Return the payload that was published on a topic at a time, None where there is none."""
        hits = self.chunks_between(time_unix_nanos, time_unix_nanos)
        if not hits:
            return None
        try:
            with self.path.open("rb") as file:
                found = (one for number in hits for one in self._read(file, number))
                wanted = (topic, time_unix_nanos)
                data = next((one.data for one in found if (one.topic, one.time_unix_nanos) == wanted), None)
            return None if data is None else unwrapped(topic, data)
        except (OSError, DecodeError):
            return None

    def cut(self) -> None:
        """Take off what stands behind the last whole chunk, which is of a write that failed.

        Raises:
            OSError: It cannot be done.
        """
        os.truncate(self.path, self.end)

    def closed(self) -> Part | None:
        """Write a part that was never closed anew, with its index; return it, None where there was nothing in it.

        Raises:
            ServiceError, ConfigError, OSError: It cannot be written; the part is as it was.
        """
        if not self.count:
            self.path.unlink(missing_ok=True)
            return None
        staged = self.staged
        staged.unlink(missing_ok=True)
        try:
            with RecordingWriter(staged) as writer:
                for one in self.entries(0, self.count):
                    with suppress(DecodeError):  # not ours, or not readable: nobody would read it again
                        writer.write(Entry(one.topic, unwrapped(one.topic, one.data), one.time_unix_nanos, one.seq))
            before = self.path.stat()  # of how old it is, its age and the order of runs are told
            os.utime(staged, ns=(before.st_atime_ns, before.st_mtime_ns))
            staged.replace(self.path)
        finally:
            staged.unlink(missing_ok=True)
        found = Part(self.path)
        found.topics = writer.topics
        found.look()
        return found

    def _read(self, file: IO[bytes], number: int) -> Iterator[Recorded]:
        chunk = Chunk(*self._places[number * _COLUMNS : (number + 1) * _COLUMNS])
        try:
            yield from read(file, chunk, self.topics)
        except DecodeError as error:
            self._warn(str(error))

    def _warn(self, why: str) -> None:
        if not self._was_said:
            self._was_said = True
            logger.warning("recording %s is damaged, the rest of it is shown: %s", self.path, why)
