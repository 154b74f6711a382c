"""Knows one file (part) of a run's recording, and where its chunks are.

`recorder` writes the file, `recording_reader` reads all of it, `run_recordings` looks up single payloads. Only one
thread at a time changes a part; others may read meanwhile.
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
from monty_mqtt_core.recordings.foxglove_forms import unwrapped
from monty_mqtt_core.recordings.mcap_chunks import FIRST_RECORD, Chunk, ChunkMessage, chunks, read
from monty_mqtt_core.recordings.mcap_file import Entry, RecordingWriter

__all__ = ["PartFile"]

logger = logging.getLogger(__name__)

_COLUMNS = 4
_MAGIC = b"\x89MCAP0\r\n"
_LARGEST_TIME = 2**63 - 1


class PartFile:
    """Holds one file and what is known of its chunks.

    Args:
        path: The file.
        is_open: Whether it is being written.

    Attributes:
        path: The file.
        topics: Topic by MCAP channel, as far as the file was read or written.
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
        """Size of the file in bytes, 0 if it does not exist; of a file that is written, up to its last known chunk."""
        if self.is_open:
            return self.end
        if not self._size_bytes:
            with suppress(OSError):
                self._size_bytes = self.path.stat().st_size
        return self._size_bytes

    @property
    def staged(self) -> Path:
        """Path under which the file is written anew; it then replaces a file that was never closed."""
        return self.path.with_name(f".{self.path.name}")

    @property
    def end(self) -> int:
        """Offset in bytes of the end of the last known chunk."""
        return self._places[-_COLUMNS] + self._places[1 - _COLUMNS] if self._places else FIRST_RECORD

    def is_whole(self) -> bool:
        """Return whether the file was closed properly: it ends with MCAP's magic bytes."""
        try:
            with self.path.open("rb") as file:
                file.seek(-len(_MAGIC), os.SEEK_END)
                return file.read() == _MAGIC and file.tell() > len(_MAGIC)
        except OSError:
            return False

    def look(self) -> None:
        """Find the chunks that were added since the last call."""
        with self.path.open("rb") as file:
            for chunk in chunks(file, self.end):
                self._places.extend(min(number, _LARGEST_TIME) for number in chunk)

    def entries(self, first: int, last: int) -> Iterator[ChunkMessage]:
        """Yield the messages of the chunks from number `first` up to but not including `last`, in the order of writing.

        Damaged chunks are skipped; the first of them is logged.
        """
        try:
            with self.path.open("rb") as file:
                for number in range(first, last):
                    yield from self._read(file, number)
        except OSError as error:
            self._warn(error.strerror or type(error).__name__)

    def chunks_between(self, first_unix_nanos: int, last_unix_nanos: int) -> list[int]:
        """Return the numbers of the chunks that may hold messages of a time span (ns since 1970, ends included)."""
        # A copy, because the recorder cannot extend an array whose buffer numpy holds.
        places = np.frombuffer(self._places[:], np.int64).reshape(-1, _COLUMNS)
        hits = np.flatnonzero((places[:, 2] <= last_unix_nanos) & (places[:, 3] >= first_unix_nanos))
        return [int(number) for number in hits]

    def published(self, topic: str, numbers: list[int]) -> Iterator[bytes]:
        """Yield the payloads of a topic from the chunks with these numbers, as the file stores them."""
        for number in numbers:
            yield from (recorded.data for recorded in self.entries(number, number + 1) if recorded.topic == topic)

    def find(self, topic: str, time_unix_nanos: int) -> bytes | None:
        """Return the payload that was published on a topic at a time (ns since 1970); None if there is none."""
        hits = self.chunks_between(time_unix_nanos, time_unix_nanos)
        if not hits:
            return None
        try:
            with self.path.open("rb") as file:
                candidates = (recorded for number in hits for recorded in self._read(file, number))
                wanted = (topic, time_unix_nanos)
                data = next(
                    (recorded.data for recorded in candidates if (recorded.topic, recorded.time_unix_nanos) == wanted),
                    None,
                )
            return None if data is None else unwrapped(topic, data)
        except (OSError, DecodeError):
            return None

    def cut(self) -> None:
        """Cut off what follows the last whole chunk: it comes from a write that failed.

        Raises:
            OSError: The file cannot be truncated.
        """
        os.truncate(self.path, self.end)

    def closed(self) -> PartFile | None:
        """Rewrite a part that was never closed, with its index; return the new part, None if the old one was empty.

        Raises:
            ServiceError, ConfigError, OSError: It cannot be written; the old file is unchanged.
        """
        if not self.count:
            self.path.unlink(missing_ok=True)
            return None
        staged = self.staged
        staged.unlink(missing_ok=True)
        try:
            with RecordingWriter(staged) as writer:
                for recorded in self.entries(0, self.count):
                    with suppress(DecodeError):  # another program's message, or an unreadable one: no reader needs it
                        writer.write(
                            Entry(
                                recorded.topic,
                                unwrapped(recorded.topic, recorded.data),
                                recorded.time_unix_nanos,
                                recorded.seq,
                            )
                        )
            before = self.path.stat()  # the age of a recording and the order of runs depend on the file's time
            os.utime(staged, ns=(before.st_atime_ns, before.st_mtime_ns))
            staged.replace(self.path)
        finally:
            staged.unlink(missing_ok=True)
        part = PartFile(self.path)
        part.topics = writer.topics
        part.look()
        return part

    def _read(self, file: IO[bytes], number: int) -> Iterator[ChunkMessage]:
        chunk = Chunk(*self._places[number * _COLUMNS : (number + 1) * _COLUMNS])
        try:
            yield from read(file, chunk, self.topics)
        except DecodeError as error:
            self._warn(str(error))

    def _warn(self, why: str) -> None:
        if not self._was_said:
            self._was_said = True
            logger.warning("recording %s is damaged, the rest of it is shown: %s", self.path, why)
