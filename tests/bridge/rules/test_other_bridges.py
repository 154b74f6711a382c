"""Which workers other bridges answer for, by the statuses at the broker."""

from __future__ import annotations

import pytest
from kit.bridge import make

from monty_mqtt.wire import schema
from monty_mqtt_bridge.rules.other_bridges import OtherBridges, status_in
from monty_mqtt_core.reading.mqtt_client import MqttMessage

KEY = ("run", "main")


@pytest.fixture
def others():
    return OtherBridges("here")


def status(bridge, word="running"):
    return make(schema.Status, 5, status=word, bridge=bridge)


def bridge_says(payload):
    return MqttMessage("monty/bridge/v1/there%2F2/status", payload, True)  # noqa: FBT003


def test_a_worker_belongs_to_the_bridge_that_published_its_last_status(others):
    assert others.hear(status("there"))
    assert others.live("run") == ["main"]
    assert not others.hear(status("here"))
    assert others.live("run") == []


@pytest.mark.parametrize("signed", [None, ""])
def test_a_status_that_no_bridge_has_signed_changes_nothing(others, signed):
    others.hear(status("there"))
    assert not others.hear(status(signed))
    assert others.live("run") == ["main"]


def test_a_worker_that_is_over_is_forgotten(others):
    others.hear(status("there"))
    others.hear(status("there", "completed"))
    assert others.live("run") == []
    assert others.take_over(KEY) is None


def test_a_disconnected_one_may_come_here_and_does_not_live_elsewhere(others):
    others.hear(status("there", "disconnected"))
    assert others.live("run") == []
    assert others.take_over(KEY).status == "disconnected"
    assert others.take_over(KEY) is None


def test_nobody_answers_for_a_bridge_that_is_offline(others):
    others.hear(status("there/2"))
    others.hear_bridge(bridge_says(b"offline"))
    assert others.live("run") == []
    others.hear_bridge(bridge_says(b"online"))
    assert others.live("run") == ["main"]


def test_which_messages_hold_a_status():
    message = status("there")
    assert status_in(MqttMessage("monty/v1/run/main/status", schema.encode(message), False)) == message  # noqa: FBT003
    assert status_in(MqttMessage("monty/v1/run/main/status", b"{", False)) is None  # noqa: FBT003
    assert status_in(bridge_says(b"online")) is None
