"""A metric in a stretch of time, from memory and from what was recorded."""

import pytest
from kit.page.page_state import SECOND, START, head
from msgspec import json

from monty_mqtt.wire import schema
from monty_mqtt_liveview.state.metrics import Metrics
from monty_mqtt_liveview.views.metric_stretch import MetricStretch

MILLI = START // 1_000_000


def metrics_of(*values, every_secs=1.0):
    return [
        schema.Metric(
            **head(at * every_secs), name="loss", value=value, not_finite=None if value is not None else "inf"
        )
        for at, value in enumerate(values)
    ]


def stretch_of(messages):
    kept_metrics = Metrics()
    for message in messages:
        kept_metrics.add(message, 1)
    return MetricStretch.of(kept_metrics["main", "loss"])


def shown(stretch):
    answer = json.decode(json.encode(stretch.told()))
    return [
        (time - MILLI, value) for time, value in zip(answer["times_unix_millis"], answer["values"], strict=True)
    ], answer


def test_all_of_a_short_one():
    points, answer = shown(stretch_of(metrics_of(1.5, None, 2.5)))
    assert points == [(0, 1.5), (2000, 2.5)]
    assert answer["not_finite"] == [{"time_unix_millis": MILLI + 1000, "kind": "inf", "count": 1}]
    assert (answer["first_unix_millis"], answer["last_unix_millis"]) == (MILLI, MILLI + 2000)
    assert answer["is_whole"]


def test_one_that_never_was_a_number():
    points, answer = shown(stretch_of(metrics_of(None, None)))
    assert (points, len(answer["not_finite"])) == ([], 2)


def test_many_numbers_of_one_millisecond_stand_apart():
    points, _ = shown(stretch_of(metrics_of(1.0, 2.0, 3.0, every_secs=1e-5)))
    assert [round(time, 3) for time, _ in points] == [0, 0.01, 0.02]


def test_a_part_of_it_reaches_its_edges():
    points, _ = shown(stretch_of(metrics_of(*range(10))).between(MILLI + 2500, MILLI + 4500))
    assert points == [(2000, 2.0), (3000, 3.0), (4000, 4.0), (5000, 5.0)]


@pytest.mark.parametrize(("first", "last"), [(-10_000, -5000), (50_000, 60_000), (4500, 4600)])
def test_a_part_in_which_nothing_is(first, last):
    points, _ = shown(stretch_of(metrics_of(*range(10))).between(MILLI + first, MILLI + last))
    assert len(points) <= 2


def test_what_was_recorded_makes_a_part_whole_again():
    messages = metrics_of(*(float(at % 7) for at in range(20_000)))
    part = stretch_of(messages).between(MILLI + 500_000, MILLI + 600_000)
    assert not part.is_whole
    assert len(part.points) < 60
    payloads = [schema.encode(message) for message in messages] + [
        b"{",
        schema.encode(schema.Log(**head(1), level="info", message="")),
    ]
    points, answer = shown(part.completed(payloads * 2))
    inside = [(time, value) for time, value in points if 500_000 <= time <= 600_000]
    assert inside == [(at * 1000, at % 7) for at in range(500, 601)]
    assert answer["is_whole"]
    assert part.completed([]) == part


def test_more_than_is_asked_for_keeps_what_stands_out():
    values = [1.0] * 3000
    values[1234] = -5.0
    part = stretch_of(metrics_of(*values)).thinned(100)
    assert len(part.points) <= 104
    assert (START + 1234 * SECOND, -5.0) in part.points
    assert not part.is_whole
