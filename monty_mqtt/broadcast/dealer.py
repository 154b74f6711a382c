"""This module makes the DEALER socket of an experiment, and the context that owns it.

Called by `bridge_link`, in the process that uses the socket. The bridge's half is its `router`.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 - otherwise the first lookup of a host name imports it, see `outbox`
import os
import sys

import zmq

from monty_mqtt.broadcast.sender_identity import SenderIdentity

__all__ = ["make_context", "make_dealer"]


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
        (zmq.IPV6, int(":" in sender.host)),
    ):
        dealer.set(option, value)
    dealer.connect(sender.endpoint)
    return dealer
