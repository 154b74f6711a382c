"""This module makes the DEALER socket of an experiment, and the context that owns it.

Called by `bridge_link`, in the process that uses the socket. The bridge's half is its `router`.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 - otherwise the first lookup of a host name imports it, see `outbox`
import os
import socket
import sys
from typing import Callable, Sequence

import zmq

from monty_mqtt.wire.bridge_address import BridgeAddress

__all__ = ["make_context", "make_dealer", "sends", "somebody_listens"]

_NOBLOCK, _NOBLOCK_MORE = int(zmq.NOBLOCK), int(zmq.NOBLOCK | zmq.SNDMORE)
"""Flags as plain numbers: combining the enumeration's members costs as much as a send."""

_LONGEST_ANSWER_BYTES = 1 << 20

_CONNECT_SECS = 0.25
"""Seconds that the kernel may take to report whether a port is listened on. For this machine it knows at once; the
time is for a host that drops packets instead of refusing them."""


def make_context() -> zmq.Context[zmq.Socket[bytes]]:
    """Return a context whose I/O thread does not slow the experiment."""
    context = zmq.Context()
    if sys.platform == "linux":
        # Every send wakes ZMQ's I/O thread. As SCHED_BATCH it takes an idle core, or waits its turn, instead of pushing
        # the experiment's thread off its own: the whole hook on real Monty went from 1.1 to 0.33 ms.
        context.set(zmq.THREAD_SCHED_POLICY, os.SCHED_BATCH)
    return context


def make_dealer(context: zmq.Context[zmq.Socket[bytes]], bridge: BridgeAddress) -> zmq.Socket[bytes]:
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


def sends(dealer: zmq.Socket[bytes]) -> Callable[[Sequence[bytes]], None]:
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
        if bridge.path:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(_CONNECT_SECS)
                probe.connect(bridge.path)
        else:
            socket.create_connection((bridge.host, bridge.port), timeout=_CONNECT_SECS).close()
    except OSError:
        return False
    return True
