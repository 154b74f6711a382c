"""This module recognises the recordings that the page made among other files.

Called by the page and `forget` before they read, count, close or remove a file. A part bears its mark in three places,
all of which every version of the page has written:

- its name, in the form of `part_files.part_name`,
- the header of the MCAP file, whose library is `monty-mqtt`,
- its messages, which are of the run whose directory holds it; a copy in another directory is a user's own file.
"""

import stat
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import topics
from monty_mqtt_core.recordings import mcap_chunks
from monty_mqtt_core.recordings.part_files import PART_NAME, directory_of

__all__ = ["marked_parts"]

_MAGIC = b"\x89MCAP0\r\n"
_HEADER = struct.Struct("<BQ")
_LENGTH = struct.Struct("<I")
_OP_HEADER = 0x01
_LARGEST_HEADER_BYTES = 1024
_LIBRARY = b"monty-mqtt "


def marked_parts(directory: Path) -> list[Path]:
    """Return the parts of a run's recording that the page wrote into this directory, in the order of their names.

    A part without messages does not name its run; it counts if another part in the directory does.
    """
    named = [file for file in sorted(directory.iterdir()) if PART_NAME.fullmatch(file.name) and _is_ours(file)]
    own = [file for file in named if _belongs_in(directory, _run_of(file))]
    return sorted([*own, *(file for file in named if _is_empty(file))]) if own else []


def _belongs_in(directory: Path, run: str | None) -> bool:
    return run is not None and directory_of(directory.parent, run) == directory


def _is_ours(file: Path) -> bool:
    """Return whether a file is a regular file with our header; reading a pipe or a device would never end."""
    try:
        if not stat.S_ISREG(file.lstat().st_mode):
            return False
        with file.open("rb") as opened:
            start = opened.read(_LARGEST_HEADER_BYTES)
    except OSError:
        return False
    return start.startswith(_MAGIC) and _library(start[len(_MAGIC) :]).startswith(_LIBRARY)


def _library(header: bytes) -> bytes:
    with suppress(struct.error):
        opcode, _ = _HEADER.unpack_from(header)
        (profile,) = _LENGTH.unpack_from(header, _HEADER.size)
        begin = _HEADER.size + _LENGTH.size + profile
        (length,) = _LENGTH.unpack_from(header, begin)
        if opcode == _OP_HEADER:
            return header[begin + _LENGTH.size :][:length]
    return b""


def _run_of(file: Path) -> str | None:
    """Return the run of the first message that can be read; None if there is none."""
    with suppress(DecodeError):
        for topic in _topics_in(file):
            return topics.parse(topic).run
    return None


def _topics_in(file: Path) -> Iterator[str]:
    known: dict[int, str] = {}
    with suppress(OSError), file.open("rb") as opened:
        for chunk in mcap_chunks.chunks(opened):
            with suppress(DecodeError):
                yield from (message.topic for message in mcap_chunks.read(opened, chunk, known))


def _is_empty(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return next(mcap_chunks.chunks(opened), None) is None
    except OSError:
        return False
