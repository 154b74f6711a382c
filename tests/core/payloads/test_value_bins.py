"""The bridge counts a user's values in bins."""

import numpy as np
import pytest
from kit.bridge import make

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema
from monty_mqtt_bridge.receive import raw_buffers
from monty_mqtt_core.payloads.from_mqtt import message_of
from monty_mqtt_core.payloads.to_mqtt import fan_out


def counted(*values):
    buffer = np.array(values, "<f8").tobytes()
    message = make(schema.Histogram, 3, name="weights", values=len(values), metadata={"step": 4})
    raw_buffers.check(message, [buffer] if values else [])
    (outgoing,) = fan_out(message, schema.encode(message), [buffer] if values else [], most_bytes=10_000_000)
    assert (outgoing.topic, outgoing.qos) == ("monty/v1/run/main/histogram/weights", 1)
    counted_message, buffers = message_of(outgoing.topic, outgoing.payload)
    raw_buffers.check(counted_message, buffers)  # it can be played again
    assert counted_message.metadata == {"step": 4}
    return counted_message


def test_values_are_counted_in_64_bins():
    histogram = counted(*np.arange(64))
    assert histogram.counts == [1.0] * 64
    assert (histogram.edges[0], histogram.edges[-1], len(histogram.edges)) == (0, 63, 65)
    assert (histogram.values, histogram.non_finite) == (64, 0)


def test_what_is_not_finite_is_counted_apart():
    histogram = counted(1, 2, np.nan, np.inf, -np.inf, 1e301)
    assert (sum(histogram.counts), histogram.values, histogram.non_finite) == (2, 2, 4)


@pytest.mark.parametrize("values", [(0.0,), (5.0, 5.0), (1.0, 1 + 2**-52), (-1e300, 1e300), (5e-324, 0.0), (1e-310,)])
def test_any_range_has_ascending_edges(values):
    histogram = counted(*values)
    assert sum(histogram.counts) == len(values)
    assert np.isfinite(histogram.edges).all()
    assert (np.diff(histogram.edges) > 0).all()


@pytest.mark.parametrize(("values", "left_out"), [((), 0), ((np.nan, np.inf), 2)])
def test_nothing_to_count(values, left_out):
    histogram = counted(*values)
    assert (histogram.counts, histogram.values, histogram.non_finite) == ([], 0, left_out)


@pytest.mark.parametrize(("values", "sizes"), [(2, [15]), (2, []), (-1, []), (0, [8])])
def test_what_does_not_fit_the_message_is_refused(values, sizes):
    message = make(schema.Histogram, 0, name="x", values=values)
    with pytest.raises(DecodeError):
        raw_buffers.check(message, [bytes(size) for size in sizes])


def test_one_that_is_counted_already_has_no_values():
    message = make(schema.Histogram, 0, name="x", counts=[1.0], edges=[0.0, 1.0], values=1)
    raw_buffers.check(message, [])
    with pytest.raises(DecodeError):
        raw_buffers.check(message, [bytes(8)])
