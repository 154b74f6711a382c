"""Numbers as browsers are given them."""

import numpy as np
from msgspec import json

from monty_mqtt_liveview.views.numbers import millis, rounded, short


def test_times_are_milliseconds():
    assert millis(1_795_428_900_123_456_789) == 1_795_428_900_123
    assert (millis(None), millis(0)) == (None, None)


def test_numbers_are_short():
    assert (short(1.23456789), short(None), short(-0.000001)) == (1.23457, None, -0.0)
    assert rounded(np.array([0.1, 1 / 3], np.float32)) == [0.1, 0.33333]


def test_what_is_not_finite_is_null():
    assert json.encode(rounded(np.array([np.nan, np.inf, -np.inf, 1.0]))) == b"[null,null,null,1.0]"
    assert rounded(np.empty((0, 3))) == []
