"""The course of each metric, in bounded memory."""

import numpy as np
import pytest
from kit.page.page_state import SECOND, START, head

from monty_mqtt.wire import schema
from monty_mqtt_liveview.state import metrics
from monty_mqtt_liveview.state.metrics import MOST_OF_ONE, NO_NUMBER, AxisEnds, Metrics


def metric(at, value, name="loss", **more):
    return schema.Metric(**head(at), name=name, value=value, **more)


def course_of(*messages):
    kept_metrics = Metrics()
    for number, message in enumerate(messages):
        kept_metrics.add(message, number + 1)
    return kept_metrics["main", "loss"]


def values_of(course):
    return [point.value for point in course.numbers.points()]


def test_a_short_course_is_whole():
    course = course_of(metric(0, 1.5), metric(1, None), metric(2, -2.0, metadata={"epoch": 3}))
    points = course.numbers.points()
    assert [(time - START, value) for time, value, _ in points] == [(0, 1.5), (2 * SECOND, -2.0)]
    assert [point.places for point in points] == [(), (None, 3, None)]
    assert course.numbers.is_whole
    assert (course.count, course.metadata, course.revision) == (3, {"epoch": 3}, 3)


def test_a_long_course_is_seen_whole_in_few_points():
    course = course_of(*(metric(number, number) for number in range(50_000)))
    values = values_of(course)
    assert MOST_OF_ONE / 2 <= len(values) <= MOST_OF_ONE + 4
    assert (values[0], values[-1], course.count) == (0, 49_999, 50_000)
    assert not course.numbers.is_whole
    assert max(np.diff(values)) < 50_000 / (MOST_OF_ONE / 4), "no part of it is left out"


@pytest.mark.parametrize("place", [0, 1, 4095, 4096, 9_999, 10_000, 19_998, 19_999])
@pytest.mark.parametrize("spike", [1000.0, -1000.0])
def test_one_spike_of_many_values_is_never_lost(place, spike):
    course = course_of(*(metric(number, spike if number == place else 1.0) for number in range(20_000)))
    assert (START + place * SECOND, spike, ()) in course.numbers.points()


@pytest.mark.parametrize("kind", ["nan", "inf", "-inf", None, "nonsense"])
def test_where_it_was_not_finite_is_marked(kind):
    course = course_of(metric(0, 1.5), metric(1, None, not_finite=kind), metric(2, None, not_finite=kind))
    ((name, marks),) = course.marks.items()
    assert name == (kind if kind in ("nan", "inf", "-inf") else NO_NUMBER)
    assert [(time - START, count) for time, count, _ in marks.all()] == [(SECOND, 1), (2 * SECOND, 1)]


def test_step_epoch_and_episode_stay_beside_the_values_that_are_kept():
    course = course_of(
        *(metric(number, number % 100, metadata={"step": number, "epoch": number // 1000}) for number in range(10_000)),
        metric(10_000, None, metadata={"step": 10_000}),
    )
    points = course.numbers.points()
    assert len(points) <= MOST_OF_ONE + 4
    seconds = [(point.time_unix_nanos - START) // SECOND for point in points]
    assert [point.places for point in points] == [(at, at // 1000, None) for at in seconds]
    assert [places for _, _, places in course.marks[NO_NUMBER].all()] == [(10_000, None, None)]
    assert course.axes["step"] == AxisEnds(10_001, 0, 10_000)
    assert course.axes["epoch"] == AxisEnds(10_000, 0, 9)
    assert "episode" not in course.axes


@pytest.mark.parametrize(
    "place", ["7", True, None, [7], {"a": 1}, 2.0**54, -(2**60), 10**400, float("inf"), float("nan")]
)
def test_what_is_no_number_an_axis_has_is_no_place(place):
    course = course_of(metric(0, 1.5, metadata={"step": place, "episode": -2}))
    assert course.axes == {"episode": AxisEnds(1, -2, -2)}
    assert course.numbers.points()[0].places == (None, None, -2)


def test_a_value_before_the_first_that_has_a_place_has_none():
    course = course_of(*(metric(at, at, metadata={"step": at} if at >= 5 else {}) for at in range(10)))
    assert [point.places[:1] for point in course.numbers.points()] == [()] * 5 + [(at,) for at in range(5, 10)]


def test_what_comes_late_is_put_in_order():
    course = course_of(metric(5, 5.0), metric(1, 1.0, metadata={"late": 1}))
    assert values_of(course) == [1.0, 5.0]
    assert (course.latest.value, course.metadata) == (5.0, {})


def test_many_names_share_the_room(monkeypatch):
    monkeypatch.setattr(metrics, "MOST_POINTS", 20_000)
    monkeypatch.setattr(metrics, "LEAST_OF_ONE", 8)
    kept_metrics = Metrics()
    for at in range(40):
        for number in range(1000):
            kept_metrics.add(metric(at, float(at), f"name {number}"), 1)
    assert sum(map(len, kept_metrics.values())) <= metrics.MOST_POINTS
    assert values_of(kept_metrics["main", "name 0"])[0] == 0
    assert values_of(kept_metrics["main", "name 999"])[-1] == 39


def test_more_names_than_fit_are_counted(monkeypatch):
    monkeypatch.setattr(metrics, "MOST_NAMES", 2)
    kept_metrics = Metrics()
    for number in range(5):
        kept_metrics.add(metric(number, 1.0, f"name {number}"), number + 1)
    assert (len(kept_metrics), kept_metrics.left_out, kept_metrics.revision) == (2, 3, 2)


def test_very_long_names_do_not_take_all_memory():
    kept_metrics = Metrics()
    for number in range(200):
        kept_metrics.add(metric(number, 1.0, f"{number}" + "x" * 60_000), 1)
    assert len(kept_metrics) < 70
