"""Which host of the broker the bridge tries, and when: the others at once, and a growing pause when each was tried."""

from __future__ import annotations

from monty_mqtt_bridge.publish.connect_attempts import ConnectAttempts
from monty_mqtt_core.settings.broker_address import BrokerAddress


def failures(attempts, count, now=0.0):
    """Let attempts fail, each when it is due; return the hosts that were tried, and how long each had to wait."""
    tried, waited = [], []
    for _ in range(count):
        tried.append(attempts.address.host)
        waited.append(max(0.0, attempts.not_before - now))
        now = max(now, attempts.not_before)
        attempts.failed("it is off", now)
    return tried, waited


def test_each_host_is_tried_in_turn_and_the_pause_grows_with_the_rounds():
    tried, waited = failures(ConnectAttempts(BrokerAddress.parse("a,b", "")), 8)
    assert tried == ["a", "b"] * 4
    assert waited == [0, 0, 1, 0, 2, 0, 4, 0]


def test_one_host_is_tried_as_before_and_never_more_seldom_than_every_ten_seconds():
    _, waited = failures(ConnectAttempts(BrokerAddress("a", 1)), 8)
    assert waited == [0, 1, 2, 4, 8, 10, 10, 10]


def test_after_a_connection_the_next_host_is_tried_at_once_and_each_failure_is_said_again(caplog):
    attempts = ConnectAttempts(BrokerAddress.parse("a,b", ""))
    failures(attempts, 5)
    assert attempts.all_tried
    attempts.succeeded()
    assert (attempts.address.host, attempts.all_tried) == ("b", False)
    attempts.failed("it was killed", 100.0)
    assert (attempts.address.host, attempts.not_before <= 100.0) == ("a", True)
    said = [line.partition(";")[0] for line in caplog.messages]
    assert said == [f"no MQTT broker at mqtt://{host}:1883: it is off" for host in "ab"] + [
        "no MQTT broker at mqtt://b:1883: it was killed"
    ]
