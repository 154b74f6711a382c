"""Which rows of a long course are drawn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.page.page_state import belief, only_worker, sensed, step

from monty_mqtt_liveview.state.steps.step_table import StepTable
from monty_mqtt_liveview.views.downsampling import choose

RANDOM = np.random.default_rng(3)


def table_of(*courses):
    """A table with one learning module per course, each an array of step and object."""
    table = StepTable()
    for number in range(len(courses[0])):
        modules = {
            f"LM_{place}": belief({f"object {at}": float(value) for at, value in enumerate(course[number])})
            for place, course in enumerate(courses)
        }
        table.append(step(number, modules=modules))
    table.settle()
    return table


def test_a_short_course_is_whole():
    table = table_of(RANDOM.random((50, 2)))
    assert choose(table, 0, 49, 50).tolist() == list(range(50))
    assert choose(table, 10, 12, 50).tolist() == [10, 11, 12]
    assert choose(table, 10, 1000, 50).tolist() == list(range(10, 50))


def test_of_no_rows_there_are_none():
    assert choose(StepTable(), 0, -1, 10).tolist() == []
    assert choose(table_of(RANDOM.random((5, 1))), 4, 2, 10).tolist() == []


def test_every_objects_extremes_are_there():
    courses = [RANDOM.normal(size=(5000, 10)).cumsum(axis=0) for _ in range(5)]
    chosen = choose(table_of(*courses), 0, 4999, 1000)
    assert len(chosen) <= 1000
    for course in courses:
        assert set(course.argmax(axis=0)) | set(course.argmin(axis=0)) <= set(chosen.tolist())


def test_every_long_stretch_keeps_its_extremes():
    course = RANDOM.normal(size=(4000, 3))
    chosen = choose(table_of(course), 0, 3999, 400)
    for begin in range(0, 4000, 1280):  # a power of two times the short stretch of 40 rows
        part = course[begin : begin + 1280]
        extremes = begin + np.concatenate([part.argmax(axis=0), part.argmin(axis=0)])
        assert set(extremes) <= set(chosen.tolist())


def test_a_single_peak_is_seen():
    course = np.zeros((10_000, 1))
    course[4321] = 9.0
    assert 4321 in choose(table_of(course), 0, 9999, 100)


def test_rows_before_and_after_are_not_looked_at():
    course = np.zeros((1000, 1))
    course[[10, 990]] = 9.0
    chosen = choose(table_of(course), 100, 899, 50)
    assert (chosen[0], chosen[-1]) == (100, 899)


def test_objects_that_are_not_always_there_are_seen_where_they_are():
    course = np.full((1000, 2), np.nan)
    course[:, 0] = 1.0
    course[700, 1] = -5.0
    assert 700 in choose(table_of(course), 0, 999, 40)


@pytest.mark.parametrize("count", [500, 503, 51])
def test_more_objects_than_points_still_fit(count):
    course = RANDOM.random((count, 200))
    course[:, :100] = np.nan
    chosen = choose(table_of(course), 0, count - 1, 50)
    assert len(chosen) <= 50
    assert np.nanargmax(course.max(axis=1, where=~np.isnan(course), initial=0)) in chosen


def test_without_evidence_rows_are_at_even_distances():
    table = StepTable()
    for number in range(100):
        table.append(step(number))
    table.settle()
    chosen = choose(table, 0, 99, 10)
    assert (chosen[0], chosen[-1]) == (0, 99)
    assert np.diff(chosen).max() <= 12


@pytest.mark.parametrize("points", [1, 2, 3, 4, 5])
def test_few_points_are_few(points):
    assert 1 <= len(choose(table_of(RANDOM.random((30, 2))), 0, 29, points)) <= points


VALUES = st.one_of(st.floats(-100, 100, width=32), st.just(float("nan")))


@given(
    course=st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=80),
    first=st.integers(0, 90),
    last=st.integers(-1, 90),
    points=st.integers(1, 40),
)
def test_rows_are_within_in_order_and_not_too_many(course, first, last, points):
    chosen = choose(table_of(np.array(course)), first, last, points)
    there = range(first, min(last, len(course) - 1) + 1)
    assert len(chosen) <= min(points, len(there))
    assert sorted(set(chosen.tolist())) == chosen.tolist()
    assert set(chosen.tolist()) <= set(there)
    if len(there) > 1 and points > 1:
        assert {there[0], there[-1]} <= set(chosen.tolist())


@pytest.mark.parametrize("evidence", [None, {"mug": 1.0}])
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("side", [9.0, -9.0])
def test_an_excursion_of_a_sensor_is_not_lost(evidence, axis, side):
    def at(number):
        place = [0.001 * (number % 7)] * 3
        place[axis] = side if number == 1234 else place[axis]
        modules = {"lm": belief(evidence)} if evidence else {}
        return step(number, modules=modules, sensor_modules=sensed(*place))

    table = only_worker(map(at, range(5000))).steps
    rows = choose(table, 0, 4999, 400)
    assert 1234 in rows
    assert len(rows) <= 400
