"""What the depth frames of a sensor span, whatever their order."""

import io
import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.bridge import make
from PIL import Image, PngImagePlugin

from monty_mqtt.wire import schema, topics
from monty_mqtt_core.payloads.frame_images import PNG_TEXT_KEY, depth_range, encode_frame
from monty_mqtt_core.payloads.from_mqtt import message_without_buffers, parsed_topic
from monty_mqtt_liveview.state.depth_ranges import DepthRanges

# The demo's view finder: an object at a hand's breadth, and what MuJoCo calls the horizon behind it.
OBJECT = [*np.linspace(0.08, 0.14, 60), *[836.0] * 40]


def frame_of(values, sensor="patch"):
    """A frame as it comes back from the bridge's image."""
    shape = {"width": len(values), "height": 1}
    frame = make(schema.Frame, 0, episode=0, step=0, sensor=sensor, modality="depth", **shape)
    sent = encode_frame(frame, np.array(values, "<f4").tobytes())
    return message_without_buffers(parsed_topic(sent.topic), sent.payload)


def span_of(*frames):
    ranges = DepthRanges()
    for frame in frames:
        ranges.add(frame)
    return ranges.span("patch")


def near(*expected):
    return pytest.approx(expected, rel=1e-6)


def test_all_frames_count():
    assert span_of(frame_of([0.1, 0.2]), frame_of([0.15, 0.4])) == near(0.1, 0.4)
    assert span_of() is None
    assert span_of(frame_of([0.1, 0.2], "other")) is None


def test_background_does_not_stretch_it():
    horizon = frame_of([836.0] * 10)
    assert span_of(frame_of(OBJECT), horizon) == near(0.08, 0.14)
    assert span_of(horizon, frame_of(OBJECT)) == near(0.08, 0.14)
    assert span_of(horizon) == near(836, 836), "where nothing is nearer, it is what there is to see"


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_what_is_no_depth_does_not_count(value):
    assert depth_range(np.array([value] * 3)) == {}
    assert span_of(frame_of([value] * 3)) is None
    assert span_of(frame_of([*[value] * 3, 0.1, 0.2])) == near(0.1, 0.2)


depths = st.lists(st.lists(st.floats(0.0, 1e4, width=32), min_size=1, max_size=6), min_size=1, max_size=6)


@given(depths, st.randoms(use_true_random=False))
def test_their_order_does_not_count(frames, random):
    published = [make(schema.Frame, 0, sensor="patch", modality="depth", episode=0, step=0, height=1, width=1,
                 **depth_range(np.array(values))) for values in frames]  # fmt: skip
    shuffled = random.sample(published, len(published))
    assert span_of(*published) == span_of(*shuffled, *published)


def test_a_frame_of_a_recording_that_does_not_say_it_is_looked_at():
    frame = make(schema.Frame, 0, episode=0, step=0, sensor="patch", modality="depth", width=4, height=1)
    sent = encode_frame(frame, np.array([0.1, 0.2, 0.3, 0.4], "<f4").tobytes())
    file, text = io.BytesIO(), PngImagePlugin.PngInfo()
    with Image.open(io.BytesIO(sent.payload)) as image:
        fields = msgspec.json.decode(image.info[PNG_TEXT_KEY])
        older = {name: value for name, value in fields.items() if not name.startswith(("near_", "foreground_"))}
        text.add_text(PNG_TEXT_KEY, msgspec.json.encode(older).decode())
        image.save(file, "PNG", pnginfo=text)
    frame = message_without_buffers(topics.parse(sent.topic), file.getvalue())
    assert frame.near_metres == pytest.approx(0.1, abs=1e-4)
    assert span_of(frame) == pytest.approx((0.1, 0.4), abs=1e-4)
