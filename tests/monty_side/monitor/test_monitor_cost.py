"""What the monitor costs is told once."""

from __future__ import annotations

from monty_mqtt.monitor.monitor_cost import MonitorCost


def test_sum_since_the_last_time_and_in_all():
    cost = MonitorCost()
    cost.add(1500)
    cost.add(500)
    assert cost.take_micros() == 2.0
    assert cost.take_micros() == 0.0
    cost.add(1000)
    assert cost.take_micros() == 1.0
    assert cost.total_nanos == 3000
