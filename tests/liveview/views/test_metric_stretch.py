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


def stretch_of(messages, axis="time"):
    kept_metrics = Metrics()
    for message in messages:
        kept_metrics.add(message, 1)
    return MetricStretch.of(kept_metrics["main", "loss"], axis)


def placed(values_and_steps):
    """Return metrics of value and step, a second apart."""
    return [
        schema.Metric(
            **head(at), name="loss", value=value, metadata={} if step is None else {"step": step, "epoch": 0.5}
        )
        for at, (value, step) in enumerate(values_and_steps)
    ]


def shown(stretch):
    answer = json.decode(json.encode(stretch.told()))
    return [
        (time - MILLI, value) for time, value in zip(answer["times_unix_millis"], answer["values"], strict=True)
    ], answer


def test_all_of_a_short_one():
    points, answer = shown(stretch_of(metrics_of(1.5, None, 2.5)))
    assert points == [(0, 1.5), (2000, 2.5)]
    assert answer["not_finite"] == [{"time_unix_millis": MILLI + 1000, "kind": "inf", "count": 1, "axes": {}}]
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


def test_the_recording_is_read_only_where_it_adds_to_the_picture():
    whole = stretch_of(metrics_of(*(float(at % 7) for at in range(10_000))))
    half = whole.between(MILLI, MILLI + 5_000_000)
    assert half.is_fine_enough(1000), "five times as many as are drawn, of which hundreds are known"
    assert not half.is_fine_enough(4000), "most of them could be drawn"
    assert not whole.between(MILLI, MILLI + 200_000).is_fine_enough(1000), "a few are known"
    assert stretch_of(metrics_of(1.0, 2.0)).is_fine_enough(1000)


def test_more_than_is_asked_for_keeps_what_stands_out():
    values = [1.0] * 3000
    values[1234] = -5.0
    part = stretch_of(metrics_of(*values)).thinned(100)
    assert len(part.points) <= 104
    assert (START + 1234 * SECOND, -5.0, ()) in part.points
    assert not part.is_whole


def test_along_the_steps_in_their_order_and_without_what_has_none():
    told = stretch_of(placed([(1.0, 30), (2.0, 10), (3.0, None), (None, 20), (4.0, 40)]), "step").told()
    assert told["values"] == [2.0, 1.0, 4.0]
    assert told["axes"] == {"step": [10, 30, 40], "epoch": [0.5] * 3}
    assert [mark["axes"]["step"] for mark in told["not_finite"]] == [20]
    assert (told["first"], told["last"], told["left_out"], told["axis"]) == (10, 40, 1, "step")
    assert (told["first_unix_millis"], told["last_unix_millis"]) == (MILLI, MILLI + 4000)


def test_of_an_axis_that_no_value_has_nothing_is_there():
    stretch = stretch_of(placed([(1.0, 5), (None, 6)]), "episode")
    for told in (stretch.told(), stretch.between(0, 9).told(), stretch.between(0, 9).completed([b"{"]).told()):
        assert (told["values"], told["not_finite"], told["first"], told["last"]) == ([], [], None, None)
        assert told["left_out"] == 2


def test_a_part_of_the_steps_is_made_whole_from_the_times_in_which_they_were():
    messages = placed([(float(at % 7), at * 2) for at in range(9_000)])
    part = stretch_of(messages, "step").between(10_000, 10_200)
    seconds = [(time - START) / SECOND for time in part.span]
    assert seconds[0] <= 5000
    assert seconds[1] >= 5100
    assert seconds[1] - seconds[0] < 150, "nearly nothing else is read"
    told = part.completed(map(schema.encode, messages)).told()
    inside = [
        (step, value)
        for step, value in zip(told["axes"]["step"], told["values"], strict=True)
        if 10_000 <= step <= 10_200
    ]
    assert inside == [(at * 2, at % 7) for at in range(5000, 5101)]
    assert told["is_whole"]
    assert len(told["values"]) <= len(inside) + 2


def test_steps_that_begin_again_with_each_episode_are_all_there():
    messages = placed([(float(at), at % 1000) for at in range(9_000)])
    told = stretch_of(messages, "step").between(500, 504).completed(map(schema.encode, messages)).told()
    inside = [value for step, value in zip(told["axes"]["step"], told["values"], strict=True) if 500 <= step <= 504]
    assert inside == [1000 * episode + step for step in range(500, 505) for episode in range(9)]


def test_many_steps_thinned_keep_what_stands_out():
    told = stretch_of(placed([(9.0 if at == 77 else 1.0, -at) for at in range(3000)]), "step").thinned(100).told()
    steps, values = told["axes"]["step"], told["values"]
    assert len(values) <= 104
    assert (steps, dict(zip(steps, values, strict=True))[-77]) == (sorted(steps), 9.0)
