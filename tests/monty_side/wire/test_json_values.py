"""Any value becomes plain JSON, without numpy or torch being imported by us."""

import array
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import json
import math
import pathlib
import subprocess
import sys
import threading
import uuid
from collections import OrderedDict, deque
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monty_mqtt.wire import json_values
from monty_mqtt.wire.message_pieces import Hypothesis


class Point(NamedTuple):
    x: int
    y: float


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@dataclasses.dataclass
class Pose:
    location: tuple
    on_object: bool


class Hostile:
    """Raises wherever it is touched."""

    def __repr__(self):
        raise RuntimeError("do not look at me")

    def __len__(self):
        raise RuntimeError("nor measure me")

    def tolist(self):
        raise RuntimeError("nor list me")


def plain(value):
    kept, _ = json_values.plain(value)
    assert msgspec.json.decode(msgspec.json.encode(kept)) == kept  # what msgspec carries
    assert json.loads(json.dumps(kept, allow_nan=False)) == kept  # and everybody else
    return kept


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (0.5, 0.5),
        ("text", "text"),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (10**30, 1e30),
        (-(10**30), -1e30),
        (10**400, hex(10**400)),
        ([1, (2, 3)], [1, [2, 3]]),
        ({"a": {"b": None}}, {"a": {"b": None}}),
        (
            {7: "a", 2.5: "b", None: "c", True: "d", (1, 2): "e"},
            {"7": "a", "2.5": "b", "null": "c", "true": "d", "(1, 2)": "e"},
        ),
        ({math.inf: 1, 10**30: 2}, {"inf": 1, "1e+30": 2}),
        ({Colour.RED: 1, b"k": 2}, {"red": 1, "aw==": 2}),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", "a", 1}), [1, "a", "b"]),
        (b"\x00\xff", "AP8="),
        (bytearray(b"a"), "YQ=="),
        (memoryview(b"a"), "YQ=="),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (Point(1, 2.5), {"x": 1, "y": 2.5}),
        (Pose((1.0, 2.0), on_object=True), {"location": [1.0, 2.0], "on_object": True}),
        (
            Hypothesis(object="mug", evidence=1.5),
            {"object": "mug", "evidence": 1.5, "location": None, "rotation": None, "scale": None},
        ),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (deque([1, 2]), [1, 2]),
        (range(3), [0, 1, 2]),
        ({"a": 1}.values(), [1]),
        ({"a": 1}.keys(), ["a"]),
        (array.array("d", [1.5]), [1.5]),
        (1 + 2j, [1.0, 2.0]),
        (decimal.Decimal("0.25"), 0.25),
        (fractions.Fraction(1, 4), 0.25),
        (dt.date(2026, 11, 23), "2026-11-23"),
        (dt.timedelta(minutes=1), 60.0),
        (pathlib.PurePosixPath("/a/b"), "/a/b"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (int, "builtins.int"),
        ("\udc80 and \ud83d", "\\udc80 and \\ud83d"),
        ({"\udc80": "\udc80"}, {"\\udc80": "\\udc80"}),
        ("emoji 🤖 and \x00", "emoji 🤖 and \x00"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, (memoryview, set, frozenset)) else repr(value),
)
def test_what_becomes_of(value, expected):
    assert plain(value) == expected
    assert type(plain(value)) is type(expected)


@pytest.mark.parametrize(
    ("value", "expected", "count"),
    [
        (math.nan, None, 1),
        (math.inf, None, 1),
        ([1.0, -math.inf, {"a": math.nan}], [1.0, None, {"a": None}], 2),
        (decimal.Decimal("NaN"), None, 1),
        (complex(math.nan, 1), [None, 1.0], 1),
    ],
)
def test_what_is_not_finite_becomes_null_and_is_counted(value, expected, count):
    assert json_values.plain(value) == (expected, count)


