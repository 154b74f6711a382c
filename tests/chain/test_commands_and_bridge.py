"""Commands through a real bridge that is restarted: obeyed at most once, and held for workers that start later."""

from __future__ import annotations

import itertools
import time

import paho.mqtt.client as mqtt
import pytest
from kit.bridge import config_for
from paho.mqtt.enums import CallbackAPIVersion

from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster
from monty_mqtt.errors import AbortRequested
from monty_mqtt.monitor.commands import CommandObeyer
from monty_mqtt.wire import schema, topics
from monty_mqtt_bridge.bridge import Bridge

pytestmark = pytest.mark.timeout(90)

WAIT_SECS = 20
_runs = itertools.count()


class Worker:
    """An experiment's thread, one step at a time."""

    def __init__(self, run, port, name="main"):
        self.broadcaster = ZmqBroadcaster(run_id=run, worker=name, zmq_port=port, strict=True)
        self.broadcaster.publish(schema.Status, status="running")
        self.commands = CommandObeyer(self.broadcaster)
        self.aborted = False
        self.pauses = 0
        # What a test looks at is that it pauses, not that it waits.
        self.commands._wait = lambda _place: 0.0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.broadcaster.close(flush_secs=5)

    def step(self):
        was_paused = self.commands.paused
        try:
            self.commands.obey(0, 0)
        except AbortRequested:
            self.aborted = True
        self.pauses += self.commands.paused and not was_paused
        self.broadcaster.listen(0.02)

    def greets(self):
        """Make steps until the bridge knows this worker, and it what the bridge told it."""
        self.broadcaster.publish_log("info", "here")
        self.steps_until(lambda: self.broadcaster.counts.unacknowledged == 0)

    def steps_until(self, condition):
        deadline = time.monotonic() + WAIT_SECS
        while not condition():
            assert time.monotonic() < deadline
            self.step()


@pytest.fixture
def start(broker, tmp_path):
    """Start a bridge, each time on the same journal and port."""
    ports = [0]

    def begin():
        bridge = Bridge(config_for(broker, bridge_id="again", zmq_port=ports[0], journal=str(tmp_path / "journal")))
        bridge.__enter__()
        ports[0] = bridge.zmq_port
        return bridge

    return begin


@pytest.fixture
def say(broker):
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set("control", broker.password("control"))
    client.connect(broker.host, broker.port)
    client.loop_start()

    def publish(run, worker, command, *, retain=False, **fields):
        payload = schema.encode(schema.Command(command=command, **fields))
        client.publish(topics.build(run, worker, "command"), payload, 1, retain).wait_for_publish(10)

    yield publish
    client.disconnect()
    client.loop_stop()


@pytest.fixture
def run():
    return f"restarts-{next(_runs)}"


def results(subscriber, run):
    return [message for message in subscriber.messages(schema.CommandResult) if message.run == run]


@pytest.mark.parametrize("to", ["main", "all"])
def test_a_retained_abort_and_two_restarts_of_the_bridge_are_obeyed_once(start, say, run, subscriber, to):
    bridge = start()
    with Worker(run, bridge.zmq_port) as worker:
        worker.greets()
        say(run, to, "abort", id="a", retain=True)
        worker.steps_until(lambda: worker.aborted)
        for _ in range(2):
            bridge.__exit__(None, None, None)
            bridge = start()
            heard = len(results(subscriber, run))
            say(run, to, "abort", id="a")
            worker.steps_until(lambda: len(results(subscriber, run)) > heard)  # noqa: B023 - called at once
        answers = {(one.seq, one.status, one.detail) for one in results(subscriber, run)}
        assert len(answers) == 1, "the worker answered once; the bridge gave the same answer again"
        assert answers.pop()[1:] == ("obeyed", "aborting at step 0 of episode 0")
    bridge.__exit__(None, None, None)


def test_an_abort_that_was_retained_while_no_bridge_was_there_is_refused(start, say, run, subscriber):
    bridge = start()
    with Worker(run, bridge.zmq_port) as worker:
        worker.greets()
        bridge.__exit__(None, None, None)
        say(run, "main", "abort", id="a", retain=True)
        for _ in range(2):
            bridge = start()
            worker.steps_until(lambda: bool(results(subscriber, run)))
            worker.greets()
            bridge.__exit__(None, None, None)
        assert not worker.aborted
        assert {(one.status, "retained" in one.detail) for one in results(subscriber, run)} == {("refused", True)}


def test_a_pause_of_all_holds_through_a_restart_until_all_are_resumed(start, say, run):
    bridge = start()
    with Worker(run, bridge.zmq_port, "a") as first:
        first.greets()
        say(run, "all", "pause", id="p")
        first.steps_until(lambda: first.commands.paused)
        bridge.__exit__(None, None, None)
        bridge = start()
        with Worker(run, bridge.zmq_port, "b") as later:
            later.steps_until(lambda: later.commands.paused)
            first.greets()
            say(run, "a", "resume", id="r1")
            first.steps_until(lambda: not first.commands.paused)
        bridge.__exit__(None, None, None)
        bridge = start()
        first.greets()
        with Worker(run, bridge.zmq_port, "c") as third:
            third.steps_until(lambda: third.commands.paused)
            first.greets()
            say(run, "all", "resume", id="r2")
            third.steps_until(lambda: not third.commands.paused)
        with Worker(run, bridge.zmq_port, "d") as fourth:
            fourth.greets()
            assert not fourth.commands.paused
        assert first.pauses == 1, "its own resume held, though what holds for all was said again at each hello"
    bridge.__exit__(None, None, None)
