"""The broker with the shipped configuration: who may do what, what it keeps, where its secrets are."""

from __future__ import annotations

import os
import re
import threading
import time

import paho.mqtt.client as mqtt
import psutil
import pytest
from kit.mqtt_publisher import WAIT_SECS, Client, arrived_until_barrier
from kit.mqtt_subscriber import Subscriber
from paho.mqtt.enums import CallbackAPIVersion

from monty_mqtt.conf_files import conf_dir
from monty_mqtt.errors import ServiceError
from monty_mqtt_core.settings import passwords
from monty_mqtt_stack.services.mosquitto import Mosquitto

COMMAND = "monty/v1/run/main/command"
STATUS = "monty/v1/run/main/status"
BRIDGE_STATUS = "monty/bridge/v1/main/status"


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with Mosquitto(tmp_path_factory.mktemp("state") / "with a space") as mosquitto:
        yield mosquitto


def test_anonymous_reads_what_the_bridge_publishes(broker):
    with Subscriber(broker.host, broker.port) as anyone, Client(
        broker.port, "bridge", broker.password("bridge")
    ) as client:
        client.publish(STATUS, b"running", retain=True)
        anyone.wait_for(lambda seen: [m for m in seen if m.topic == STATUS and m.payload == b"running"], WAIT_SECS)
    with Subscriber(broker.host, broker.port) as late:
        late.wait_for(lambda seen: [m for m in seen if m.topic == STATUS and m.retain], WAIT_SECS)


@pytest.mark.parametrize("topic", [STATUS, COMMAND, "monty/influx/v1/run", BRIDGE_STATUS, "monty/raw/v1/a/b/frame/c/d"])
def test_anonymous_can_neither_publish_nor_command(broker, topic):
    payload = f"anonymous {topic}".encode()

    def publish():
        # One connection each: Debian's Mosquitto acknowledges a refused message, then closes the connection.
        for retain in (False, True):
            with Client(broker.port) as anyone:
                anyone.publish(topic, payload, retain=retain)

    arrived = arrived_until_barrier(broker.port, broker.password("bridge"), publish)
    assert payload not in [message.payload for message in arrived]
    assert payload not in [
        message.payload for message in arrived_until_barrier(broker.port, broker.password("bridge"), int)
    ]


@pytest.mark.parametrize("user", ["control", None])
def test_an_anonymous_last_will_is_no_command(broker, user):
    def leave_a_will():
        dying = mqtt.Client(CallbackAPIVersion.VERSION2)
        if user:
            dying.username_pw_set(user, broker.password(user))
        dying.will_set(COMMAND, b"last will", qos=1)
        dying.connect("127.0.0.1", broker.port)
        while not dying.is_connected():
            dying.loop(0.1)
        dying.socket().close()  # without DISCONNECT: the broker publishes the will

    arrived = arrived_until_barrier(broker.port, broker.password("bridge"), leave_a_will)
    assert (b"last will" in [message.payload for message in arrived]) == (user == "control")


@pytest.mark.parametrize("user", passwords.USERS)
def test_a_wrong_password_is_refused(broker, user):
    with Client(broker.port, user, "wrong") as intruder:
        assert intruder.code.is_failure


@pytest.mark.parametrize(
    ("user", "may_write"),
    [
        ("bridge", {STATUS, COMMAND, "monty/influx/v1/run", BRIDGE_STATUS}),
        ("control", {COMMAND}),
        ("telegraf", set()),
        ("liveview", set()),
    ],
)
def test_each_user_writes_only_its_own(broker, user, may_write):
    topics = [STATUS, COMMAND, "monty/influx/v1/run", BRIDGE_STATUS]

    def publish():
        for topic in topics:
            with Client(broker.port, user, broker.password(user)) as client:
                client.publish(topic, user.encode())

    arrived = arrived_until_barrier(broker.port, broker.password("bridge"), publish)
    assert {message.topic for message in arrived if message.payload == user.encode()} == may_write


@pytest.mark.parametrize(
    ("user", "may_read"),
    [
        ("bridge", {COMMAND, STATUS, "monty/v1/run/main/info", BRIDGE_STATUS}),
        ("telegraf", {"monty/influx/v1/run"}),
        ("liveview", {COMMAND, STATUS, "monty/v1/run/main/info", "monty/v1/run/main/step", BRIDGE_STATUS}),
        ("control", {COMMAND, STATUS, "monty/v1/run/main/info", "monty/v1/run/main/step", BRIDGE_STATUS}),
    ],
)
def test_each_user_reads_only_its_own(broker, user, may_read):
    known = {COMMAND, STATUS, "monty/v1/run/main/info", "monty/v1/run/main/step", BRIDGE_STATUS, "monty/influx/v1/run"}
    may_read = may_read | ({"monty/influx/v1/run"} if user in ("liveview", "control") else set())
    credentials = {"username": user, "password": broker.password(user)}
    payload = f"for {user}".encode()
    with Subscriber(broker.host, broker.port, **credentials) as reader, Subscriber("127.0.0.1", broker.port) as anyone:
        with Client(broker.port, "bridge", broker.password("bridge")) as bridge:
            for topic in known:
                bridge.publish(topic, payload)
        anyone.wait_for(
            lambda seen: {message.topic for message in seen if message.payload == payload} == known, WAIT_SECS
        )
        got = {message.topic for message in reader.received if message.payload == payload}
        if got != may_read:  # its connection may be a little behind the other's
            reader.wait_for(lambda seen: {m.topic for m in seen if m.payload == payload} == may_read, WAIT_SECS)


