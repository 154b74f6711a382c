"""This module holds the DEALER socket of an experiment, and the context that owns it.

Called by `bridge_link`, in the process that uses the socket. The bridge's half is its `router`.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 - otherwise the first lookup of a host name imports it, see `outbox`
import os
import socket
import sys
from typing import Callable, Optional, Sequence, Tuple

import zmq

from monty_mqtt.wire.bridge_address import BridgeAddress

__all__ = ["Dealer", "somebody_listens"]

_NOBLOCK, _NOBLOCK_MORE = int(zmq.NOBLOCK), int(zmq.NOBLOCK | zmq.SNDMORE)
"""Flags as plain numbers: combining the enumeration's members costs as much as a send."""

_POLLIN = int(zmq.POLLIN)

_LONGEST_ANSWER_BYTES = 1 << 20

_CONNECT_SECS = 0.25
"""Seconds that the kernel may take to report whether a port is listened on. For this machine it knows at once; the
time is for a host that drops packets instead of refusing them."""


class Dealer:
    """Dealer is the socket to one bridge after the other. It never blocks, and is of the process that made it.

    Attributes:
        send: Sends the frames of a message; zmq.Again: ZMQ has given up this connection.
    """

    def __init__(self) -> None:
        self._context = zmq.Context()
        if sys.platform == "linux":
            # Every send wakes ZMQ's I/O thread. As SCHED_BATCH it takes an idle core, or waits its turn, instead of
            # pushing the experiment's thread off its own: the whole hook on real Monty went from 1.1 to 0.33 ms.
            self._context.set(zmq.THREAD_SCHED_POLICY, os.SCHED_BATCH)
        self._socket: Optional[zmq.Socket[bytes]] = None
        self._endpoint = ""

    def connect(self, bridge: BridgeAddress) -> None:
        """Connect to a bridge, with a new socket: the old one may hold half a message, or is given up."""
        if self._socket is not None:
            self._socket.close(linger=0)
        self._socket = dealer = _connected(self._context, bridge)
        self._endpoint = bridge.endpoint
        self._receive, self._state = dealer.recv, dealer.get
        self._descriptor = int(dealer.get(zmq.FD))
        self.send = _sends(dealer)

    def disconnect(self) -> None:
        """Drop what is on its way, and send nothing more until the next `connect`. May be called twice."""
        if self._socket is not None and self._endpoint:
            self._socket.disconnect(self._endpoint)
            self._endpoint = ""

    def receive(self) -> Optional[Tuple[bytes, int]]:
        """Return an answer, and the file descriptor of the connection that brought it; None if there is none."""
        if not int(self._state(zmq.EVENTS)) & _POLLIN:
            return None
        frame = self._receive(_NOBLOCK, copy=False)
        return frame.bytes, int(frame.get(zmq.SRCFD))

    def wait(self, secs: float) -> None:
        """Wait at most `secs` for an answer. This touches only the socket's file descriptor, so it needs no lock."""
        poller = zmq.Poller()
        poller.register(self._descriptor, zmq.POLLIN)
        poller.poll(int(secs * 1000) + 1)

    def close(self) -> None:
        """Close at once; messages that ZMQ has not passed on yet are lost. May be called twice."""
        if self._socket is not None:
            self._socket.close(linger=0)
        self._context.term()


def _connected(context: zmq.Context[zmq.Socket[bytes]], bridge: BridgeAddress) -> zmq.Socket[bytes]:
    """Return a connecting socket with the options that lost no message in measurements."""
    dealer = context.socket(zmq.DEALER)
    for option, value in (
        (zmq.SNDHWM, 0),
        (zmq.RCVHWM, 0),  # if a full pipe's peer goes away, libzmq 4.3.5 aborts the process with the next heartbeat
        (zmq.MAXMSGSIZE, _LONGEST_ANSWER_BYTES),
        (zmq.LINGER, 0),
        (zmq.IMMEDIATE, 0),
        (zmq.RECONNECT_IVL, 100),
        (zmq.RECONNECT_IVL_MAX, 1000),
        (zmq.HEARTBEAT_IVL, 1000),
        (zmq.HEARTBEAT_TIMEOUT, 3000),
        (zmq.IPV6, int(":" in bridge.host)),
    ):
        dealer.set(option, value)
    if bridge.server_key:
        from monty_mqtt.broadcast.link import client_keys  # noqa: PLC0415 - imported by `settings` already, or not needed

        client_keys.encrypt(dealer, bridge)
    dealer.connect(bridge.endpoint)
    return dealer


def _sends(dealer: zmq.Socket[bytes]) -> Callable[[Sequence[bytes]], None]:
    """Return a function that sends the frames of a message without waiting; zmq.Again: ZMQ has given up this socket."""
    # pyzmq's send in C; its Python wrapper, for options that are not used here, costs three times as much.
    send_frame = super(zmq.Socket, dealer).send

    def send(frames: Sequence[bytes]) -> None:
        left = len(frames)
        for frame in frames:
            left -= 1
            send_frame(frame, _NOBLOCK_MORE if left else _NOBLOCK)

    return send


def somebody_listens(bridge: BridgeAddress) -> bool:
    """Return whether a program accepts a plain connection at the bridge's address."""
    try:
        socket.create_connection((bridge.host, bridge.port), timeout=_CONNECT_SECS).close()
    except OSError:
        return False
    return True
