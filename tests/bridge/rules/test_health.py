"""The bridge's own health: rates, delay, and the health of a worker."""

from __future__ import annotations

from kit.bridge import FIRST_STAMP, make

from monty_mqtt.wire import schema, zmq_protocol
from monty_mqtt_bridge.counters import BridgeCounters
from monty_mqtt_bridge.receive.sender import Sender
from monty_mqtt_bridge.rules.health import Rates, of_life
from monty_mqtt_bridge.rules.life import Life
from monty_mqtt_core.influx.points import FIELDS

SECOND = 10**9


def sender(started_unix_nanos: int) -> Sender:
    hello = zmq_protocol.Hello(
        run="r", worker="w", base=0, schema_version=schema.SCHEMA_VERSION, started_unix_nanos=started_unix_nanos
    )
    return Sender(hello)


def test_the_worst_delay_since_the_last_time_is_told_once():
    rates = Rates(0.0)
    rates.fed(make(schema.Step, 0), FIRST_STAMP + SECOND // 4)
    rates.fed(make(schema.Step, 0), FIRST_STAMP + 2 * SECOND)
    rates.fed(make(schema.Step, 0), FIRST_STAMP + SECOND)
    assert rates.since_last(BridgeCounters(points=30), 2.0) == {
        "received_per_sec": 0.0, "published_per_sec": 0.0, "points_per_sec": 15.0, "delay_secs": 2.0,
    }  # fmt: skip
    assert "delay_secs" not in rates.since_last(BridgeCounters(points=30), 3.0)


def test_a_hello_has_no_delay_and_a_clock_ahead_of_ours_none_below_zero():
    rates = Rates(0.0)
    rates.fed(None, FIRST_STAMP)
    assert "delay_secs" not in rates.since_last(BridgeCounters(), 1.0)
    rates.fed(make(schema.Step, 0), FIRST_STAMP - SECOND)
    assert rates.since_last(BridgeCounters(), 2.0)["delay_secs"] == 0.0


def test_a_worker_has_been_running_since_its_hello_says():
    life = Life(("r", "w"), sender(FIRST_STAMP))
    values = of_life(life, 5.0, FIRST_STAMP + 3 * SECOND)
    assert values["running_secs"] == 3.0
    assert set(values) == set(FIELDS["run_health"])
    assert of_life(Life(("r", "w"), None), 5.0, FIRST_STAMP)["running_secs"] is None
