"""Of a long series the least and the greatest of each stretch stay."""

from hypothesis import given
from hypothesis import strategies as st

from monty_mqtt_liveview.state.extremes import Extremes, Marks


def series_of(values, most):
    series = Extremes()
    for time, value in enumerate(values):
        series.add(time, value, most)
    return series


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=300), st.integers(4, 64))
def test_the_least_the_greatest_the_first_and_the_latest_are_always_there(values, most):
    series = series_of(values, most)
    points = series.points()
    kept = [point.value for point in points]
    assert (min(kept), max(kept), kept[0], kept[-1]) == (min(values), max(values), values[0], values[-1])
    assert all(values[time] == value for time, value, _ in points), "they are real ones"
    assert points == sorted(points)
    assert len(series) <= most + 2
    if series.is_whole:
        assert kept == values


@given(st.integers(5, 400), st.integers(4, 32))
def test_every_stretch_keeps_its_own_extremes(count, most):
    values = [(-1.0) ** time * time for time in range(count)]
    points = series_of(values, most).points()
    longest = max(later[0] - earlier[0] for earlier, later in zip(points, points[1:], strict=False))
    assert longest <= max(8 * count / most, 2), "none is left out, the old ones no more than the new"


@given(st.lists(st.integers(4, 64), min_size=1, max_size=400))
def test_a_bound_that_changes_loses_no_extreme(bounds):
    series = Extremes()
    for time, most in enumerate(bounds):
        series.add(time, float((time * 7919) % 1009), most)
    values = [float((time * 7919) % 1009) for time in range(len(bounds))]
    kept = [point.value for point in series.points()]
    assert (min(kept), max(kept)) == (min(values), max(values))


@given(st.lists(st.one_of(st.just(()), st.tuples(st.none() | st.integers(-9, 9), st.integers(-9, 9))), max_size=200))
def test_every_point_keeps_its_own_places(given_places):
    series = Extremes()
    for time, places in enumerate(given_places):
        series.add(time, float((time * 7919) % 1009), 16, places)
    for point in series.points():
        assert point.places == given_places[point.time_unix_nanos]


@given(st.integers(0, 3000))
def test_marks_are_few_and_count_everything(count):
    marks = Marks()
    for time in range(count):
        marks.add(time)
    kept_marks = marks.all()
    assert sum(n for _, n, _ in kept_marks) == marks.count == count
    assert len(kept_marks) <= 512
    assert [time for time, _, _ in kept_marks[:1]] == [0][:count]
