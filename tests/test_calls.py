"""The user's calls become kinds and fields."""

import math

import numpy as np
import pytest

from monty_mqtt import calls, schema


@pytest.mark.parametrize("value", [7, 7.0, True + 6, np.int8(7), np.float64(7), np.array(7), [7], np.array([[7]])])
def test_what_counts_as_a_number(value):
    kind, fields, non_finite = calls.metric("loss", value, {})
    assert (kind, fields, non_finite) == (schema.Metric, {"name": "loss", "value": 7.0, "metadata": {}}, 0)
    assert type(fields["value"]) is float


@pytest.mark.parametrize("value", ["7", [], [1, 2], {}, object(), b"7"])
def test_what_does_not(value):
    with pytest.raises(TypeError, match=r"^publish_metric\('loss'\): .* is no number$"):
        calls.metric("loss", value, {})


def test_what_is_not_finite_is_counted_in_value_and_metadata():
    _, fields, non_finite = calls.metric("loss", math.nan, {"low": -math.inf, "epoch": 1})
    assert (fields["value"], fields["metadata"], non_finite) == (None, {"low": None, "epoch": 1}, 2)
    assert calls.metric("loss", None, {})[1]["value"] is None


@pytest.mark.parametrize(
    ("name", "text"), [("loss", "loss"), (7, "7"), (None, "None"), ("\udc80", "\\udc80"), ("", "")]
)
def test_any_name_will_do(name, text):
    assert calls.metric(name, 0, {})[1]["name"] == text
    assert calls.data(name, 0)[1]["stream"] == text
    assert calls.log("info", name, {})[1]["message"] == text


def test_levels_are_lower_case():
    assert calls.log("WARNING", "m", {"a": 1}) == (
        schema.Log,
        {"level": "warning", "message": "m", "metadata": {"a": 1}},
        0,
    )


def test_state_is_the_whole_of_it():
    whole = {}
    calls.state(whole, {"a": 1, "b": {2}})
    kind, fields, _ = calls.state(whole, {"a": 3})
    assert (kind, fields) == (schema.State, {"state": {"a": 3, "b": [2]}})
