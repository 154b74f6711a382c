"""This module finds chunks in a recording and reads them, even if it is unfinished, cut off or damaged.

Called by the page for the past of a run, and by `mcap_scan`.

Python's `mcap` reads a file from its index or from its beginning, message by message. This module looks at the records
of an MCAP file (https://mcap.dev/spec) only as closely as it must: which chunks there are, and then what a chunk holds.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from typing import IO, NamedTuple

import zstandard

from monty_mqtt.errors import DecodeError

__all__ = ["FIRST_RECORD", "Chunk", "ChunkMessage", "chunks", "read"]

FIRST_RECORD = 8
"""Bytes of the magic at the beginning of a file."""

_RECORD = struct.Struct("<BQ")
_TIMES = struct.Struct("<QQ")
_CHUNK = struct.Struct("<QQQII")
_MESSAGE = struct.Struct("<HIQQ")
_CHANNEL = struct.Struct("<HHI")
_LENGTH = struct.Struct("<Q")
_OP_CHANNEL, _OP_MESSAGE, _OP_CHUNK, _OP_DATA_END = 0x04, 0x05, 0x06, 0x0F
_LARGEST_BYTES = 1 << 26
"""Largest chunk, unpacked. Our chunks end with the message that reaches 256 KiB, and no message has 64 MiB."""


class Chunk(NamedTuple):
    """Chunk is the place of a chunk in a file.

    Attributes:
        offset: Offset of its first byte.
        length: Bytes of its record.
        first_unix_nanos: Time of its earliest message.
        last_unix_nanos: Time of its latest message.
    """

    offset: int
    length: int
    first_unix_nanos: int
    last_unix_nanos: int

    @property
    def end(self) -> int:
        """Offset of the next record."""
        return self.offset + self.length


class ChunkMessage(NamedTuple):
    """ChunkMessage is a message as the file holds it: images are wrapped, see `foxglove_forms.unwrapped`."""

    topic: str
    data: bytes
    time_unix_nanos: int
    seq: int


def chunks(file: IO[bytes], begin: int = FIRST_RECORD) -> Iterator[Chunk]:
    """Yield the whole chunks from a record on; stop at the first bytes that are not a valid record.

    Args:
        file: An MCAP file.
        begin: Offset of a record: `FIRST_RECORD`, or the end of a chunk.
    """
    size, offset = os.fstat(file.fileno()).st_size, begin
    while offset + _RECORD.size + _TIMES.size <= size:
        file.seek(offset)
        opcode, length = _RECORD.unpack(file.read(_RECORD.size))
        end = offset + _RECORD.size + length
        if end > size or not 0 < opcode < _OP_DATA_END:
            return
        if opcode == _OP_CHUNK:
            first, last = _TIMES.unpack(file.read(_TIMES.size))
            yield Chunk(offset, end - offset, first, last)
        offset = end


def read(file: IO[bytes], chunk: Chunk, topics: dict[int, str]) -> Iterator[ChunkMessage]:
    """Yield the messages of a chunk.

    Args:
        file: The MCAP file that holds it.
        chunk: The chunk.
        topics: Topic by channel, of the chunks before; the channels that begin in this chunk are added.

    Raises:
        DecodeError: The chunk is damaged. Messages before the damage may have been yielded.
    """
    try:
        yield from _messages(_unpacked(file, chunk), topics)
    except (struct.error, zstandard.ZstdError, ValueError, KeyError, MemoryError) as error:
        raise DecodeError(f"chunk at byte {chunk.offset}: {error or type(error).__name__}") from None


def _unpacked(file: IO[bytes], chunk: Chunk) -> bytes:
    if chunk.length > _LARGEST_BYTES:
        raise ValueError("is not of ours")
    file.seek(chunk.offset + _RECORD.size)
    body = file.read(chunk.length - _RECORD.size)
    _, _, size, checksum, name_length = _CHUNK.unpack_from(body)
    begin = _CHUNK.size + name_length
    compression = body[_CHUNK.size : begin]
    (length,) = _LENGTH.unpack_from(body, begin)
    packed = body[begin + _LENGTH.size : begin + _LENGTH.size + length]
    if size > _LARGEST_BYTES or len(packed) != length or compression not in (b"", b"zstd"):
        raise ValueError("is not of ours")
    if compression and zstandard.frame_content_size(packed) != size:  # the memory that unpacking would take
        raise ValueError("is not of ours")
    content = zstandard.decompress(packed) if compression else packed
    if checksum and zlib.crc32(content) != checksum:
        raise ValueError("its checksum is wrong")
    return content


def _messages(content: bytes, topics: dict[int, str]) -> Iterator[ChunkMessage]:
    at, size = 0, len(content)
    while at < size:
        opcode, length = _RECORD.unpack_from(content, at)
        begin = at + _RECORD.size
        at = begin + length
        if not opcode or at > size:  # zeros unpack to any record
            raise ValueError("is not of ours")
        if opcode == _OP_MESSAGE:
            channel, seq, time_unix_nanos, _ = _MESSAGE.unpack_from(content, begin)
            yield ChunkMessage(topics[channel], content[begin + _MESSAGE.size : at], time_unix_nanos, seq)
        elif opcode == _OP_CHANNEL:
            channel, _, topic_length = _CHANNEL.unpack_from(content, begin)
            first = begin + _CHANNEL.size
            topics[channel] = content[first : first + topic_length].decode()
