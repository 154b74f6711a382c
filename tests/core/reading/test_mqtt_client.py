"""What a broker retains is known to be all: more than its window, slowly, and beside what is published meanwhile."""

from __future__ import annotations

import socket
import threading
import time

import pytest
from kit.mqtt_publisher import Client
from kit.mqtt_subscriber import Subscriber as Witness

from monty_mqtt.errors import ServiceError
from monty_mqtt_core.reading.mqtt_client import BrokerAddress, Subscriber, retained
from monty_mqtt_core.settings import passwords, ports
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.processes.launch import RunningService
from monty_mqtt_stack.services.mosquitto import amqtt_launch

pytest_plugins = ("kit.bridge",)

MANY = 3_000
"""Above `max_inflight_messages` of the broker, 1000."""


@pytest.fixture(scope="module")
def kept(broker):
    """Statuses of many runs at the broker."""
    filled = [f"monty/v1/many-{number}/main/status" for number in range(MANY)]
    with Client(broker.port, "bridge", broker.password("bridge")) as bridge:
        for topic in filled:
            bridge.client.publish(topic, b"x" * 500, qos=1, retain=True)
        bridge.publish("monty/v1/none/main/event/last")
        yield filled
        for topic in filled:
            bridge.client.publish(topic, b"", qos=1, retain=True)
        bridge.publish("monty/v1/none/main/event/last")


class SlowWay:
    """A way to the broker on which each piece of what it says takes its time, and stops longer than any silence."""

    def __init__(self, port, pause_secs):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.pause_secs, self._to = self.listener.getsockname()[1], pause_secs, port
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def _serve(self):
        client, _ = self.listener.accept()
        broker = socket.create_connection(("127.0.0.1", self._to))
        threading.Thread(target=self._pass, args=(client, broker, lambda: 0.0), daemon=True).start()
        self._pass(broker, client, lambda: self.pause_secs)

    def _pass(self, source, target, pause_secs):
        """Hand on what comes; the pauses are the network that is tried here, not a wait for something."""
        with source, target:
            try:
                while piece := source.recv(200_000):
                    time.sleep(pause_secs())
                    target.sendall(piece)
            except OSError:
                pass


def test_everything_retained_is_found_over_a_way_that_is_silent_for_longer_than_any_wait(broker, kept):
    with SlowWay(broker.port, pause_secs=0.3) as proxy:
        messages = retained(BrokerAddress("127.0.0.1", proxy.port), ["monty/v1/+/+/status"])
    assert {message.topic for message in messages} >= set(kept)
    assert all(message.retain for message in messages)


def test_it_ends_beside_a_run_that_publishes_without_a_pause(broker, kept):
    stop = threading.Event()

    def publish():
        with Client(broker.port, "bridge", broker.password("bridge")) as bridge:
            while not stop.is_set():
                bridge.publish("monty/v1/busy/main/step")

    busy = threading.Thread(target=publish)
    busy.start()
    try:
        messages = retained(BrokerAddress("127.0.0.1", broker.port), ["monty/v1/#"])
    finally:
        stop.set()
        busy.join()
    assert {message.topic for message in messages} >= set(kept)
    assert not [message for message in messages if message.topic.endswith("/step")]


def test_nothing_retained_is_known_as_well(broker):
    assert retained(BrokerAddress("127.0.0.1", broker.port), ["monty/v1/nobody/+/status"]) == []


def test_a_broker_that_falls_silent_is_an_error_and_not_the_end(broker):
    with SlowWay(broker.port, pause_secs=0.0) as proxy:
        halted = Subscriber(BrokerAddress("127.0.0.1", proxy.port), ["monty/v1/+/+/status"], qos=0)
        with halted:
            proxy.pause_secs = 60.0
            with pytest.raises(ServiceError, match=r"it did not say within 0\.5 s what it retains"):
                halted.until_answered(0.5)


def test_amqtt_answers_in_order_too(tmp_path):
    state = StateDir(tmp_path)
    running = RunningService(amqtt_launch(state, "127.0.0.1", ports.any_free("127.0.0.1")))
    try:
        running.wait_until_ready()
        port = running.launch.port
        filled = [f"monty/v1/run-{number}/main/status" for number in range(100)]
        with Client(port, "bridge", passwords.read(state, "bridge")) as bridge:
            for topic in filled:
                bridge.publish(topic, b"x", retain=True)
        with Witness("127.0.0.1", port, filled[-1]) as witness:  # amqtt acknowledges a message before it retains it
            witness.wait_for(bool)
        assert {
            message.topic for message in retained(BrokerAddress("127.0.0.1", port), ["monty/v1/+/+/status"])
        } == set(filled)
    finally:
        running.stop()
