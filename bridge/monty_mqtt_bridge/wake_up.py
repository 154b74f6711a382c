"""This module interrupts a poll from another thread or a signal handler.

Polled by `bridge`'s loop beside its sockets; set by the encoder, the thread that connects, and `stop`.
"""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self

__all__ = ["WakeUp"]


class WakeUp:
    """WakeUp can be polled, and any thread can make it readable. It may be set before and after its `with` block."""

    def __init__(self) -> None:
        self._reader: socket.socket | None = None
        self._writer: socket.socket | None = None

    def __enter__(self) -> Self:
        self._reader, self._writer = socket.socketpair()
        self._reader.settimeout(0)
        self._writer.settimeout(0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for end in (self._reader, self._writer):
            if end is not None:
                end.close()

    def fileno(self) -> int:
        """Return the descriptor to poll, -1 while there is none."""
        return self._reader.fileno() if self._reader is not None else -1

    def set(self) -> None:
        """Make it readable; may be called from any thread."""
        try:
            if self._writer is not None:
                self._writer.send(b"\0")
        except OSError:  # full: the loop is awake anyway; closed: it has ended
            return

    def clear(self) -> None:
        """Make it unreadable; called by the loop."""
        if self._reader is not None:
            self._reader.recv(4096)
