"""The user's calls become kinds and fields."""

import math
from decimal import Decimal

import numpy as np
import pytest

from monty_mqtt.broadcast import user_calls
from monty_mqtt.wire import schema


@pytest.mark.parametrize("value", [7, 7.0, True + 6, np.int8(7), np.float64(7), np.array(7), [7], np.array([[7]])])
def test_what_counts_as_a_number(value):
    kind, fields, non_finite = user_calls.metric("loss", value, {})
    assert (kind, fields, non_finite) == (schema.Metric, {"name": "loss", "value": 7.0, "metadata": {}}, 0)
    assert type(fields["value"]) is float


@pytest.mark.parametrize("value", ["7", [], [1, 2], {}, object(), b"7"])
def test_what_does_not(value):
    with pytest.raises(TypeError, match=r"^publish_metric\('loss'\): .* is no number$"):
        user_calls.metric("loss", value, {})


def test_what_is_not_finite_is_counted_in_value_and_metadata():
    _, fields, non_finite = user_calls.metric("loss", math.nan, {"low": -math.inf, "epoch": 1})
    assert (fields["value"], fields["metadata"], non_finite) == (None, {"low": None, "epoch": 1}, 2)
    assert user_calls.metric("loss", None, {})[1]["value"] is None


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf"), (np.float32("nan"), "nan"), ([math.inf], "inf"),
        (np.array([[-math.inf]]), "-inf"), (Decimal("inf"), "inf"), ({math.nan}, "nan"), (None, None), (1.0, None),
    ],
)  # fmt: skip
def test_a_metric_says_what_it_was_where_it_was_not_finite(value, name):
    kind, fields, _ = user_calls.metric("loss", value, {})
    payload = schema.encode(kind(run="r", worker="w", seq=0, time_unix_nanos=1, **fields))
    assert fields.get("not_finite") == name
    assert (b'"value":null' in payload) == (value != 1.0), "absent values have no place in a number of its own"


@pytest.mark.parametrize(
    ("name", "text"), [("loss", "loss"), (7, "7"), (None, "None"), ("\udc80", "\\udc80"), ("", "")]
)
def test_any_name_will_do(name, text):
    assert user_calls.metric(name, 0, {})[1]["name"] == text
    assert user_calls.data(name, 0)[1]["stream"] == text
    assert user_calls.log("info", name, {})[1]["message"] == text


def test_levels_are_lower_case():
    assert user_calls.log("WARNING", "m", {"a": 1}) == (
        schema.Log,
        {"level": "warning", "message": "m", "metadata": {"a": 1}},
        0,
    )


def test_state_is_the_whole_of_it():
    whole = {}
    user_calls.state(whole, {"a": 1, "b": {2}})
    kind, fields, _ = user_calls.state(whole, {"a": 3})
    assert (kind, fields) == (schema.State, {"state": {"a": 3, "b": [2]}})
