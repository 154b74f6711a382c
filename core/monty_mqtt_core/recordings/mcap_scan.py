"""This module reads all whole chunks of a recording, and reports the damaged places between them.

Called by `mcap_file.Reader`; uses `mcap_chunks` for single chunks. Behind a damaged place it goes on where the next
chunk begins, and it puts the messages in the order of their times.
"""

import heapq
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import IO, NamedTuple

from monty_mqtt.errors import DecodeError
from monty_mqtt_core.recordings import mcap_chunks
from monty_mqtt_core.recordings.mcap_chunks import FIRST_RECORD, Chunk, ChunkMessage

__all__ = ["BEGUN", "Beginning", "Damage", "Scan", "damage_told"]

BEGUN = "monty_mqtt_begun_in_the_middle"
"""Name of the metadata that mark a recording begun in the middle, one record per worker."""

_RECORD = struct.Struct("<BQ")
_TIMES = struct.Struct("<QQ")
_INDEX = struct.Struct("<HI")
_CHANNEL = struct.Struct("<HHI")
_LENGTH = struct.Struct("<I")
_OP_CHANNEL, _OP_CHUNK, _OP_MESSAGE_INDEX, _OP_METADATA, _OP_DATA_END = 0x04, 0x06, 0x07, 0x0C, 0x0F
_DATA_END_BYTES, _INDEX_ENTRY_BYTES = 4, 16
_COMPRESSION = b"\x04\0\0\0zstd"
_BEFORE_COMPRESSION = 37
"""Bytes of a chunk's record before the name of its compression; that name is how the next chunk is found."""

_STEP_BYTES = 1 << 20
_LONGEST_SEARCH_BYTES = 1 << 32
_LARGEST_SMALL_RECORD_BYTES = 1 << 20


class Damage(NamedTuple):
    """Damage is a place in a file that cannot be read.

    Attributes:
        offset: Offset of its first byte.
        length: Its bytes.
        messages: Number of messages in it; None if not known.
    """

    offset: int
    length: int
    messages: int | None


class Beginning(NamedTuple):
    """Beginning is a worker that had published messages before its recording began.

    Attributes:
        run: Id of the run.
        worker: Name of the worker.
        lacking: Number of its messages before the recording, except those that the broker had retained.
    """

    run: str
    worker: str
    lacking: int

    def as_metadata(self) -> dict[str, str]:
        """Return it as metadata of the file, under the name `BEGUN`."""
        return {"run": self.run, "worker": self.worker, "lacking": str(self.lacking)}

    def __str__(self) -> str:
        return f"{self.run}, {self.worker}: begun in the middle, it lacks the {self.lacking:,} messages before"


