"""What a bridge waits for before it publishes again on a new connection."""

from __future__ import annotations

import pytest

from monty_mqtt_bridge.publish.catch_up import CatchUp
from monty_mqtt_core.payloads.to_mqtt import Outgoing
from monty_mqtt_core.reading.mqtt_client import MqttMessage

MARKER = Outgoing("monty/v1/here/bridge/command", b"mark", 1, False)  # noqa: FBT003
BACK = MqttMessage(MARKER.topic, MARKER.payload, False)  # noqa: FBT003
STATUS = MqttMessage("monty/v1/run/main/status", b"{}", True)  # noqa: FBT003


class Clock:
    now = 10.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def catch_up(clock):
    begun = CatchUp(MARKER, clock)
    assert begun.is_done, "nothing to wait for on the first connection"
    begun.begin()
    return begun


def test_it_has_caught_up_a_moment_after_the_marker(catch_up, clock):
    catch_up.hear(STATUS)
    clock.now += 0.5
    assert not catch_up.turn()
    catch_up.hear(BACK)
    assert not catch_up.turn()
    clock.now += 0.06
    catch_up.hear(STATUS)  # of a broker that does not keep the order
    clock.now += 0.06
    assert not catch_up.turn()
    clock.now += 0.06
    assert catch_up.turn()
    assert catch_up.is_done


def test_a_broker_that_gives_nothing_back_is_not_waited_for_longer(catch_up, clock):
    clock.now += 2.6
    assert catch_up.turn()
