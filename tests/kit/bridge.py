"""Provides a real broker, a bridge, and a sender that speaks only `zmq_protocol`, for the bridge's tests.

PYTEST_DONT_REWRITE: it is imported by name and loaded as a plugin.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest
import zmq

from kit.machine.small_disk import small_disk
from kit.mqtt_subscriber import Subscriber
from monty_mqtt.wire import schema, zmq_protocol
from monty_mqtt_bridge.bridge import Bridge
from monty_mqtt_bridge.settings import BridgeConfig
from monty_mqtt_stack.services.mosquitto import Mosquitto

FIRST_STAMP = 1_795_000_000_000_000_000


class Dealer:
    """Plays an experiment's end of the ZMQ hop, one step at a time. It keeps nothing and repeats nothing by itself."""

    def __init__(
        self, port: int, run: str = "run", worker: str = "main", started_unix_nanos: int = 1, token: str = "its own"
    ) -> None:
        self.run, self.worker, self.started, self.token = run, worker, started_unix_nanos, token
        self._context = zmq.Context()
        self.socket = self._context.socket(zmq.DEALER)
        self.socket.set(zmq.SNDHWM, 0)
        self.socket.set(zmq.LINGER, 0)
        self.socket.connect(f"tcp://127.0.0.1:{port}")
        self.answers: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close(linger=0)
        self._context.term()

    def hello(self, base: int = 0, **fields: Any) -> Any:
        """Send a HELLO and return the answer."""
        fields = {
            "schema_version": schema.SCHEMA_VERSION,
            "started_unix_nanos": self.started,
            "token": self.token,
            **fields,
        }
        self.up(zmq_protocol.Hello(run=self.run, worker=self.worker, base=base, **fields))
        answer = self.wait_for((zmq_protocol.Reject, zmq_protocol.Welcome))
        self.largest_message_bytes = getattr(answer, "largest_message_bytes", 0)
        return (
            answer
            if isinstance(answer, zmq_protocol.Reject)
            else msgspec.structs.replace(answer, largest_message_bytes=0, published="")
        )

    def up(self, message: zmq_protocol.Up) -> None:
        self.socket.send_multipart(zmq_protocol.encode_up(message))

    def probe(self, next_seq: int) -> None:
        self.up(zmq_protocol.Probe(run=self.run, worker=self.worker, next=next_seq))

    def send(self, kind: type[schema.Message], seq: int, raw: Sequence[bytes] = (), **fields: Any) -> Any:
        """Send a message and return it."""
        message = make(kind, seq, run=self.run, worker=self.worker, **fields)
        self.socket.send_multipart([zmq_protocol.head(message.__struct_config__.tag), schema.encode(message), *raw])
        return message

    def steps(self, seqs: Sequence[int]) -> None:
        for seq in seqs:
            self.send(schema.Step, seq)

    def hear(self, secs: float = 10) -> Any:
        """Return the next answer."""
        assert self.socket.poll(int(secs * 1000)), f"no answer within {secs} s; so far {self.answers[-5:]}"
        self.answers.append(zmq_protocol.decode_down(self.socket.recv()))
        return self.answers[-1]

    def wait_for(
        self, kind: type | tuple[type, ...], condition: Callable[[Any], bool] = lambda _: True, secs: float = 10
    ) -> Any:
        """Return the next answer of a kind that fulfils the condition."""
        deadline = time.monotonic() + secs
        while True:
            answer = self.hear(max(0.01, deadline - time.monotonic()))
            if isinstance(answer, kind) and condition(answer):
                return answer

    def acked(self, next_seq: int, secs: float = 10) -> Any:
        """Wait until everything below `next_seq` is acknowledged."""
        return self.wait_for(zmq_protocol.Ack, lambda ack: ack.next >= next_seq, secs)


def make(kind: type[schema.Message], seq: int, **fields: Any) -> Any:
    """Return a message with the required fields of its kind filled in."""
    needed = {
        schema.Step: {"mode": "eval", "epoch": 0, "episode": 0, "step": seq},
        schema.Info: {"schema_version": schema.SCHEMA_VERSION},
        schema.Status: {"status": "running"},
        schema.Progress: {"mode": "eval"},
        schema.End: {"status": "completed"},
        schema.Metric: {"name": "loss", "value": 0.5},
    }.get(kind, {})
    head = {"run": "run", "worker": "main", "seq": seq, "time_unix_nanos": FIRST_STAMP + seq}
    return kind(**{**head, **needed, **fields})


def as_published(message: schema.Message, bridge_id: str = "bridge", experiment: str | None = None) -> schema.Message:
    """Return a message as the bridge publishes it: a status names the bridge that publishes it, and the experiment."""
    if not isinstance(message, schema.Status):
        return message
    return msgspec.structs.replace(message, bridge=bridge_id, experiment=experiment)


def config_for(broker: Mosquitto, **settings: Any) -> BridgeConfig:
    """Return the settings of a bridge that uses this broker, on a free ZMQ port."""
    base = BridgeConfig(
        bridge_id="bridge",
        zmq_port=0,
        mqtt_port=broker.port,
        mqtt_username="bridge",
        mqtt_password_file=str(broker.password_file("bridge")),
        mqtt_wait_secs=20,
    )
    return msgspec.structs.replace(base, **settings)


_ids = itertools.count()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture
def bridge(broker: Mosquitto) -> Iterator[Bridge]:
    with Bridge(config_for(broker, bridge_id=f"bridge-{next(_ids)}")) as running:
        yield running


@pytest.fixture
def subscriber(broker: Mosquitto) -> Iterator[Subscriber]:
    with Subscriber(broker.host, broker.port) as running:
        yield running


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Provide a disk of 24 MiB."""
    with small_disk(tmp_path / "disk", 24) as where:
        yield where
