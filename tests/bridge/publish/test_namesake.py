"""Two bridges at one broker: each answers for its own workers only, and no two have one id."""

from __future__ import annotations

import signal
from contextlib import ExitStack

import pytest
from kit.bridge import Dealer, config_for
from kit.bridge_process import BridgeProcess, at
from kit.mqtt_subscriber import Subscriber

from monty_mqtt.wire import schema
from monty_mqtt_bridge.bridge import Bridge
from monty_mqtt_bridge.rules import liveness
from monty_mqtt_stack.services.mosquitto import Mosquitto


@pytest.fixture
def stack():
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def own(tmp_path):
    with Mosquitto(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def looks(monkeypatch):
    """A bridge that says `disconnected` after half a second, and all that it looked at."""
    monkeypatch.setattr(liveness, "GRACE_SECS", 0.3)
    seen = []
    look = liveness.Liveness.tick
    monkeypatch.setattr(liveness.Liveness, "tick", lambda *args: seen.append(args[0]) or look(*args))
    return seen


def statuses(subscriber):
    return [(status.status, status.bridge) for status in subscriber.messages(schema.Status)]


def words_on(subscriber, bridge_id):
    topic = f"monty/bridge/v1/{bridge_id}/status"
    return [message.payload for message in list(subscriber.received) if message.topic == topic]


def test_a_bridge_with_an_id_of_its_own_leaves_the_runs_of_another_alone(own, stack, looks):
    first = stack.enter_context(Bridge(config_for(own, bridge_id="first")))
    with Dealer(first.zmq_port) as dealer:
        dealer.hello()
        dealer.send(schema.Status, 0)
        subscriber = stack.enter_context(Subscriber(own.host, own.port))
        subscriber.wait_for(lambda _: statuses(subscriber) == [("running", "first")])
        for number in range(2):  # also one that starts again
            with Bridge(config_for(own, bridge_id="second")) as second:
                count = len(looks)
                subscriber.wait_for(lambda _, count=count: len(looks) > count + 8, 20)
                with Dealer(second.zmq_port, run=f"of the second {number}") as other:
                    other.hello()
                    other.send(schema.Status, 0, status="completed")
                    other.send(schema.End, 1)
                    other.acked(2)
        assert {status for status in statuses(subscriber) if status[0] != "completed"} == {("running", "first")}
    subscriber.wait_for(lambda _: ("disconnected", "first") in statuses(subscriber), 20)


@pytest.mark.usefixtures("looks")
def test_a_bridge_that_starts_again_still_answers_for_its_own(own, stack, tmp_path):
    with Bridge(config_for(own, bridge_id="first")) as first, Dealer(first.zmq_port) as dealer:
        dealer.hello()
        dealer.send(schema.Status, 0)
        dealer.acked(1)
    subscriber = stack.enter_context(Subscriber(own.host, own.port))
    stack.enter_context(Bridge(config_for(own, bridge_id="first", journal=str(tmp_path / "lost"))))
    subscriber.wait_for(lambda _: ("disconnected", "first") in statuses(subscriber), 20)


def test_a_second_bridge_of_an_id_refuses_to_start_in_one_line_and_the_first_stays_online(own, stack):
    first = stack.enter_context(BridgeProcess(**at(own, bridge_id="lab")))
    port = first.ready()
    with BridgeProcess(**at(own, bridge_id="lab")) as second:
        code, lines = second.end(secs=30)
    assert code == 2
    (line,) = lines
    assert line.startswith(f"monty-mqtt-bridge: bridge_id: 'lab' is taken at mqtt://127.0.0.1:{own.port}, by process ")
    with Subscriber(own.host, own.port) as subscriber, Dealer(port) as dealer:
        dealer.hello()
        dealer.send(schema.Status, 0)
        subscriber.wait_for(lambda _: statuses(subscriber) == [("running", "lab")])
        assert words_on(subscriber, "lab") == [b"online"]


def test_online_that_a_killed_one_left_behind_keeps_nobody_out(own, stack):
    with BridgeProcess(**at(own, bridge_id="lab")) as first:
        first.ready()
        with Subscriber(own.host, own.port) as subscriber:
            subscriber.wait_for(lambda _: words_on(subscriber, "lab") == [b"online"])
            topic = "monty/bridge/v1/lab/health"
            subscriber.wait_for(
                lambda got: sum(message.topic == topic for message in got) > 2
            )  # the broker saves each second
        own.kill()
        first.end(signal.SIGKILL)
    own.start()
    with Subscriber(own.host, own.port) as subscriber:
        subscriber.wait_for(lambda _: words_on(subscriber, "lab") == [b"online"])
        stack.enter_context(Bridge(config_for(own, bridge_id="lab")))


def test_two_that_came_to_have_one_id_are_both_told(own, stack, caplog):
    """The first is frozen while the second looks, so both run. Who of them ends, does not take the other offline."""
    first = stack.enter_context(BridgeProcess(**at(own, bridge_id="lab")))
    first.ready()
    subscriber = stack.enter_context(Subscriber(own.host, own.port))
    first.signal(signal.SIGSTOP)
    with Bridge(config_for(own, bridge_id="lab")):
        first.signal(signal.SIGCONT)
        assert "another bridge has the id 'lab', too: process " in first.line_with("another bridge")
        subscriber.wait_for(lambda _: "another bridge has the id 'lab', too" in caplog.text)
    # Offline once or twice: the one that ended says so, and its last will may follow.
    subscriber.wait_for(lambda _: b"offline" in (words := words_on(subscriber, "lab")) and words[-1] == b"online")
