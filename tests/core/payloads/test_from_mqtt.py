"""The way back from MQTT: what the bridge makes of a message becomes the message again."""

import msgspec
import numpy as np
import pytest
from kit.messages.message_examples import EXAMPLES

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema, topics
from monty_mqtt_core.payloads.frame_images import encode_frame
from monty_mqtt_core.payloads.from_mqtt import Head, camera_of_image, head_of, message_of
from monty_mqtt_core.payloads.to_mqtt import fan_out

RANDOM = np.random.default_rng(1)
PLAIN = sorted(set(schema.KINDS) - {"frame", "hypotheses", "object_model", "image", "points"})
BULKY = {"most_bytes": 10_000_000}
HEAD = {"run": "r/1", "worker": "main", "seq": 7, "time_unix_nanos": 1795428900123456789}


def published(message, buffers=()):
    """The first MQTT message that the bridge makes of a message."""
    if isinstance(message, schema.Frame):
        return encode_frame(message, buffers[0])
    return fan_out(message, schema.encode(message), buffers, **BULKY)[0]


def without_ranges(frame):
    """A frame as it was before the bridge added the range of its depths."""
    return msgspec.structs.replace(frame, near_metres=None, foreground_min_metres=None, foreground_max_metres=None)


def back(message, buffers=()):
    outgoing = published(message, buffers)
    head = head_of(topics.parse(outgoing.topic), outgoing.payload)
    assert (head.seq, head.time_unix_nanos) == (message.seq, message.time_unix_nanos)
    return message_of(outgoing.topic, outgoing.payload)


@pytest.mark.parametrize("kind", PLAIN)
def test_a_message_of_json_comes_back(kind):
    assert back(EXAMPLES[kind]) == (EXAMPLES[kind], [])


def test_the_head_of_a_status_has_its_words():
    outgoing = published(EXAMPLES["status"])
    head = head_of(topics.parse(outgoing.topic), outgoing.payload)
    assert head == Head(41, 1795428900123456789, "error", stalled=True)


def test_a_cloud_comes_back():
    cloud = schema.Hypotheses(**HEAD, learning_module="lm", episode=1, step=2, objects=["a", "b"], count=3, total=9)
    locations = RANDOM.random((3, 3)).round(4).astype("<f4")
    evidence = np.array([1.5, -2.25, np.nan], "<f4")
    buffers = [locations.tobytes(), evidence.tobytes(), np.array([0, 1, 1], "<u2").tobytes()]
    assert back(cloud, buffers) == (cloud, buffers)


def test_an_empty_cloud_comes_back():
    cloud = schema.Hypotheses(**HEAD, learning_module="lm", episode=1, step=2)
    assert back(cloud, [b"", b"", b""]) == (cloud, [b"", b"", b""])


@pytest.mark.parametrize("name", ["mug", "a b\nend_header\n", "🤖"])
def test_a_model_comes_back(name):
    model = schema.ObjectModel(**HEAD, learning_module="lm", object=name, count=5, channel="patch", episode=2)
    points = RANDOM.random((5, 3)).astype("<f4").tobytes()
    assert back(model, [points]) == (model, [points])


@pytest.mark.parametrize("sensor", ["patch", "änderung", "🤖"])
def test_a_colour_frame_comes_back_as_jpeg_shows_it(sensor):
    frame = schema.Frame(**HEAD, sensor=sensor, modality="rgba", episode=1, step=2, height=32, width=48, total_step=9)
    rows, columns = np.mgrid[:32, :48]
    pixels = np.stack([rows * 7, columns * 5, rows + columns, np.full((32, 48), 255)], axis=-1).astype(np.uint8)
    message, (decoded,) = back(frame, [pixels.tobytes()])
    assert message == frame
    difference = np.abs(np.frombuffer(decoded, np.uint8).reshape(pixels.shape).astype(int) - pixels)
    assert difference.mean() < 4


@pytest.mark.parametrize("sensor", ["patch", "änderung", "🤖"])
def test_a_depth_frame_comes_back_to_the_65535th_of_its_range(sensor):
    frame = schema.Frame(**HEAD, sensor=sensor, modality="depth", episode=1, step=2, height=16, width=20)
    depth = (RANDOM.random((16, 20)) * 3 + 0.25).astype("<f4")
    message, (decoded,) = back(frame, [depth.tobytes()])
    assert without_ranges(message) == frame
    assert message.near_metres is not None, "the bridge writes down the range"
    assert np.abs(np.frombuffer(decoded, "<f4").reshape(depth.shape) - depth).max() <= 3 / 65535


def test_depth_published_again_is_the_same_image():
    frame = schema.Frame(**HEAD, sensor="patch", modality="depth", episode=1, step=2, height=16, width=20)
    once = back(frame, [(RANDOM.random((16, 20)) * 3).astype("<f4").tobytes()])
    again = back(*once)
    np.testing.assert_allclose(np.frombuffer(again[1][0], "<f4"), np.frombuffer(once[1][0], "<f4"), atol=1e-4)


def test_depth_of_one_value_comes_back():
    frame = schema.Frame(**HEAD, sensor="patch", modality="depth", episode=1, step=2, height=2, width=2)
    pixels = np.full(4, 1.5, "<f4").tobytes()
    message, buffers = back(frame, [pixels])
    assert (without_ranges(message), buffers) == (frame, [pixels])


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("monty/v1/r/main/step", b"{}"),
        ("monty/v1/r/main/step", b"\xff"),
        ("monty/v1/r/main/hypotheses/lm", schema.encode(EXAMPLES["hypotheses"])),
        ("monty/raw/v1/r/main/frame/patch/rgba", b""),
        ("monty/raw/v1/r/main/image/saliency", b""),
        ("monty/raw/v1/r/main/image/saliency", b"\x89PNG\r\n\x1a\n"),
        ("monty/raw/v1/r/main/frame/patch/rgba", b"GIF89a"),
        ("monty/raw/v1/r/main/frame/patch/depth", b"\x89PNG\r\n\x1a\n"),
        ("monty/raw/v1/r/main/model/lm/mug", b"ply\ncomment somebody else's\nend_header\n"),
        ("monty/raw/v1/r/main/model/lm/mug", b"ply\ncomment monty_mqtt {\nend_header\n"),
        ("home/lamp", b"{}"),
    ],
)
def test_what_is_no_message_raises_decode_error_only(topic, payload):
    with pytest.raises(DecodeError):
        message_of(topic, payload)


@pytest.mark.parametrize("modality", ["rgba", "depth"])
def test_an_image_that_is_cut_off_raises_decode_error_only(modality):
    frame = schema.Frame(**HEAD, sensor="patch", modality=modality, episode=1, step=2, height=64, width=64)
    outgoing = published(frame, [RANDOM.random((64, 64)).astype("<f4").tobytes()])
    for size in range(0, len(outgoing.payload) - 20, 97):
        with pytest.raises(DecodeError):
            message_of(outgoing.topic, outgoing.payload[:size])


@pytest.mark.parametrize("modality", ["rgba", "depth"])
def test_an_image_says_with_which_camera_it_was_seen(modality):
    frame = msgspec.structs.replace(EXAMPLES["frame"], modality=modality, width=2, height=1)
    assert camera_of_image(encode_frame(frame, bytes(8)).payload) == EXAMPLES["frame"].camera
    without = msgspec.structs.replace(frame, camera=None)
    assert camera_of_image(encode_frame(without, bytes(8)).payload) is None


@pytest.mark.parametrize("payload", [b"", b"no image", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"])
def test_what_is_no_image_says_no_camera(payload):
    assert camera_of_image(payload) is None
