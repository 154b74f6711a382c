"""Somebody on the same machine who wants a run's messages not to arrive: all that the bridge's open port lets him say.

He knows what anybody may read at the broker: run, worker, and about when it started. He does not know its token.
"""

from __future__ import annotations

from typing import Any, Iterator

import zmq

from monty_mqtt.wire import schema, zmq_protocol

HUGE = 2**61
ANSWER_SECS = 20


def lies(run: str, worker: str, started_unix_nanos: int) -> Iterator[zmq_protocol.Hello]:
    """Return hellos for somebody else's worker."""
    whose: dict[str, Any] = {"schema_version": schema.SCHEMA_VERSION, "run": run, "worker": worker}
    for base in (0, HUGE):
        yield zmq_protocol.Hello(**whose, base=base)
        yield zmq_protocol.Hello(**whose, base=base, replayed=True)
        yield zmq_protocol.Hello(**whose, base=base, started_unix_nanos=started_unix_nanos, token="guessed")
        yield zmq_protocol.Hello(
            **whose, base=base, started_unix_nanos=started_unix_nanos, token="guessed", replayed=True
        )
        yield zmq_protocol.Hello(**whose, base=base, started_unix_nanos=2**62, token="his own")


def attack(port: int, run: str, worker: str, started_unix_nanos: int) -> None:
    """Say everything, each on a connection of its own that is closed again, and wait for each answer."""
    context = zmq.Context()
    for lie in lies(run, worker, started_unix_nanos):
        with context.socket(zmq.DEALER) as dealer:
            dealer.set(zmq.LINGER, 0)
            dealer.connect(f"tcp://127.0.0.1:{port}")
            dealer.send_multipart(zmq_protocol.encode_up(lie))
            dealer.send_multipart(zmq_protocol.encode_up(zmq_protocol.Probe(run=run, worker=worker, next=HUGE)))
            dealer.send_multipart(
                zmq_protocol.encode_up(zmq_protocol.Dropped(run=run, worker=worker, first=0, last=HUGE))
            )
            assert dealer.poll(ANSWER_SECS * 1000), f"no answer to {lie}"
    context.term()
