"""One experiment, two bridges, one broker: whichever bridge goes, nothing is lost, out of order, or told wrongly."""

from __future__ import annotations

import itertools
import signal
import time
from contextlib import ExitStack

import pytest
from kit.bridge import config_for
from kit.bridge_process import BridgeProcess, at
from kit.history.line_parser import parse
from kit.machine.tcp_proxy import TcpProxy
from kit.mqtt_publisher import Client
from kit.mqtt_subscriber import Subscriber

from monty_mqtt import ZmqBroadcaster
from monty_mqtt.monitor.commands import CommandObeyer
from monty_mqtt.wire import schema, topics
from monty_mqtt_bridge.bridge import Bridge
from monty_mqtt_bridge.rules import liveness

IDS = ["pair-a", "pair-b"]


@pytest.fixture
def stack():
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def pair(broker, stack):
    """Two bridges, each behind a link that can be cut."""
    bridges = [stack.enter_context(Bridge(config_for(broker, bridge_id=name))) for name in IDS]
    return bridges, [stack.enter_context(TcpProxy(bridge.zmq_port)) for bridge in bridges]


class Experiment:
    """An experiment's thread that was given both bridges."""

    def __init__(self, stack, subscriber, ports, run, status="running", experiment=None):
        addresses = ",".join(f"tcp://127.0.0.1:{port}" for port in ports)
        self.run, self._subscriber = run, subscriber
        self._numbers = itertools.count()
        self.broadcaster = ZmqBroadcaster(run_id=run, bridge=addresses, strict=True)
        stack.callback(self.broadcaster.close, flush_secs=0)
        self.broadcaster.publish(schema.Info, schema_version=schema.SCHEMA_VERSION, experiment=experiment)
        self.broadcaster.publish(schema.Status, status=status)
        assert self.broadcaster.flush(5)
        subscriber.wait_for(lambda _: self.owner())

    def goes_on_until(self, condition, secs=20.0):
        """Publish numbers, fifty a second, until the condition holds."""
        deadline = time.monotonic() + secs
        while not condition():
            assert time.monotonic() < deadline
            self.broadcaster.publish_metric("number", next(self._numbers))
            time.sleep(0.02)

    def statuses(self):
        return [message for message in self._subscriber.messages(schema.Status) if message.run == self.run]

    def owner(self):
        """Return the id of the bridge that answers for the worker, by its last status."""
        return next((status.bridge for status in reversed(self.statuses())), "")

    def ends(self):
        self.broadcaster.close()
        self._subscriber.wait_for(lambda _: self.statuses()[-1].status == "completed")

    def assert_complete(self):
        """Check that all numbers arrived, in order once the duplicates are left out."""
        numbers = [message for message in self._subscriber.messages(schema.Metric) if message.run == self.run]
        values = list(dict.fromkeys(int(message.value) for message in numbers))
        assert values == list(range(len(values)))


def retained_status(broker, run):
    with Subscriber(broker.host, broker.port, topics.build(run, "main", "status")) as look:
        (last,) = look.wait_for(list)
    return schema.decode(last.payload)


def test_a_worker_whose_link_is_cut_lives_with_the_other_bridge(pair, broker, subscriber, stack, monkeypatch):
    monkeypatch.setattr(liveness, "GRACE_SECS", 2.0)
    bridges, links = pair
    worker = Experiment(stack, subscriber, [link.port for link in links], "cut off")
    first = worker.owner()
    links[IDS.index(first)].hang()
    worker.goes_on_until(lambda: worker.owner() != first)
    time.sleep(5)  # the first bridge notices within 3 s that the connection is gone, and could say `disconnected`
    links[IDS.index(first)].resume()  # what it had in its socket comes late
    worker.goes_on_until(lambda: worker.broadcaster.counts.published > 300)
    assert worker.broadcaster.flush(5)
    last = retained_status(broker, worker.run)
    assert (last.status, last.bridge != first) == ("running", True)
    assert {status.status for status in worker.statuses()} == {"running"}
    worker.assert_complete()
    assert [bridge.counts.lost for bridge in bridges] == [0, 0]


def test_it_comes_back_when_the_other_bridge_goes_too_and_nothing_counts_as_lost(pair, subscriber, stack):
    bridges, links = pair
    worker = Experiment(stack, subscriber, [link.port for link in links], "there and back", status="paused")
    for _ in range(3):
        here = worker.owner()
        links[IDS.index(here)].hang()
        worker.goes_on_until(lambda here=here: worker.owner() != here)
        assert worker.statuses()[-1].status == "paused"
        links[IDS.index(here)].resume()
        assert worker.broadcaster.flush(5)
    worker.ends()
    worker.assert_complete()
    assert [(bridge.counts.lost, bridge.counts.bulk_lost) for bridge in bridges] == [(0, 0), (0, 0)]


