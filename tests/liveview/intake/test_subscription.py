"""The page's subscription: what arrives, when the broker may forget it, and what the page says without a broker."""

from __future__ import annotations

import threading

import pytest
from kit.bridge import make
from kit.machine.child_process import until
from kit.messages.message_examples import EXAMPLES
from kit.mqtt_publisher import Client
from kit.page.page_service import CLIENT_ID, broker_for

from monty_mqtt.wire import schema, topics
from monty_mqtt_core.reading.mqtt_client import BrokerAddress, DeliveryToken, MqttMessage
from monty_mqtt_liveview.intake.subscription import FILTERS, Inbox, Subscription
from monty_mqtt_stack.services import broker_acl
from monty_mqtt_stack.services.mosquitto import Mosquitto


def hears(topic):
    return any(broker_acl.matches(topic_filter, topic) for topic_filter in FILTERS)


def metric(seq):
    message = make(schema.Metric, seq)
    return topics.of_message(message).topic, schema.encode(message)


def taken(subscription, count, secs=20):
    messages = []
    until(lambda: messages.extend(subscription.inbox.take(0.05)) or len(messages) >= count, secs)
    return messages


def acknowledge(subscription, messages):
    """Return when the broker has read the acknowledgements: a client that comes back at once may be faster."""
    answered = threading.Event()
    subscription._client.on_subscribe = lambda *_: answered.set()
    subscription.acknowledge([message.token for message in messages])
    subscription._client.subscribe("monty/nothing", 1)
    assert answered.wait(10)


@pytest.mark.parametrize("kind", sorted(schema.KINDS))
def test_every_kind_is_heard(kind):
    assert hears(topics.of_message(EXAMPLES[kind]).topic)


def test_what_is_derived_or_asked_for_is_not():
    assert not hears(topics.build("r", "main", "evidence", "lm"))
    assert not hears(topics.build("r", "all", "command"))
    assert not hears(topics.influx_topic("r"))


def test_what_was_not_acknowledged_comes_again_and_nothing_else(broker):
    with Subscription(broker_for(broker), CLIENT_ID) as first:
        until(lambda: first.is_connected)
        with Client(broker.port, "bridge", broker.password("bridge")) as client:
            for seq in range(10):
                client.publish(*metric(seq))
        messages = taken(first, 10)
        acknowledge(first, messages[:6])
    with Subscription(broker_for(broker), CLIENT_ID) as second:
        again = taken(second, 4)
        assert [schema.decode(message.payload).seq for message in again] == [6, 7, 8, 9]
        acknowledge(second, again)
    with Subscription(broker_for(broker), CLIENT_ID) as third:
        until(lambda: third.is_connected)
        with Client(broker.port, "bridge", broker.password("bridge")) as client:
            client.publish(*metric(10))
        (last,) = taken(third, 1)
        assert schema.decode(last.payload).seq == 10
        acknowledge(third, [last])


def test_what_an_earlier_connection_brought_is_not_acknowledged(tmp_path):
    with Mosquitto(tmp_path) as broker, Subscription(broker_for(broker), CLIENT_ID) as subscription:
        until(lambda: subscription.is_connected)
        with Client(broker.port, "bridge", broker.password("bridge")) as client:
            client.publish(*metric(0))
        (first_message,) = taken(subscription, 1)
        broker.stop()
        until(lambda: not subscription.is_connected)
        broker.start()
        (again,) = taken(subscription, 1)
        assert (again.payload, again.token.connection) == (first_message.payload, 2)
        subscription.acknowledge([first_message.token])
        broker.stop()
        until(lambda: not subscription.is_connected)
        broker.start()
        assert [message.payload for message in taken(subscription, 1)] == [first_message.payload]


def test_a_refused_password_is_told_and_read_again_when_it_is_right(broker, tmp_path):
    file = tmp_path / "password"
    file.write_text("wrong")
    where = BrokerAddress(broker.host, broker.port, "liveview", file)
    with Subscription(where, "refused") as subscription:
        until(lambda: subscription.refused)
        assert subscription.problem == f"broker {where}: refuses user liveview: Not authorized"
        assert not subscription.is_connected
        file.unlink()
        until(lambda: "No such file" in subscription.problem)
        file.write_text(broker.password("liveview"))
        until(lambda: subscription.is_connected)
        assert subscription.problem == ""


def test_a_broker_that_comes_late_and_is_killed_is_found_again(tmp_path):
    with Mosquitto(tmp_path) as broker:
        broker.stop()
        with Subscription(broker_for(broker), CLIENT_ID) as subscription:
            assert subscription.problem.startswith(f"no broker at {broker_for(broker)}")
            broker.start()
            until(lambda: subscription.is_connected)
            assert subscription.problem == ""
            broker.kill()
            until(lambda: not subscription.is_connected)
            assert subscription.problem.startswith(f"no broker at {broker_for(broker)}")
            broker.start()
            until(lambda: subscription.is_connected)
            with Client(broker.port, "bridge", broker.password("bridge")) as client:
                client.publish(*metric(0))
            assert len(taken(subscription, 1)) == 1


def arrived(number, size, *, is_kept):
    return MqttMessage(
        f"topic/{number}", bytes(size), retain=False, token=DeliveryToken(number, 1) if is_kept else None
    )


def test_frames_that_nobody_takes_give_way_to_newer_ones_and_nothing_else_does():
    inbox = Inbox(most_bulk_bytes=1000, most_bytes=100_000)
    for number in range(100):
        inbox.put(arrived(number, 100, is_kept=False))
        inbox.put(arrived(number, 100, is_kept=True))
    taken_out = inbox.take(0)
    assert [message.topic for message in taken_out if message.token] == [f"topic/{number}" for number in range(100)]
    assert [message.topic for message in taken_out if not message.token] == [
        f"topic/{number}" for number in range(90, 100)
    ]
    assert inbox.given_way == 90
    assert inbox.take(0) == []


def test_what_the_broker_keeps_waits_there_until_there_is_room():
    inbox = Inbox(most_bytes=1000)
    thread = threading.Thread(target=lambda: [inbox.put(arrived(n, 600, is_kept=True)) for n in range(6)], daemon=True)
    thread.start()
    taken_out = []
    while len(taken_out) < 6:
        batch = inbox.take(5)
        assert sum(len(message.payload) for message in batch) <= 1200
        taken_out += batch
    thread.join(5)
    assert [message.topic for message in taken_out] == [f"topic/{number}" for number in range(6)]


def test_two_with_one_name_are_told_so_until_one_goes(broker):
    with Subscription(broker_for(broker), CLIENT_ID) as stays:
        with Subscription(broker_for(broker), CLIENT_ID) as other:
            until(lambda: stays.is_taken or other.is_taken, 30)
            displaced = stays if stays.is_taken else other
            assert "another client has this page's client id too" in displaced.problem
            assert CLIENT_ID not in displaced.problem, "whoever looks at the page could take its session"
            assert "--mqtt-client-id" in displaced.problem
        until(lambda: stays.problem == "", 30)
