"""This module writes one worker's spool, a file of messages that no bridge has taken over yet, and reads it back.

Called by `spool_policy`, which decides what is written, and by `send_window`, which reads back. `spool_format` says
what is in the file.

It appends without locks, memory mapping or fsync, so it works on NFS, and what was written survives the process.
"""

from __future__ import annotations

import errno
import os
from bisect import bisect_right
from contextlib import suppress
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

import msgspec

from monty_mqtt.broadcast.send_window import Numbered
from monty_mqtt.wire.spool_format import MAGIC, SpoolHeader, pack, path_of, read_header, read_records

__all__ = ["SpoolFile"]

_CHUNK_BYTES = 256 << 10
"""Bytes between two places in the file whose seqs are remembered."""


class SpoolFile:
    """SpoolFile is one sender's file, from its first message to its removal; it may begin anew. Not thread-safe.

    Args:
        directory: Directory of the spool files; made with the first message.
        header: Identity of the sender.

    Attributes:
        unreadable: Why a part of the file could not be read back; empty while all of it could.
    """

    def __init__(self, directory: Path, header: SpoolHeader) -> None:
        self._directory = directory
        self._header = header
        self.unreadable = ""
        self._fd: Optional[int] = None
        self._end: Tuple[int, int] = (0, -1)
        self._marks: List[Tuple[int, int]] = []
        self._chunk: Dict[int, Sequence[bytes]] = {}

    @property
    def path(self) -> Path:
        """Path of the file, whether it exists or not."""
        return path_of(self._directory, self._header)

    @property
    def is_open(self) -> bool:
        """Whether the file is open."""
        return self._fd is not None

    @property
    def exists(self) -> bool:
        """Whether the open file still has its name, so that no other program has removed it."""
        try:
            return self._fd is not None and os.fstat(self._fd).st_nlink > 0
        except OSError:  # on NFS the file handle is stale
            return False

    @property
    def free_bytes(self) -> int:
        """Bytes that the disk has left for a user, once the file is open; a great number if the disk reports none."""
        disk = os.fstatvfs(self._fd) if self._fd is not None else None
        return disk.f_bavail * disk.f_frsize if disk and disk.f_blocks else 1 << 62

    @property
    def size(self) -> int:
        """Bytes of the whole records and of the first line."""
        return self._end[0]

    @property
    def last(self) -> int:
        """The greatest seq that was ever written; -1 before."""
        return self._end[1]

    def write(self, messages: Sequence[Numbered]) -> None:
        """Append messages, in ascending order of their seqs.

        Raises:
            OSError: The messages cannot be written; none of them is in the file then.
        """
        if not self._marks:  # nothing in the file is needed any more, and it may end within a record
            self.remove()
        fd = self._open() if self._fd is None else self._fd
        self._cut_what_was_torn(fd)
        size, parts = self.size, [] if self.size else [MAGIC, msgspec.json.encode(self._header), b"\n"]
        for seq, frames in messages:
            parts += pack(seq, frames)
        added = b"".join(parts)
        if os.write(fd, added) < len(added):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if not self._marks or size - self._marks[-1][1] >= _CHUNK_BYTES:
            self._marks.append((messages[0][0], size))
        self._end = (size + len(added), messages[-1][0])  # both at once: Ctrl+C comes before or after

    def first_from(self, seq: int) -> Optional[Numbered]:
        """Return the first message whose seq is not below this; None if there is none, or it cannot be read."""
        if seq not in self._chunk:
            try:
                self._chunk = self._load(seq)
            except OSError as error:
                self._chunk, self.unreadable = {}, str(error.strerror or error)
        first = seq if seq in self._chunk else min(self._chunk, default=None)
        return None if first is None else (first, self._chunk[first])

    def shrink(self, most_bytes: int) -> None:
        """Cut this many bytes off the end of a file that is no longer needed; remove the file with its last part.

        It shrinks in parts, because removing 2 GiB at once takes far longer than a call may.
        """
        size = self.size - most_bytes
        if self._fd is None or size <= 0:
            self.remove()
        else:
            self._marks, self._chunk = [], {}
            os.ftruncate(self._fd, size)
            self._end = (size, self.last)

    def remove(self) -> None:
        """Remove the file, and its directory if that is empty then.

        Raises:
            OSError: The file cannot be removed; it is closed all the same.
        """
        if self._fd is None:
            return
        exists = self.exists
        self.close()  # first: on NFS the directory is not empty before
        if exists:
            self.path.unlink()
            with suppress(OSError):  # another worker of the run has a file there, too
                self.path.parent.rmdir()

    def close(self) -> None:
        """Close the file, and keep it. May be called twice."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def _open(self) -> int:
        path = self.path
        for directory in (self._directory.parent, self._directory, path.parent):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._end, self._marks, self._chunk = (0, self.last), [], {}
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        return self._fd

    def _cut_what_was_torn(self, fd: int) -> None:
        """Cut off what a write that failed, or that Ctrl+C interrupted, left behind the last record."""
        state = os.fstat(fd)
        if not state.st_nlink or state.st_size < self.size:
            raise FileNotFoundError(errno.ENOENT, "somebody removed it")
        if state.st_size > self.size:
            os.ftruncate(fd, self.size)

    def _load(self, seq: int) -> Dict[int, Sequence[bytes]]:
        if self._fd is None or not self._marks:
            return {}
        at = max(0, bisect_right(self._marks, (seq, self.size)) - 1)
        offset = self._marks[at][1] or read_header(self._fd, self.path)[1]
        while offset < self.size:
            records = read_records(self._fd, offset)
            if not records:
                self.unreadable = f"a record at byte {offset} is damaged"
                return {}
            if records[-1].seq >= seq:
                return {record.seq: record.frames for record in records if record.seq >= seq}
            offset = records[-1].end
        return {}