def test_its_points_stay_in_one_series_whichever_bridge_makes_them(pair, subscriber, stack):
    """The experiment's name is a tag of each point, and only the first bridge has the message that says it."""
    _, links = pair
    worker = Experiment(stack, subscriber, [link.port for link in links], "one series", experiment="the experiment")
    first = worker.owner()
    links[IDS.index(first)].hang()
    worker.goes_on_until(lambda: worker.owner() != first)
    worker.ends()
    numbers = worker.broadcaster.counts.published - 3
    topic = topics.influx_topic(worker.run)

    def points():
        batches = [one.payload for one in subscriber.received if one.topic == topic]
        return {
            (one.tags.get("experiment"), one.time)
            for batch in batches
            for one in parse(batch)
            if one.measurement == "metric"
        }

    subscriber.wait_for(lambda _: len(points()) >= numbers)
    assert {experiment for experiment, _ in points()} == {"the experiment"}
    assert len(points()) == numbers


def test_only_the_bridge_that_has_the_worker_answers_for_it(pair, broker, subscriber, stack):
    _, links = pair
    worker = Experiment(stack, subscriber, [link.port for link in links], "commanded")
    obeyer = CommandObeyer(worker.broadcaster)
    obeyer._wait = lambda _place: 0.0
    first = worker.owner()
    links[IDS.index(first)].hang()
    worker.goes_on_until(lambda: worker.owner() != first)

    def goes_on_until(condition):
        worker.goes_on_until(lambda: obeyer.obey(0, 0) or condition())

    with Client(broker.port, "control", broker.password("control")) as control:
        for number, (to, command) in enumerate([("main", "pause"), ("all", "resume"), ("all", "pause")]):
            payload = schema.encode(schema.Command(id=str(number), command=command))
            control.publish(topics.build(worker.run, to, "command"), payload)
            goes_on_until(lambda command=command: obeyer.paused == (command == "pause"))
    assert worker.broadcaster.flush(5)
    answers = [answer for answer in subscriber.messages(schema.CommandResult) if answer.run == worker.run]
    assert {answer.status for answer in answers} == {"obeyed"}, "the other bridge is silent"


def test_the_machine_with_the_bridge_is_gone_for_good(broker, subscriber, stack, tmp_path):
    """What is only in a bridge's journal is nowhere else: so nothing is acknowledged before the broker has it."""
    bridges = {
        name: stack.enter_context(BridgeProcess(**at(broker, bridge_id=name, journal=tmp_path / name)))
        for name in ("here", "there")
    }
    worker = Experiment(stack, subscriber, [bridge.ready() for bridge in bridges.values()], "survivor")
    first = worker.owner()
    broker.child.send_signal(signal.SIGSTOP)
    try:
        for _ in range(200):
            worker.broadcaster.publish_metric("number", next(worker._numbers))
        assert not worker.broadcaster.flush(1), "the bridge has them on its disk, and the broker does not"
        bridges[first].signal(signal.SIGKILL)
    finally:
        broker.child.send_signal(signal.SIGCONT)
    worker.goes_on_until(lambda: worker.owner() != first, 40)
    again = at(broker, bridge_id=first, journal=tmp_path / first)
    with BridgeProcess(**again) as restarted:
        restarted.ready()
        came_back_at = time.monotonic()
        worker.goes_on_until(lambda: time.monotonic() - came_back_at > liveness.GRACE_SECS + 2)
        worker.ends()
    assert {status.status for status in worker.statuses()} == {"running", "completed"}
    assert retained_status(broker, worker.run).bridge != first
    worker.assert_complete()
    assert len({message.value for message in subscriber.messages(schema.Metric) if message.run == worker.run}) > 200


def test_a_machine_that_had_no_network_does_not_overwrite_what_the_other_says(broker, subscriber, stack):
    ways = {name: stack.enter_context(TcpProxy(broker.port)) for name in IDS}
    bridges = [
        stack.enter_context(Bridge(config_for(broker, bridge_id=name, mqtt_port=way.port)))
        for name, way in ways.items()
    ]
    links = dict(zip(IDS, (stack.enter_context(TcpProxy(bridge.zmq_port)) for bridge in bridges), strict=True))
    worker = Experiment(stack, subscriber, [link.port for link in links.values()], "no network")
    first = worker.owner()
    worker.broadcaster.publish(schema.Status, status="paused")  # on its way to the first bridge, or to the broker
    for way in (ways[first], links[first]):
        way.hang()
    worker.goes_on_until(lambda: worker.owner() != first)
    worker.broadcaster.publish(schema.Status, status="running")
    time.sleep(20)  # the first bridge gives its connection to the broker up after two pings without an answer
    for way in (ways[first], links[first]):
        way.resume()
    counts = bridges[IDS.index(first)].counts
    worker.goes_on_until(lambda: counts.mqtt_connects > 1, 30)
    resumed_at = time.monotonic()
    worker.goes_on_until(lambda: time.monotonic() - resumed_at > liveness.GRACE_SECS + 3, 30)
    last = retained_status(broker, worker.run)
    assert (last.status, last.bridge != first) == ("running", True)
    assert "disconnected" not in {status.status for status in worker.statuses()}
    worker.ends()
    worker.assert_complete()