class Scan:
    """Scan is one reading of a file.

    Args:
        file: An MCAP file.
        is_whole: Whether the file was closed properly: bytes behind the last whole record are damage then, not a file
            that is still written.

    Attributes:
        damages: Places that could not be read; known when all was read.
        begun: Workers whose recording begins in the middle of their run; known when all was read.
    """

    def __init__(self, file: IO[bytes], *, is_whole: bool) -> None:
        self._file = file
        self._is_whole = is_whole
        self._size = os.fstat(file.fileno()).st_size
        self._topics = _Topics()
        self.damages: list[Damage] = []
        self.begun: list[Beginning] = []

    def messages(self) -> Iterator[ChunkMessage]:
        """Yield the messages in the order of their times. Memory holds the chunks that overlap in time."""
        chunks = sorted(self._chunks(), key=lambda chunk: (chunk.first_unix_nanos, chunk.offset))
        if not self._topics:  # without an index, each channel is defined in the chunk that begins it
            for chunk in sorted(chunks):
                self._messages_of(chunk)
        self.damages = [damage for damage in self.damages if damage.messages is None]
        waiting: list[tuple[int, int, int, ChunkMessage]] = []
        for chunk in chunks:
            while waiting and waiting[0][0] < chunk.first_unix_nanos:
                yield heapq.heappop(waiting)[-1]
            for number, message in enumerate(self._messages_of(chunk)):
                heapq.heappush(waiting, (message.time_unix_nanos, chunk.offset, number, message))
        while waiting:
            yield heapq.heappop(waiting)[-1]

    def _messages_of(self, chunk: Chunk) -> list[ChunkMessage]:
        messages: list[ChunkMessage] = []
        try:
            messages.extend(mcap_chunks.read(self._file, chunk, self._topics))
        except DecodeError:
            self.damages.append(Damage(chunk.offset, chunk.length, max(0, self._indexed(chunk) - len(messages))))
        return messages

    def _chunks(self) -> Iterator[Chunk]:
        """Yield the chunks, and record damages and beginnings."""
        offset = FIRST_RECORD
        while offset + _RECORD.size <= self._size:
            opcode, length, end = self._record(offset)
            if opcode == _OP_DATA_END and length == _DATA_END_BYTES:
                self._read_summary(end)
                return
            if not 0 < opcode < _OP_DATA_END or end > self._size:
                offset = self._behind_damage(offset)
                continue
            if opcode == _OP_CHUNK and length >= _TIMES.size:
                yield Chunk(offset, end - offset, *_TIMES.unpack(self._file.read(_TIMES.size)))
            elif opcode == _OP_METADATA:
                self._note_beginning(length)
            offset = end

    def _behind_damage(self, offset: int) -> int:
        """Record the damage from here on; return the offset of the next chunk, or the file's size if there is none."""
        next_chunk = self._next_chunk(offset + 1)
        if next_chunk or self._is_whole:
            self.damages.append(Damage(offset, (next_chunk or self._size) - offset, None))
        return next_chunk or self._size

    def _record(self, offset: int) -> tuple[int, int, int]:
        """Return kind, length and end of a record; the file then stands at its content."""
        self._file.seek(offset)
        opcode, length = _RECORD.unpack(self._file.read(_RECORD.size))
        return opcode, length, offset + _RECORD.size + length

    def _next_chunk(self, begin: int) -> int:
        """Return the offset of the next whole chunk, 0 if there is none."""
        at = begin
        while at < min(self._size, begin + _LONGEST_SEARCH_BYTES):
            self._file.seek(at)
            piece = self._file.read(_STEP_BYTES + _BEFORE_COMPRESSION + len(_COMPRESSION))
            place = piece.find(_COMPRESSION, _BEFORE_COMPRESSION)
            while place >= 0:
                offset = at + place - _BEFORE_COMPRESSION
                opcode, _, end = self._record(offset)
                if opcode == _OP_CHUNK and end <= self._size:
                    return offset
                place = piece.find(_COMPRESSION, place + 1)
            at += _STEP_BYTES
        return 0

    def _indexed(self, chunk: Chunk) -> int:
        """Return how many messages a chunk has, by the indexes behind it."""
        count, offset = 0, chunk.end
        while offset + _RECORD.size + _INDEX.size <= self._size:
            opcode, _, offset = self._record(offset)
            if opcode != _OP_MESSAGE_INDEX:
                break
            _, length = _INDEX.unpack(self._file.read(_INDEX.size))
            count += length // _INDEX_ENTRY_BYTES
        return count

    def _read_summary(self, offset: int) -> None:
        """Read the topics of all channels, in case the chunk that begins a channel is damaged."""
        with suppress(struct.error, UnicodeDecodeError):
            while offset + _RECORD.size <= self._size:
                opcode, length, end = self._record(offset)
                if opcode == _OP_CHANNEL and length <= _LARGEST_SMALL_RECORD_BYTES:
                    content = self._file.read(length)
                    channel, _, topic_length = _CHANNEL.unpack_from(content)
                    self._topics[channel] = content[_CHANNEL.size :][:topic_length].decode()
                offset = end

    def _note_beginning(self, length: int) -> None:
        if length > _LARGEST_SMALL_RECORD_BYTES:
            return
        with suppress(struct.error, ValueError, KeyError):
            content = self._file.read(length)
            name, begin = _text(content, 0)
            end = begin + _LENGTH.size + _LENGTH.unpack_from(content, begin)[0]
            at, texts = begin + _LENGTH.size, []
            while at < end:
                text, at = _text(content, at)
                texts.append(text)
            if name == BEGUN:
                values = dict(zip(texts[::2], texts[1::2], strict=False))
                self.begun.append(Beginning(values["run"], values["worker"], int(values["lacking"])))


def damage_told(damages: Sequence[Damage]) -> str:
    """Return in words what is missing of a damaged file."""
    known = sum(damage.messages or 0 for damage in damages)
    more = " and those of which nothing tells" if any(damage.messages is None for damage in damages) else ""
    places = f"{len(damages):,} place{'s' if len(damages) > 1 else ''}"
    return f"{known:,} messages{more} in {places} ({sum(place.length for place in damages):,} bytes) cannot be read"


class _Topics(dict[int, str]):
    """_Topics gives the topic of a channel; an empty one, which no reader takes, if its definition is damaged."""

    def __missing__(self, _channel: int) -> str:
        return ""


def _text(content: bytes, begin: int) -> tuple[str, int]:
    (length,) = _LENGTH.unpack_from(content, begin)
    end = begin + _LENGTH.size + length
    return content[begin + _LENGTH.size : end].decode(), end
