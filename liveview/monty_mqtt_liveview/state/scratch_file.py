"""A file in which columns keep rows for which there is no room in memory, as long as the page runs.

Place in the flow: `columns` puts older rows here when `run_store` says so, and reads them where somebody looks at them.
The file has no name: whatever ends the page removes it. It is mapped for reading, so that of many rows only those are
read that are looked at.
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

__all__ = ["Array", "Scratch", "Spilled"]

Array = npt.NDArray[Any]

_ALIGNED = 64


class Spilled:
    """Rows that are in the file; their room is free again when nobody knows them any more.

    Args:
        scratch: Where they are.
        offset: Their first byte.
        like: What they were.

    Attributes:
        count: How many rows.
    """

    def __init__(self, scratch: Scratch, offset: int, like: Array) -> None:
        self.count = len(like)
        self._scratch, self._offset, self._nbytes = scratch, offset, like.nbytes
        self._dtype, self._shape = like.dtype, like.shape

    def __del__(self) -> None:
        self._scratch.free(self._offset, self._nbytes)

    def read(self) -> Array:
        """Return the rows, not to be written to, and not to be kept."""
        mapped = self._scratch.mapped(self._offset + self._nbytes)
        found: Array = np.frombuffer(mapped, np.uint8, self._nbytes, self._offset)
        return found.view(self._dtype).reshape(self._shape)


class Scratch:
    """The file, made when it is needed.

    Args:
        directory: Where; it should be on a disk, not in memory.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file: IO[bytes] | None = None
        self._end = 0
        self._free: dict[int, list[int]] = {}
        self._map: mmap.mmap | None = None

    def close(self) -> None:
        """Remove the file; may be called twice. What was read stays readable."""
        if self._file is not None:
            self._file.close()

    def put(self, rows: Array) -> Spilled:
        """Write rows; return what reads them.

        Raises:
            OSError: There is no room on the disk either.
        """
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._directory, buffering=0)  # noqa: SIM115 - as long as the page
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
        return Spilled(self, offset, rows)

    def free(self, offset: int, nbytes: int) -> None:
        """Use this room for others."""
        self._free.setdefault(nbytes, []).append(offset)

    def mapped(self, end: int) -> mmap.mmap:
        """Return the file as memory, at least up to a byte."""
        if self._map is None or len(self._map) < end:
            if self._file is None:
                raise ValueError("nothing was put there")
            self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        return self._map

    def let_go(self) -> None:
        """Keep nothing in memory of what was read; it stays in the file."""
        if self._map is not None:
            with suppress(OSError):
                self._map.madvise(mmap.MADV_DONTNEED)


def _write(file: int, content: bytes, offset: int) -> None:
    view = memoryview(content)
    while view:
        written = os.pwrite(file, view, offset)
        view, offset = view[written:], offset + written
