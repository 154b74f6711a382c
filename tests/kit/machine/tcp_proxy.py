"""Runs a TCP proxy that can stay open and pass nothing, like a tunnel whose other end has gone."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self

_CHUNK_BYTES = 65_536


class TcpProxy:
    """Passes everything between clients of `port` and a port of this machine; `hang` holds it back.

    What was held back is passed on `resume`, in order. Connections are accepted meanwhile, too.

    Args:
        target_port: That port of this machine.
        keeps: Whether `passed` gets a copy of all bytes, of both directions.
    """

    def __init__(self, target_port: int, *, keeps: bool = False) -> None:
        self._target = ("127.0.0.1", target_port)
        self._keeps = keeps
        self.passed = bytearray()
        self._up, self._down = threading.Event(), threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self.port = self._listening.getsockname()[1]
        self.resume()

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        _close(self._listening)
        self._accepting.join(10)
        for one in self._open:
            _close(one)
        self.resume()

    def hang(self, *, up: bool = True, down: bool = True) -> None:
        """Hold back what goes to the target (`up`), or comes from it (`down`)."""
        if up:
            self._up.clear()
        if down:
            self._down.clear()

    def resume(self) -> None:
        self._up.set()
        self._down.set()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                ours, _ = self._listening.accept()
                self._open.add(ours)
                theirs = socket.create_connection(self._target)
                self._open.add(theirs)
                for source, sink, gate in ((ours, theirs, self._up), (theirs, ours, self._down)):
                    threading.Thread(target=self._pass, args=(source, sink, gate), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, gate: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while some := source.recv(_CHUNK_BYTES):
                gate.wait()
                if self._keeps:
                    self.passed += some
                sink.sendall(some)
        gate.wait()
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


def _close(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for it
    one.close()
