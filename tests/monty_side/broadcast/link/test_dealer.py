"""Who sends, where to, and how it introduces itself."""

import os
import socket

import pytest

from monty_mqtt.broadcast.link.dealer import somebody_listens
from monty_mqtt.broadcast.link.sender_identity import SenderIdentity
from monty_mqtt.wire import schema, zmq_protocol
from monty_mqtt.wire.bridge_address import BridgeAddress

SENDER = SenderIdentity("a/b", "w", 5, (BridgeAddress(),))


def decoded(frames):
    first, payload = frames
    return zmq_protocol.decode_up(zmq_protocol.kind_of(first), payload)


@pytest.mark.parametrize(
    ("host", "endpoint"),
    [("127.0.0.1", "tcp://127.0.0.1:5555"), ("lab-7", "tcp://lab-7:5555"), ("::1", "tcp://[::1]:5555")],
)
def test_endpoint(host, endpoint):
    assert BridgeAddress(host).endpoint == endpoint


def test_its_words():
    hello = decoded(SENDER.hello(3, 4, "w-2"))
    assert (hello.run, hello.worker, hello.base, hello.bulk_base, hello.published) == ("a/b", "w", 3, 4, "w-2")
    assert (hello.started_unix_nanos, hello.pid, hello.host) == (5, os.getpid(), socket.gethostname())
    assert (hello.schema_version, hello.replayed) == (schema.SCHEMA_VERSION, False)
    assert decoded(SENDER._replace(replayed=True).hello(0, 0, "")).replayed
    header = SENDER.header()
    assert (header.run, header.worker, header.started_unix_nanos) == ("a/b", "w", 5)
    assert (header.schema_version, header.pid, header.host) == (hello.schema_version, hello.pid, hello.host)
    assert decoded(SENDER.probe(7, 8)) == zmq_protocol.Probe(run="a/b", worker="w", next=7, bulk_next=8)
    dropped = zmq_protocol.Dropped(run="a/b", worker="w", first=1, last=2, reason="too_large")
    assert decoded(SENDER.tombstone(1, 2, "too_large")) == dropped


def test_somebody_listens():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert somebody_listens(BridgeAddress(port=port))
    assert not somebody_listens(BridgeAddress(port=port))
    assert not somebody_listens(BridgeAddress("no-such-host.invalid"))
