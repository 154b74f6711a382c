"""This module checks whether a HELLO may speak for the worker that it names.

Called by `router` before it takes a HELLO. Every process of the machine can reach the bridge's port: a HELLO that names
another's worker, without its token, is a new worker, to which `published_name` gives a name of its own.
"""

from __future__ import annotations

from collections.abc import Container

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema, zmq_protocol
from monty_mqtt_bridge.receive.acceptance import GREATEST_SEQ
from monty_mqtt_bridge.receive.sender import Key, label
from monty_mqtt_bridge.receive.senders import Senders

__all__ = ["HelloError", "check", "check_replay"]


class HelloError(DecodeError):
    """HelloError reports a HELLO that is refused; the sender gets the answer.

    Args:
        key: Run and worker that the HELLO names.
        reason: The reason, for the sender and for the log.
    """

    def __init__(self, key: Key, reason: str) -> None:
        super().__init__(f"hello of {label(*key)}: {reason}")
        self.answer = zmq_protocol.Reject(reason=reason)


def check(hello: zmq_protocol.Hello) -> None:
    """Raise an error if a sender may not send this HELLO.

    Raises:
        HelloError: It has another schema, or no start time.
        DecodeError: Its numbers are out of range.
    """
    key = (hello.run, hello.worker)
    if hello.schema_version != schema.SCHEMA_VERSION:
        speaks = f"this bridge speaks schema {schema.SCHEMA_VERSION}, you {hello.schema_version}"
        raise HelloError(key, f"{speaks}: update the older")
    if not 0 <= min(hello.base, hello.bulk_base) <= max(hello.base, hello.bulk_base) <= GREATEST_SEQ:
        raise DecodeError(f"hello: base is not between 0 and {GREATEST_SEQ}")
    if not 0 <= hello.elsewhere <= hello.base:
        raise DecodeError("hello: elsewhere is not between 0 and base")
    if abs(hello.started_unix_nanos) > GREATEST_SEQ:
        raise DecodeError(f"hello: started_unix_nanos is greater than {GREATEST_SEQ}")
    if not (hello.started_unix_nanos or hello.replayed):
        raise HelloError(key, "started_unix_nanos is 0, which only the replay of a recording may say")


def check_replay(hello: zmq_protocol.Hello, senders: Senders, leaving: Container[bytes]) -> None:
    """Raise an error if a connected experiment itself sends what this HELLO would restore.

    Args:
        hello: The HELLO.
        senders: The workers that sent a HELLO so far.
        leaving: Connections that are gone, although messages of them may still wait.

    Raises:
        HelloError: Such an experiment is connected.
    """
    if not hello.replayed:
        return
    for sender in senders.connected(hello):
        if sender.route not in leaving:
            reason = "it is connected, and sends what it has itself; restore it when it has ended"
            raise HelloError(sender.key, reason)
