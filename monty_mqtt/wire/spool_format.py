"""This module defines the format of the spool: a file of messages that no bridge has taken over yet.

Called by `spool_file`, which writes and reads it in the experiment; by the bridge and `monty-mqtt replay`, which send
what an experiment left in it. It reads from open files only.

The file is only ever appended to. Length and checksum reveal a record that was cut in the middle:

- first line: ``monty-mqtt spool 1``, a space, the `SpoolHeader` as JSON
- each record: length of what follows the checksum, CRC-32 of that part; then seq, number of frames, length of each
  frame, the frames. All numbers are big-endian and unsigned; the seq has 8 bytes, each other number 4.
"""

from __future__ import annotations

import os
import struct
import zlib
from hashlib import sha256
from pathlib import Path
from typing import List, NamedTuple, Sequence, Tuple
from urllib.parse import quote

import msgspec

from monty_mqtt.errors import ConfigError
from monty_mqtt.wire.zmq_protocol import LARGEST_FRAME_BYTES

__all__ = ["MAGIC", "SpoolHeader", "SpoolRecord", "pack", "path_of", "read_header", "read_records", "record_bytes"]

MAGIC = b"monty-mqtt spool 1 "
"""The bytes with which every spool file begins."""

_LONGEST_HEADER_BYTES = 64 << 10
_HEAD = struct.Struct(">IIQI")
_CHECKED_FROM = 8
"""The checksum covers the bytes from here on: seq, number of frames, lengths, frames."""

_LARGEST_RECORD_BYTES = LARGEST_FRAME_BYTES + (1 << 20)
_READ_BYTES = 256 << 10
_LONGEST_NAME_BYTES = 180
"""A file name has at most 255 bytes, and the start time of the worker is part of it."""


class SpoolHeader(msgspec.Struct, frozen=True, kw_only=True):
    """SpoolHeader says whose messages a file holds, with the fields of a HELLO.

    Attributes:
        schema_version: `schema.SCHEMA_VERSION` of the program that wrote the file.
        run: Id of the run.
        worker: Name of the worker within the run.
        started_unix_nanos: When the worker started; tells it from other workers of its name.
        pid, host: Id of its process, and name of its machine.
        token: Proves to the bridge that the sender wrote this file, or may read it.
        bridges: How many bridges the sender may use; with several, others may have the messages before these.
    """

    schema_version: int
    run: str
    worker: str
    started_unix_nanos: int
    pid: int = 0
    host: str = ""
    token: str = ""
    bridges: int = 1


class SpoolRecord(NamedTuple):
    """SpoolRecord is one message as it was to be sent; the next record begins at byte `end`."""

    seq: int
    frames: Tuple[bytes, ...]
    end: int


def path_of(directory: Path, header: SpoolHeader) -> Path:
    """Return the path of this sender's file: `<directory>/<run>/<worker>-<started>.spool`, names escaped."""
    name = f"{_file_name(header.worker)}-{header.started_unix_nanos}.spool"
    return directory / _file_name(header.run) / name


def read_header(fd: int, path: Path) -> Tuple[SpoolHeader, int]:
    """Return the header of an open file, and the offset of its first record.

    Raises:
        ConfigError: The file is not a valid spool file.
    """
    start = os.pread(fd, _LONGEST_HEADER_BYTES, 0)
    line, newline, _ = start.partition(b"\n")
    if not line.startswith(MAGIC) or not newline:
        raise ConfigError("spool", str(path), "a spool file of monty-mqtt, with its first line whole")
    try:
        header = msgspec.json.decode(line[len(MAGIC) :], type=SpoolHeader)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigError("spool", str(path), f"a spool file of monty-mqtt ({error})") from None
    return header, len(line) + 1


def read_records(fd: int, offset: int) -> List[SpoolRecord]:
    """Return the records from this offset on, some hundred KiB of them; no record if no whole one begins there."""
    chunk = os.pread(fd, _READ_BYTES, offset)
    records = _parse(chunk, offset)
    if not records and len(chunk) >= _HEAD.size:
        size = _CHECKED_FROM + int(_HEAD.unpack_from(chunk)[0])
        if len(chunk) < size <= _LARGEST_RECORD_BYTES:
            records = _parse(os.pread(fd, size, offset), offset)
    return records


def record_bytes(frames: Sequence[bytes]) -> int:
    """Return the size of the record of such a message, bytes."""
    return _HEAD.size + 4 * len(frames) + sum(map(len, frames))


def pack(seq: int, frames: Sequence[bytes]) -> List[bytes]:
    """Return the pieces of bytes of which the record of a message consists."""
    lengths = struct.pack(f">QI{len(frames)}I", seq, len(frames), *map(len, frames))
    checksum, size = zlib.crc32(lengths), len(lengths)
    for frame in frames:
        checksum = zlib.crc32(frame, checksum)
        size += len(frame)
    return [struct.pack(">II", size, checksum), lengths, *frames]


def _parse(chunk: bytes, offset: int) -> List[SpoolRecord]:
    records: List[SpoolRecord] = []
    at = 0
    while len(chunk) - at >= _HEAD.size:
        size, checksum, seq, count = _HEAD.unpack_from(chunk, at)
        begin, end = at + _CHECKED_FROM, at + _CHECKED_FROM + size
        first_frame = at + _HEAD.size + 4 * count
        if end > len(chunk) or first_frame > end or zlib.crc32(chunk[begin:end]) != checksum:
            break
        frames = []
        for length in struct.unpack_from(f">{count}I", chunk, at + _HEAD.size):
            frames.append(chunk[first_frame : first_frame + length])
            first_frame += length
        at = end
        records.append(SpoolRecord(seq, tuple(frames), offset + end))
    return records


def _file_name(name: str) -> str:
    """Return the name in its URL form, without dots; a long name is cut, and a digest is added."""
    escaped = quote(name, safe="").replace(".", "%2E")
    if len(escaped) <= _LONGEST_NAME_BYTES:
        return escaped
    return f"{escaped[:_LONGEST_NAME_BYTES]}-{sha256(escaped.encode()).hexdigest()[:16]}"
