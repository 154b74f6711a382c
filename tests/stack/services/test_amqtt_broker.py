"""The broker in pure Python: the same users and rules."""

from __future__ import annotations

import pytest
from kit.mqtt_publisher import Client, arrived_until_barrier

from monty_mqtt_core.settings import passwords, ports
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.processes.launch import RunningService
from monty_mqtt_stack.services.mosquitto import amqtt_launch

STATUS = "monty/v1/run/main/status"
COMMAND = "monty/v1/run/main/command"


@pytest.fixture(scope="module")
def amqtt(tmp_path_factory):
    state = StateDir(tmp_path_factory.mktemp("state") / "with a space")
    running = RunningService(amqtt_launch(state, "127.0.0.1", ports.any_free("127.0.0.1")))
    try:
        running.wait_until_ready()
        yield running.launch, state
    finally:
        running.stop()


def test_amqtt_has_the_same_users_and_rules(amqtt):
    launch, state = amqtt
    password = {user: passwords.read(state, user) for user in passwords.USERS}

    def publish():
        for topic in (STATUS, COMMAND):
            with Client(launch.port) as anyone:
                anyone.publish(topic, b"anonymous", retain=True)
        with Client(launch.port, "liveview", password["liveview"]) as liveview:
            liveview.publish(COMMAND, b"liveview")
        with Client(launch.port, "control", password["control"]) as control:
            control.publish(COMMAND, b"control")
        with Client(launch.port, "control", "wrong") as intruder:
            assert intruder.code.is_failure

    arrived = arrived_until_barrier(launch.port, password["bridge"], publish)
    assert [(message.topic, message.payload) for message in arrived] == [(COMMAND, b"control")]


def test_an_anonymous_last_will_is_no_command_at_amqtt_either(amqtt):
    launch, _ = amqtt
    intruder = Client(launch.port)
    intruder.client.will_set(COMMAND, b"last will")
    with intruder:
        assert intruder.code.is_failure
