"""Columns that grow, and names as numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monty_mqtt_liveview.state.columns import Column, Names, Table, by_keys, numbers, vectors, wholes

NAN = float("nan")


def rows(*values):
    return np.array(values)


def test_a_column_grows_and_fills_what_was_not_put():
    column = Column(np.float32, -1)
    column.put(rows(2, 500), np.array([7, 8]))
    assert column.take(rows(0, 2, 500, 501)).tolist() == [-1, 7, 8, -1]
    assert column.view(600)[599] == -1


def test_a_row_becomes_wider_where_it_must():
    column = Column(np.int32, -1, 1)
    column.put_at(rows(0, 1), rows(0, 2), np.array([[1, 2], [3, 4]]))
    column.put_at(rows(1), rows(3), np.array([[9]]))
    assert column.take(rows(0, 1), 5).tolist() == [[1, -1, 2, -1, -1], [3, -1, 4, 9, -1]]


def test_nothing_is_put_where_there_are_no_places():
    column = Column(np.int32, -1, 1)
    column.put_at(rows(0), np.empty(0, np.int64), np.empty((1, 0)))
    assert column.view(1).tolist() == [[-1]]


def test_rows_in_another_order():
    column = Column(np.int32, 0)
    column.put(rows(0, 1, 2), np.array([10, 11, 12]))
    column.reorder(rows(2, 0))
    assert column.take(rows(0, 1, 2)).tolist() == [12, 10, 0]


def test_what_is_taken_is_a_copy():
    column = Column(np.int32, 0)
    column.take(rows(0))[0] = 5
    assert column.take(rows(0)).tolist() == [0]


def test_a_table_knows_its_columns():
    class Inner(Table):
        def __init__(self):
            self.one = Column(np.int8, 0)

    class Outer(Table):
        def __init__(self):
            self.two = Column(np.int64, 0)
            self.by_name = {"a": Column(np.int8, 0), "b": Inner()}

    assert len(list(Outer().columns())) == 3
    assert Outer().nbytes == 16 * (8 + 1 + 1)


def test_names_are_numbers_in_order():
    names = Names()
    assert names.places(["b", None, "a", "b"]).tolist() == [0, -1, 1, 0]
    assert (names.find("a"), names.find("c"), names.find(None)) == (1, -1, -1)
    assert (names.name(1), names.name(-1), names.name(2)) == ("a", None, None)
    assert len(names) == 2


def test_more_names_than_fit_are_no_names():
    names = Names()
    assert names.places(f"{n}" for n in range(40_000))[-1] == -1
    assert len(names) == 32_767


def test_numbers_of_any_size():
    with np.errstate(all="raise", under="ignore"):
        assert np.array_equal(numbers([1, None, 1e300]), np.array([1, NAN, np.inf]), equal_nan=True)


@given(st.lists(st.integers(-(2**70), 2**70)))
def test_whole_numbers_come_as_near_as_they_can(values):
    stored = wholes(values, np.int16)
    assert stored.dtype == np.int16
    assert stored.tolist() == [min(max(value, -(2**15)), 2**15 - 1) for value in values]


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_whole_numbers_beyond_all_bounds(dtype):
    stored = wholes([2**80, -(2**80)], dtype).tolist()
    assert stored[0] > 2**30
    assert stored[1] < -(2**30)


def test_vectors_of_any_length():
    stored = vectors([[1, 2, 3], None, [4, None], [5, 6, 7, 8]], 3)
    expected = [[1, 2, 3], [NAN] * 3, [4, NAN, NAN], [5, 6, 7]]
    assert np.array_equal(stored, np.array(expected), equal_nan=True)
    assert vectors([], 3).tolist() == []


def test_mappings_are_sorted_by_their_keys():
    assert by_keys([{"a": 1}, None, {"a": 2}, {}, {"b": 1, "a": 2}]) == {("a",): [0, 2], ("b", "a"): [4]}