def test_numpy():
    import numpy as np  # noqa: PLC0415 - nothing but this test needs it

    assert plain(np.float64(0.5)) == 0.5
    assert plain(np.float32(0.5)) == 0.5
    assert plain(np.int64(7)) == 7
    assert plain(np.uint64(2**64 - 1)) == 2**64 - 1
    assert plain(np.bool_(1)) is True
    assert plain(np.str_("a")) == "a"
    assert plain(np.array(1.5)) == 1.5
    assert plain(np.arange(6).reshape(2, 3)) == [[0, 1, 2], [3, 4, 5]]
    assert plain(np.array([{"a": np.float32(1)}, None], dtype=object)) == [{"a": 1.0}, None]
    assert plain({"evidence": np.zeros(2), np.int64(3): np.str_("k")}) == {"evidence": [0.0, 0.0], "3": "k"}
    assert json_values.plain(np.array([1.0, np.nan, np.inf])) == ([1.0, None, None], 2)
    assert json_values.plain(np.float64("nan")) == (None, 1)
    assert json_values.plain(np.float32("inf")) == (None, 1)
    assert plain(np.datetime64("2026-11-23T10:00")) == "2026-11-23T10:00:00"
    assert plain(np.complex128(1 + 2j)) == [1.0, 2.0]
    assert plain(np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")])) == [[1, 2.5]]


def test_torch():
    import torch  # noqa: PLC0415 - takes seconds

    assert plain(torch.tensor(0.5)) == 0.5
    assert plain(torch.tensor([1, 2])) == [1, 2]
    assert plain(torch.tensor([[0.5, 1.0]], requires_grad=True)) == [[0.5, 1.0]]
    assert plain(torch.tensor(0.5, dtype=torch.bfloat16)) == 0.5
    assert json_values.plain(torch.tensor([1.0, float("nan")])) == ([1.0, None], 1)
    assert plain(torch.zeros(2, device="meta")).startswith("tensor(")
    assert plain(torch.float32) == "torch.float32"


def test_nothing_is_imported_for_it():
    code = "import sys, monty_mqtt.wire.json_values; assert not {'numpy', 'torch', 'zmq'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_cycles_end():
    endless = [1]
    endless.append(endless)
    knot = {"a": 1}
    knot["self"] = [knot]
    assert plain(endless) == [1, json_values.CYCLE]
    assert plain(knot) == {"a": 1, "self": [json_values.CYCLE]}


def test_the_same_thing_twice_is_no_cycle():
    twice = [1]
    assert plain([twice, twice]) == [[1], [1]]


def test_depth_ends():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert json_values.TOO_DEEP in json.dumps(plain(deep))
    while deep:  # else Python frees it recursively
        deep = deep.pop()


@pytest.mark.parametrize("value", [Hostile(), [Hostile()], {"a": Hostile()}, {Hostile(): 1}, {1: {Hostile(): 1}}])
def test_hostile_objects_are_named(value):
    assert "Hostile" in json.dumps(plain(value))


@pytest.mark.parametrize(
    "value", [object(), threading.Lock(), iter([1]), (n for n in [1]), print, math, ValueError("x")]
)
def test_anything_else_is_shown(value):
    assert plain(value) == repr(value)[:500]


def test_what_is_shown_is_cut():
    long = type("Long", (), {"__repr__": lambda _: "x" * 10_000})()
    assert plain(long) == "x" * 500


def test_the_value_is_left_as_it_was():
    value = {"a": [1, {2, 3}], "b": (4,)}
    plain(value)
    assert value == {"a": [1, {2, 3}], "b": (4,)}


ANYTHING = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.complex_numbers(),
        st.text(alphabet=st.characters()),
        st.binary(),
        st.datetimes(),
        st.decimals(),
        st.fractions(),
        st.uuids(),
        st.timedeltas(),
    ),
    lambda inner: st.one_of(
        st.lists(inner),
        st.dictionaries(st.one_of(st.text(alphabet=st.characters()), st.integers(), st.none()), inner),
        st.tuples(inner, inner),
    ),
    max_leaves=10,
)


@given(ANYTHING)
def test_nothing_is_beyond_json(value):
    plain(value)


@given(st.sets(st.one_of(st.integers(), st.text(), st.none(), st.floats(allow_nan=False), st.booleans(), st.binary())))
def test_sets_are_sorted_the_same_way_each_time(value):
    backwards = set()
    for item in reversed(list(value)):
        backwards.add(item)
    assert plain(value) == plain(backwards)