def test_it_runs_as_whoever_started_it(broker):
    assert psutil.Process(broker.pid).uids().effective == os.geteuid()


def test_the_windows_that_ship():
    text = (conf_dir() / "mosquitto" / "conf.d" / "monty.conf").read_text()
    values = dict(re.findall(r"^(\w+) (\S+)$", text, re.MULTILINE))
    telegraf_max_undelivered_messages, telegraf_metric_buffer_limit, points_a_message = 1500, 200_000, 100
    assert int(values["max_inflight_messages"]) == 1000 < telegraf_max_undelivered_messages
    assert telegraf_max_undelivered_messages * points_a_message < telegraf_metric_buffer_limit
    assert values["persistence"] == "true"
    assert values["autosave_interval"] == "1"
    assert values["autosave_on_changes"] == "false"
    assert values["max_queued_messages"] == "0"
    assert values["max_queued_bytes"] == "0"
    assert int(values["max_packet_size"]) >= 10_000_000
    places = {"listener", "password_file", "acl_file", "persistence_location", "user", "port", "bind_address"}
    assert not places & values.keys(), "what differs from machine to machine is not in the shared file"


def test_the_containers_file_includes_the_same_configuration():
    text = (conf_dir() / "mosquitto" / "mosquitto.conf").read_text()
    words = [line.split()[0] for line in text.splitlines() if line and not line.startswith("#")]
    assert words == ["listener", "password_file", "acl_file", "persistence_location", "include_dir"]


def test_a_killed_broker_comes_back_on_its_port_with_what_it_saved(tmp_path):
    topic = "monty/v1/kept/main/status"
    with Mosquitto(tmp_path) as mosquitto:
        with Client(mosquitto.port, "bridge", mosquitto.password("bridge")) as bridge:
            bridge.publish(topic, b"kept", retain=True)
        database, deadline = mosquitto.state.mosquitto / "mosquitto.db", time.monotonic() + WAIT_SECS
        while not (database.exists() and topic.encode() in database.read_bytes()):  # autosave_interval 1
            assert time.monotonic() < deadline
        port = mosquitto.port
        mosquitto.kill()
        assert mosquitto.pid == 0
        mosquitto.start()
        assert mosquitto.port == port
        with Subscriber(mosquitto.host, port) as anyone:
            anyone.wait_for(lambda seen: [message for message in seen if message.payload == b"kept"], WAIT_SECS)


@pytest.mark.parametrize("user", ["telegraf", "liveview"])
def test_what_comes_between_a_killed_brokers_restart_and_a_subscribers_return_is_kept_for_a_user(tmp_path, user):
    """Of anonymous sessions that it has from its disk, Mosquitto 2.0 does not know the rights, and keeps nothing."""
    topic, seen, all_here = "monty/influx/v1/kept", [], threading.Event()
    with Mosquitto(tmp_path) as mosquitto:
        credentials = (user, mosquitto.password(user))
        with Client(mosquitto.port, *credentials, client_id="persistent", clean_session=False) as reader:
            reader.client.subscribe(topic, qos=1)
            database, deadline = mosquitto.state.mosquitto / "mosquitto.db", time.monotonic() + WAIT_SECS
            while not (database.exists() and topic.encode() in database.read_bytes()):
                assert time.monotonic() < deadline
        mosquitto.kill()
        mosquitto.start()
        with Client(mosquitto.port, "bridge", mosquitto.password("bridge")) as bridge:
            for number in range(10):
                bridge.publish(topic, b"%d" % number)
        back = Client(mosquitto.port, *credentials, client_id="persistent", clean_session=False)

        def on_message(_client, _data, message):
            seen.append(int(message.payload))
            if len(seen) == 10:
                all_here.set()

        back.client.on_message = on_message
        with back:
            assert all_here.wait(WAIT_SECS), f"{len(seen)} of 10"


def test_a_subscriber_that_is_away_misses_nothing(broker):
    count = 3000  # three times Mosquitto's default queue
    credentials = ("liveview", broker.password("liveview"))
    with Client(broker.port, *credentials, client_id="away", clean_session=False) as reader:
        subscribed = threading.Event()
        reader.client.on_subscribe = lambda *_: subscribed.set()
        reader.client.subscribe("monty/v1/queued/#", qos=1)
        assert subscribed.wait(WAIT_SECS)
    with Client(broker.port, "bridge", broker.password("bridge")) as bridge:
        sent = [bridge.client.publish("monty/v1/queued/main/step", str(n).encode(), qos=1) for n in range(count)]
        for receipt in sent:
            receipt.wait_for_publish(WAIT_SECS)
    seen, all_here = [], threading.Event()

    def on_message(_client, _data, message):
        seen.append(int(message.payload))
        if len(seen) == count:
            all_here.set()

    back = Client(broker.port, *credentials, client_id="away", clean_session=False)
    back.client.on_message = on_message
    with back:
        assert all_here.wait(WAIT_SECS), f"{len(seen)} of {count}"
    assert seen == list(range(count))


def test_a_taken_port_is_named_with_its_owner(tmp_path, broker):
    with pytest.raises(ServiceError, match=rf"port {broker.port} is taken by mosquitto \(pid {broker.pid}\)"):
        Mosquitto(tmp_path, port=broker.port).start()


def test_a_missing_program_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("monty_mqtt_stack.services.mosquitto._OFF_PATH", ())
    with pytest.raises(ServiceError, match="apt install mosquitto"):
        Mosquitto(tmp_path).start()
