"""This benchmark puts a cluster beside one machine: the same steps go through both in turn.

usage: python -m benchmarks cluster

It runs only if it is named: it takes minutes, and must be root's. One machine is the default: a bridge and Mosquitto on
loopback. The cluster is three NATS servers and a bridge that encrypts, each on a simulated host, a network namespace of
this machine; the bridge is at the first node, the subscriber, with QoS 1 as the page has it, at the second. All of it
shares the same cores, and no packet leaves the machine: so this is what encryption and three copies of each message
cost, not what a real network adds. Both are without page, Telegraf and InfluxDB.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any, Callable, ContextManager, DefaultDict, Dict, List, NamedTuple

import msgspec
import paho.mqtt.client as mqtt

from benchmarks.bridge import ROOT, Listening, bridge_process, example_step, row
from monty_mqtt import ZmqBroadcaster
from monty_mqtt.wire import schema
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt_core.settings import ports
from monty_mqtt_core.settings.state_dir import Endpoint
from monty_mqtt_stack.services.mosquitto import Mosquitto

__all__ = ["rows"]

Row = Dict[str, Any]
LOOPBACK = "127.0.0.1"
MODULES = 5
RATES = (25, 500)
KINDS = ("step", "end")
WARM_SECS = 60.0
PATIENCE_SECS = 180.0


class Place(NamedTuple):
    """Place is where steps go through: what is around the experiment and the subscriber, and what they connect to."""

    name: str
    experiment: Callable[[], ContextManager[None]]
    bridge: BridgeAddress
    reader: Callable[[], ContextManager[None]]
    broker: Endpoint


class _Stamp(msgspec.Struct):
    time_unix_nanos: int


class Reader(Listening):
    """Reader is a subscriber of all runs.

    Attributes:
        arrived: Nanoseconds at which each step arrived, by its run and its own time.
        ended: Whether a run's last message has come.
    """

    def __init__(self, broker: Endpoint) -> None:
        self.arrived: DefaultDict[str, Dict[int, int]] = defaultdict(dict)
        self.ended: DefaultDict[str, threading.Event] = defaultdict(threading.Event)
        self._stamps = msgspec.json.Decoder(_Stamp)
        super().__init__(broker, 1, *(f"monty/v1/+/main/{kind}" for kind in KINDS))
        self._client.on_message = self._on_message

    def _on_message(self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        now = time.time_ns()
        run, kind = message.topic.split("/")[2], message.topic.rpartition("/")[2]
        if kind == "end":
            self.ended[run].set()
        else:
            self.arrived[run].setdefault(self._stamps.decode(message.payload).time_unix_nanos, now)


def rows(*, quick: bool = False) -> List[Row]:
    """Return the figures of both, and print nothing but what is missing here."""
    rounds, secs, steps = (1, 2.0, 200) if quick else (3, 8.0, 2_000)
    delays: DefaultDict[tuple[str, int], List[float]] = defaultdict(list)
    most: DefaultDict[str, List[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as where, ExitStack() as stack:
        places = [stack.enter_context(made(Path(where))) for made in (one_machine, cluster)]
        readers = {place.name: stack.enter_context(reading(place)) for place in places}
        for number in range(rounds):
            for place in places:
                reader = readers[place.name]
                for rate in RATES:
                    delays[place.name, rate] += evenly(place, reader, f"even-{rate}-{number}", rate, secs)
                most[place.name].append(at_most(place, reader, f"most-{number}", steps))
    figures = []
    for place in places:
        for rate in RATES:
            found = sorted(delays[place.name, rate])
            text = f"{place.name}: {rate} steps/s of {MODULES} learning modules, publish() to subscriber"
            figures.append(row(f"{text}, median", found[len(found) // 2], "ms", "", met=None))
            figures.append(row("  p99", found[int(len(found) * 0.99)], "ms", "", met=None))
        figures.append(row("  most", statistics.median(most[place.name]), "steps/s", "", met=None))
    return figures


@contextmanager
def one_machine(where: Path) -> Iterator[Place]:
    """Run what `monty-mqtt up` runs by default."""
    port = ports.any_free(LOOPBACK)
    with Mosquitto(where / "far-side") as broker, bridge_process(broker, port, where / "journal.sqlite"):
        endpoint = Endpoint(host=broker.host, port=broker.port)
        yield Place("one machine", nullcontext, BridgeAddress(LOOPBACK, port), nullcontext, endpoint)


@contextmanager
def cluster(where: Path) -> Iterator[Place]:
    """Run a cluster on simulated hosts."""
    sys.path.append(str(ROOT / "tests"))
    hosts = import_module("kit.machine.simulated_hosts")
    nats = import_module("kit.machine.nats_cluster")
    whole = import_module("kit.cluster.whole_cluster")
    with ExitStack() as stack:
        network = stack.enter_context(hosts.Network())
        names = ("node-0", "node-1", "node-2", "bridge", "worker", "reader")
        *places, bridge_host, worker, reader = (network.host(name) for name in names)
        nodes = stack.enter_context(nats.NatsCluster(where / "nats", places=places))
        bridge = whole.EncryptedBridge(bridge_host, where / "bridge", nodes.as_user("bridge"))
        key_file = bridge.keys.invite("worker")
        stack.callback(bridge.kill)
        bridge.start()
        address = bridge.address._replace(client_key_file=str(key_file))
        second = nodes.address.each[1]
        endpoint = Endpoint(host=second.host, port=second.port)
        yield Place("cluster", worker.inside, address, reader.inside, endpoint)


@contextmanager
def reading(place: Place) -> Iterator[Reader]:
    """Subscribe at a place; return when messages come through, which in a cluster takes some seconds."""
    with ExitStack() as stack:
        with place.reader():
            reader = stack.enter_context(Reader(place.broker))
        deadline = time.monotonic() + WARM_SECS
        with place.experiment(), ZmqBroadcaster(run_id="warm", bridge=place.bridge) as broadcaster:
            while not reader.arrived["warm"]:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{place.name}: nothing arrives")
                broadcaster.publish(schema.Step, **example_step(0, MODULES))
                time.sleep(0.2)
        yield reader


def evenly(place: Place, reader: Reader, run: str, per_sec: int, secs: float) -> List[float]:
    """Publish steps at an even rate; return milliseconds until each was with the subscriber."""
    with place.experiment(), ZmqBroadcaster(run_id=run, bridge=place.bridge) as broadcaster:
        began = time.monotonic()
        for number in range(int(per_sec * secs)):
            broadcaster.publish(schema.Step, **example_step(number, MODULES))
            time.sleep(max(0.0, began + (number + 1) / per_sec - time.monotonic()))
        broadcaster.flush(PATIENCE_SECS)
    wait_for_end(place, reader, run)
    return [(arrived - published) / 1e6 for published, arrived in reader.arrived[run].items()]


def at_most(place: Place, reader: Reader, run: str, steps: int) -> float:
    """Publish steps at full speed; return how many a second came through, until the last was with the subscriber."""
    began = time.monotonic()
    with place.experiment(), ZmqBroadcaster(run_id=run, bridge=place.bridge) as broadcaster:
        for number in range(steps):
            broadcaster.publish(schema.Step, **example_step(number, MODULES))
        broadcaster.flush(PATIENCE_SECS)
    wait_for_end(place, reader, run)
    return steps / (time.monotonic() - began)


def wait_for_end(place: Place, reader: Reader, run: str) -> None:
    """Return when a run's last message is with the subscriber.

    Raises:
        TimeoutError: It has not come within three minutes.
    """
    if not reader.ended[run].wait(PATIENCE_SECS):
        raise TimeoutError(f"{place.name}: the last message of {run} did not arrive")
