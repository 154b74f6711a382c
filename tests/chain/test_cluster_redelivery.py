"""A subscriber's connection breaks, messages are on their way, the worker changes bridges: what is late, and why."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from kit.bridge import config_for
from kit.cluster.order_witness import OrderWitness
from kit.machine.child_process import until
from kit.machine.nats_cluster import NatsCluster
from kit.machine.tcp_proxy import TcpProxy
from kit.mqtt_subscriber import Subscriber

from monty_mqtt import ZmqBroadcaster
from monty_mqtt.broadcast.link import bridge_choice
from monty_mqtt.wire import schema
from monty_mqtt_bridge.bridge import Bridge

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]  # NATS is built once, in a minute
RUN = "in-flight"
"""A name whose worker begins with the first of two bridges: it goes by a checksum."""

BEGUN, LOST, BEHIND = range(2, 5), range(5, 8), range(8, 11)
"""Seqs that arrive, that are on their way as the connection breaks, and that arrive at the next one.

Those before are of `info` and `status`, which a broadcaster publishes itself.
"""

ARRIVED_SECS = 60
REDELIVERED_SECS = 60
"""A node gives what was not acknowledged again after 30 s (`ack_wait`)."""

ENDLESS = 10_000


@pytest.fixture
def stack():
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def cluster(tmp_path):
    with NatsCluster(tmp_path / "nats") as nodes:
        yield nodes


class Scene:
    """Two bridges, a worker that is with the first, a witness whose first connection can be held, an onlooker."""

    def __init__(self, cluster, journals, stack):
        self.bridges = [
            stack.enter_context(Bridge(config_for(cluster, bridge_id=name, mqtt_brokers=nodes, journal=str(journal))))
            for name, nodes, journal in zip(("first", "second"), begin_at(cluster, (1, 2)), journals, strict=True)
        ]
        first, second = (bridge.zmq_port for bridge in self.bridges)
        self.to_first = stack.enter_context(TcpProxy(first))
        self.to_witness = stack.enter_context(ExitStack())
        held = self.to_witness.enter_context(TcpProxy(cluster.address.port))
        self.hold_witness = lambda: held.hang(up=False)
        node, broker = cluster.address.each[2], cluster.as_user("liveview")
        self._onlooker = stack.enter_context(Subscriber(node.host, node.port, "monty/v1/#"))
        turned = broker._replace(port=held.port, others=broker.others[1:])
        self._witness = stack.enter_context(OrderWitness(turned, set()))
        for bridge in self.bridges:
            self._warm_up(bridge)
        addresses = f"tcp://127.0.0.1:{self.to_first.port},tcp://127.0.0.1:{second}"
        self.worker = stack.enter_context(ZmqBroadcaster(run_id=RUN, bridge=addresses, strict=True))
        self.seen = self._witness.workers[RUN, self.worker.worker]

    def publish(self, seqs):
        for seq in seqs:
            self.worker.publish_metric("number", seq)

    def wait_published(self, seqs):
        """Wait until the onlooker has messages."""
        until(lambda: self.worker.pump() or set(seqs) <= self._published(), ARRIVED_SECS)

    def wait_arrived(self, seqs):
        """Wait until the witness has messages."""
        until(lambda: self.worker.pump() or set(seqs) <= self.seen.times.keys(), ARRIVED_SECS)

    def _published(self):
        return {one.seq for one in self._onlooker.messages(schema.Metric) if one.run == RUN}

    def _warm_up(self, bridge):
        """Publish at a bridge's node until both subscribers hear it: a cluster needs seconds for a new subscription."""
        run = f"warm-up-{bridge.zmq_port}"
        with ZmqBroadcaster(run_id=run, zmq_port=bridge.zmq_port) as broadcaster:

            def is_heard():
                broadcaster.publish_metric("number", 0)
                return self._witness.count(run) and any(run in one.topic for one in self._onlooker.received)

            until(is_heard, ARRIVED_SECS)


def begin_at(cluster, places):
    """Return the address of all nodes, beginning with each of these."""
    nodes = [f"{node.host}:{node.port}" for node in cluster.address.each]
    return [f"mqtt://{','.join(nodes[place:] + nodes[:place])}" for place in places]


def test_what_comes_late_is_given_again_by_a_node_half_a_minute_later(cluster, tmp_path, stack, monkeypatch):
    scene = Scene(cluster, [tmp_path / "first", tmp_path / "second"], stack)
    scene.publish(BEGUN)
    scene.wait_arrived(BEGUN)
    assert scene.worker.flush(ARRIVED_SECS)
    monkeypatch.setattr(bridge_choice, "_UNANSWERED_PROBES", ENDLESS)  # it stays with the first, which is not heard
    scene.to_first.hang(up=False)
    scene.hold_witness()
    scene.publish(LOST)
    scene.wait_published(LOST)
    scene.to_witness.close()
    scene.publish(BEHIND)
    scene.wait_arrived(BEHIND)
    assert not scene.seen.times.keys() & set(LOST)
    scene.to_first.hang()
    monkeypatch.undo()
    scene.wait_arrived(LOST)
    assert [one.seq for one in scene.seen.late] == list(LOST)
    assert [one.seq for one in scene.seen.unexplained] == list(LOST)
    until(lambda: not scene.seen.unexplained, REDELIVERED_SECS)
    assert scene.worker.flush(ARRIVED_SECS)
