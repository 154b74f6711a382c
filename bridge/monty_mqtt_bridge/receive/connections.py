"""This module reports which connections come and go, from ZMQ's socket monitor.

Called by `router`, which so learns that an experiment is gone; a message's SRCFD is its worker's file descriptor.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import zmq

from monty_mqtt.errors import DecodeError

__all__ = ["ConnectionEvent", "ConnectionMonitor", "cut_off", "descriptor_of"]

_WATCHED = (
    zmq.EVENT_ACCEPTED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)
_HANDSHAKE_FAILED = zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL


class ConnectionEvent(NamedTuple):
    """ConnectionEvent is what happened to one connection.

    Attributes:
        kind: `accepted`, `gone`, `foreign`: the client does not speak ZMQ, or not encrypted, or `uninvited`: its key is
            not known.
        descriptor: File descriptor of the connection; meaningless for `foreign` and `uninvited`.
    """

    kind: str
    descriptor: int


class ConnectionMonitor:
    """ConnectionMonitor yields the events of one bound socket.

    Args:
        watched: The socket.

    Attributes:
        socket: Socket to poll for events.
    """

    def __init__(self, watched: zmq.Socket[bytes]) -> None:
        self._watched = watched
        self.socket: zmq.Socket[bytes] = watched.get_monitor_socket(_WATCHED)

    def events(self) -> Iterator[ConnectionEvent]:
        """Yield the events since the last call, in order, without waiting."""
        while int(self.socket.get(zmq.EVENTS)) & zmq.POLLIN:
            event, value = struct.unpack("=HI", self.socket.recv_multipart(zmq.NOBLOCK)[0])
            if event & _HANDSHAKE_FAILED:
                yield ConnectionEvent("foreign", -1)
            elif event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
                yield ConnectionEvent("uninvited", -1)
            else:
                yield ConnectionEvent("accepted" if event == zmq.EVENT_ACCEPTED else "gone", value)

    def close(self) -> None:
        """Stop watching. May be called twice."""
        if not self._watched.closed:
            self._watched.disable_monitor()
        self.socket.close(linger=0)


def descriptor_of(first: zmq.Frame) -> int:
    """Return the file descriptor of the connection that brought a message.

    Raises:
        DecodeError: There is none: random bytes may pass for a peer of ZMTP 1.0.
    """
    try:
        return int(first.get(zmq.SRCFD))
    except zmq.ZMQError:
        raise DecodeError("hello over a version of ZMTP that is too old") from None


def cut_off(descriptor: int, port: int) -> None:
    """Close a connection to our port for good; ZMQ itself has no call for it.

    A descriptor that was closed meanwhile, and belongs to something else now, is left alone.
    """
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as connection:
        if connection.getsockname()[1] == port:
            connection.shutdown(socket.SHUT_RDWR)
