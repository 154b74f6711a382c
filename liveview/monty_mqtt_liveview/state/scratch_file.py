"""Keeps rows of columns in a file when there is no room for them in memory, as long as the page runs.

`columns` writes older rows here when `run_store` asks for it, and reads them when they are viewed. The file has no
name: it disappears however the page ends. It is mapped into memory, so that only the requested rows are read.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

__all__ = ["Array", "ScratchFile", "SpilledRows"]

Array = npt.NDArray[Any]

_ALIGNED = 64


class SpilledRows:
    """Refers to rows in the file; when it is garbage-collected, their room may be reused.

    Args:
        scratch: The file.
        offset: Offset of their first byte.
        like: The rows before they were written: gives shape and type.

    Attributes:
        count: Number of rows.
    """

    def __init__(self, scratch: ScratchFile, offset: int, like: Array) -> None:
        self.count = len(like)
        self._scratch, self._offset, self._nbytes = scratch, offset, like.nbytes
        self._dtype, self._shape = like.dtype, like.shape

    def __del__(self) -> None:
        self._scratch.free(self._offset, self._nbytes)

    def read(self) -> Array:
        """Return the rows, which must not be written to, and not be kept."""
        mapped = self._scratch.mapped(self._offset + self._nbytes)
        content: Array = np.frombuffer(mapped, np.uint8, self._nbytes, self._offset)
        return content.view(self._dtype).reshape(self._shape)


class ScratchFile:
    """Is the file; it is created when it is first needed.

    Args:
        directory: Where it is created; it should be on a disk, not in memory.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file: IO[bytes] | None = None
        self._end = 0
        self._free: dict[int, list[int]] = {}
        self._map: mmap.mmap | None = None

    def close(self) -> None:
        """Remove the file; may be called twice. Mapped rows stay readable."""
        if self._file is not None:
            self._file.close()

    def put(self, rows: Array) -> SpilledRows:
        """Write rows; return the object that reads them.

        Raises:
            OSError: There is no room on the disk.
        """
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._directory, buffering=0)  # noqa: SIM115 - open as long as the page runs
        known = self._free.get(rows.nbytes)
        offset = known.pop() if known else self._end
        try:
            _write(self._file.fileno(), np.ascontiguousarray(rows).tobytes(), offset)
        except OSError:
            if offset < self._end:
                self.free(offset, rows.nbytes)
            raise
        if offset == self._end:
            self._end += -(-rows.nbytes // _ALIGNED) * _ALIGNED
        return SpilledRows(self, offset, rows)

    def free(self, offset: int, nbytes: int) -> None:
        """Mark this room as free for other rows of the same size."""
        self._free.setdefault(nbytes, []).append(offset)

    def mapped(self, end: int) -> mmap.mmap:
        """Return the file mapped into memory, at least its first `end` bytes."""
        if self._map is None or len(self._map) < end:
            if self._file is None:
                raise ValueError("nothing was put there")
            self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        return self._map

    def let_go(self) -> None:
        """Release the memory of rows that were read; they stay in the file."""
        if self._map is not None:
            with suppress(OSError):
                self._map.madvise(mmap.MADV_DONTNEED)


def _write(file: int, content: bytes, offset: int) -> None:
    view = memoryview(content)
    while view:
        written = os.pwrite(file, view, offset)
        view, offset = view[written:], offset + written
