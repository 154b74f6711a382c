"""The course of each metric, in bounded memory."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from liveview_state import SECOND, START, head

from monty_mqtt import schema
from monty_mqtt_liveview import metrics
from monty_mqtt_liveview.metrics import MOST_OF_ONE, Metrics


def metric(at, value, name="loss", **more):
    return schema.Metric(**head(at), name=name, value=value, **more)


def course_of(*messages):
    found = Metrics()
    for number, message in enumerate(messages):
        found.add(message, number + 1)
    return found["main", "loss"]


def test_a_short_course_is_whole():
    course = course_of(metric(0, 1.5), metric(1, None), metric(2, -2.0, metadata={"epoch": 3}))
    times, values = course.points()
    assert [time - START for time in times] == [0, SECOND, 2 * SECOND]
    assert np.array_equal(values, [1.5, np.nan, -2.0], equal_nan=True)
    assert (course.count, course.metadata, course.revision) == (3, {"epoch": 3}, 3)


def test_a_long_course_is_seen_whole_in_few_points():
    course = course_of(*(metric(number, number) for number in range(50_000)))
    times, values = course.points()
    assert MOST_OF_ONE / 2 <= len(values) <= MOST_OF_ONE + 1
    assert (values[0], values[-1], course.count) == (0, 49_999, 50_000)
    assert len(set(np.diff(times[:-1]))) == 1


def test_what_comes_late_is_put_in_order():
    course = course_of(metric(5, 5.0), metric(1, 1.0, metadata={"late": 1}))
    assert course.points()[1] == [1.0, 5.0]
    assert (course.latest.value, course.metadata) == (5.0, {})


def test_many_names_share_the_room(monkeypatch):
    monkeypatch.setattr(metrics, "MOST_POINTS", 20_000)
    monkeypatch.setattr(metrics, "LEAST_OF_ONE", 8)
    found = Metrics()
    for at in range(40):
        for number in range(1000):
            found.add(metric(at, float(at), f"name {number}"), 1)
    assert sum(map(len, found.values())) <= metrics.MOST_POINTS
    assert found["main", "name 0"].points()[1][0] == 0
    assert found["main", "name 999"].points()[1][-1] == 39


def test_more_names_than_fit_are_counted(monkeypatch):
    monkeypatch.setattr(metrics, "MOST_NAMES", 2)
    found = Metrics()
    for number in range(5):
        found.add(metric(number, 1.0, f"name {number}"), number + 1)
    assert (len(found), found.left_out, found.revision) == (2, 3, 2)


def test_very_long_names_do_not_take_all_memory():
    found = Metrics()
    for number in range(200):
        found.add(metric(number, 1.0, f"{number}" + "x" * 60_000), 1)
    assert len(found) < 70


@given(st.integers(1, 3000))
def test_first_and_latest_are_always_there(count):
    found = Metrics()
    for number in range(count):
        found.add(metric(number, number), 1)
    times, values = found["main", "loss"].points()
    assert (values[0], values[-1]) == (0, count - 1)
    assert times == sorted(times)
