"""This module makes the DEALER socket of an experiment, and the context that owns it.

Called by `bridge_link`, in the process that uses the socket. The bridge's half is its `router`.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 - otherwise the first lookup of a host name imports it, see `outbox`
import os
import sys
from typing import Callable, Sequence

import zmq

from monty_mqtt.broadcast.sender_identity import SenderIdentity

__all__ = ["make_context", "make_dealer", "sends"]

_NOBLOCK, _NOBLOCK_MORE = int(zmq.NOBLOCK), int(zmq.NOBLOCK | zmq.SNDMORE)
"""Flags as plain numbers: combining the enumeration's members costs as much as a send."""

_LONGEST_ANSWER_BYTES = 1 << 20


def make_context() -> zmq.Context[zmq.Socket[bytes]]:
    """Return a context whose I/O thread does not slow the experiment."""
    context = zmq.Context()
    if sys.platform == "linux":
        # Every send wakes ZMQ's I/O thread. As SCHED_BATCH it takes an idle core, or waits its turn, instead of pushing
        # the experiment's thread off its own: the whole hook on real Monty went from 1.1 to 0.33 ms.
        context.set(zmq.THREAD_SCHED_POLICY, os.SCHED_BATCH)
    return context


def make_dealer(context: zmq.Context[zmq.Socket[bytes]], sender: SenderIdentity) -> zmq.Socket[bytes]:
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
        (zmq.IPV6, int(":" in sender.bridge.host)),
    ):
        dealer.set(option, value)
    if sender.bridge.server_key:
        from monty_mqtt.broadcast import client_keys  # noqa: PLC0415 - imported by `settings` already, or not needed

        client_keys.encrypt(dealer, sender.bridge)
    dealer.connect(sender.bridge.endpoint)
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
