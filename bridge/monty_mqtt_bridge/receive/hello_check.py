"""Who may speak for which worker: a hello is believed only as far as it proves whose it is.

Place in the flow: `router` asks here before it takes a hello. Every process of the machine can reach the bridge's
port: a hello that names another's worker, without its token, is a new worker, which `senders` gives a name of its own.
"""

from __future__ import annotations

from collections.abc import Container

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema, zmq_protocol
from monty_mqtt_bridge.receive.acceptance import GREATEST_SEQ
from monty_mqtt_bridge.receive.senders import Key, Workers, label

__all__ = ["HelloError", "check", "check_replay"]


class HelloError(DecodeError):
    """A hello that is not taken, and is told so.

    Args:
        key: Run and worker that it names.
        reason: Why, for who said it and for the log.
    """

    def __init__(self, key: Key, reason: str) -> None:
        super().__init__(f"hello of {label(*key)}: {reason}")
        self.answer = zmq_protocol.Reject(reason=reason)


def check(hello: zmq_protocol.Hello) -> None:
    """Do nothing where a sender may say this.

    Raises:
        HelloError: It is of another schema, or names no start.
        DecodeError: No sender has such numbers.
    """
    key = (hello.run, hello.worker)
    if hello.schema_version != schema.SCHEMA_VERSION:
        speaks = f"this bridge speaks schema {schema.SCHEMA_VERSION}, you {hello.schema_version}"
        raise HelloError(key, f"{speaks}: update the older")
    if not 0 <= min(hello.base, hello.bulk_base) <= max(hello.base, hello.bulk_base) <= GREATEST_SEQ:
        raise DecodeError(f"hello: base is not between 0 and {GREATEST_SEQ}")
    if abs(hello.started_unix_nanos) > GREATEST_SEQ:
        raise DecodeError(f"hello: started_unix_nanos is greater than {GREATEST_SEQ}")
    if not (hello.started_unix_nanos or hello.replayed):
        raise HelloError(key, "started_unix_nanos is 0, which only the replay of a recording may say")


def check_replay(hello: zmq_protocol.Hello, workers: Workers, leaving: Container[bytes]) -> None:
    """Do nothing where no connected experiment sends itself what the one that says hello would restore.

    Args:
        hello: What it says.
        workers: Who said hello so far.
        leaving: Connections that are gone, although something of them may be waiting.

    Raises:
        HelloError: One does.
    """
    if not hello.replayed:
        return
    for worker in workers.connected(hello):
        if worker.route not in leaving:
            reason = "it is connected, and sends what it has itself; restore it when it has ended"
            raise HelloError(worker.key, reason)
