"""Runs of whole numbers."""

from hypothesis import given
from hypothesis import strategies as st

from monty_mqtt.broadcast.send_window import SeqRanges


def ranges_of(*added):
    ranges = SeqRanges()
    for first, last in added:
        ranges.add(first, last)
    return ranges


def test_ranges_that_touch_become_one():
    ranges = ranges_of((0, 4), (6, 9))
    assert ranges.last_of(3) == 4
    assert ranges.last_of(5) is None
    assert ranges.first_after(4) == 6
    assert ranges.add(5, 5) == 1
    assert ranges.last_of(0) == 9
    assert ranges.first_after(0) is None


def test_only_what_is_new_counts():
    ranges = ranges_of((2, 3), (7, 8))
    assert ranges.add(1, 9) == 5
    assert ranges.add(4, 5) == 0
    assert len(ranges) == 9


def test_what_lies_below_is_forgotten_in_part():
    ranges = ranges_of((0, 4), (6, 9))
    assert ranges.forget_below(8) == 7
    assert (ranges.last_of(7), ranges.last_of(8), len(ranges)) == (None, 9, 2)


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)), max_size=20), st.integers(-1, 70), st.integers(-1, 70)
)
def test_it_is_a_set(added, number, below):
    ranges, numbers = SeqRanges(), set()
    for first, more in added:
        new = set(range(first, first + more + 1))
        assert ranges.add(first, first + more) == len(new - numbers)
        numbers |= new
    assert len(ranges) == len(numbers)
    last = ranges.last_of(number)
    assert (last is not None) == (number in numbers)
    if last is not None:
        assert set(range(number, last + 1)) <= numbers
        assert last + 1 not in numbers
    begins = [n for n in numbers if n > number and n - 1 not in numbers]
    assert ranges.first_after(number) == min(begins, default=None)
    assert ranges.forget_below(below) == len([n for n in numbers if n < below])
    assert len(ranges) == len([n for n in numbers if n >= below])
