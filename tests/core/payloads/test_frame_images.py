"""Frames -> JPEG and PNG, read back by Pillow; and the thread that encodes them."""

from __future__ import annotations

import io
import json
import threading

import numpy as np
import pytest
from kit.bridge import make
from PIL import Image

from monty_mqtt.wire import schema
from monty_mqtt_bridge.publish.image_encoder import ImageEncoder
from monty_mqtt_core.payloads import frame_images


def frame(modality, height, width, seq=0, sensor="patch", **fields):
    size = {"height": height, "width": width}
    return make(schema.Frame, seq, sensor=sensor, modality=modality, episode=2, step=3, **size, **fields)


def test_colour_becomes_a_jpeg_that_carries_its_message():
    pixels = np.zeros((32, 48, 4), np.uint8)
    pixels[:, :24] = (250, 20, 20, 0)
    pixels[:, 24:] = (20, 20, 250, 255)
    message = frame("rgba", 32, 48, sensor="patch/é")
    outgoing = frame_images.encode_frame(message, pixels.tobytes())
    read = Image.open(io.BytesIO(outgoing.payload))
    assert (read.format, read.size, read.mode) == ("JPEG", (48, 32), "RGB")
    assert np.abs(np.asarray(read, int) - pixels[:, :, :3]).mean() < 6
    header = json.loads(read.info["comment"])
    assert header["sensor"] == "patch/é"
    assert (header["step"], header["width"], header["time_unix_nanos"]) == (3, 48, message.time_unix_nanos)
    assert (outgoing.topic, outgoing.qos, outgoing.retain) == (
        "monty/raw/v1/run/main/frame/patch%2Fé/rgba",
        0,
        True,
    )


def test_depth_becomes_a_16_bit_png_whose_range_gives_metres_back():
    depth = np.linspace(0.25, 1.75, 64 * 16, dtype="<f4").reshape(64, 16)
    read = Image.open(io.BytesIO(frame_images.encode_frame(frame("depth", 64, 16), depth.tobytes()).payload))
    assert (read.format, read.size, read.mode) == ("PNG", (16, 64), "I;16")
    header = json.loads(read.text[frame_images.PNG_TEXT_KEY])
    low, high = header["depth_min_metres"], header["depth_max_metres"]
    assert header["units"] == "metres"
    metres = low + np.asarray(read, float) / 65535 * (high - low)
    assert np.abs(metres - depth).max() < 1.5 / 65535


@pytest.mark.parametrize("value", [0.0, 5.0, np.nan, np.inf])
def test_a_depth_image_without_range_is_flat(value):
    depth = np.full((4, 4), value, "<f4")
    read = Image.open(io.BytesIO(frame_images.encode_frame(frame("depth", 4, 4), depth.tobytes()).payload))
    header = json.loads(read.text[frame_images.PNG_TEXT_KEY])
    assert not np.asarray(read).any()
    assert header["non_finite"] == (0 if np.isfinite(value) else 16)
    assert header["depth_min_metres"] == header["depth_max_metres"]


def test_depth_that_is_not_finite_is_shown_at_the_far_end():
    depth = np.array([[1, 2], [np.inf, np.nan]], "<f4")
    read = Image.open(io.BytesIO(frame_images.encode_frame(frame("depth", 2, 2), depth.tobytes()).payload))
    assert np.asarray(read).tolist() == [[0, 65535], [65535, 65535]]


def test_a_header_longer_than_a_jpeg_comment_is_cut_not_an_error():
    outgoing = frame_images.encode_frame(frame("rgba", 1, 1, run="r" * 70_000), bytes(4))
    assert Image.open(io.BytesIO(outgoing.payload)).size == (1, 1)


def test_the_encoder_gives_back_what_it_was_given():
    ready = threading.Event()
    with ImageEncoder(ready.set) as encoder:
        encoder.submit(frame("rgba", 8, 8, seq=5), bytes(256))
        assert ready.wait(10)
        (encoded,) = encoder.take()
    assert encoded.frame.seq == 5
    assert encoder.take() == []
    assert encoder.take_dropped() == 0


def test_while_it_is_busy_the_oldest_frames_of_a_sensor_give_way():
    busy, go_on = threading.Event(), threading.Event()
    finished = threading.Semaphore(0)

    def ready():
        busy.set()
        assert go_on.wait(10)
        finished.release()

    with ImageEncoder(ready) as encoder:
        encoder.submit(frame("rgba", 8, 8, seq=0), bytes(256))
        assert busy.wait(10)
        for seq in range(1, 6):
            encoder.submit(frame("rgba", 8, 8, seq=seq), bytes(256))
        encoder.submit(frame("rgba", 8, 8, seq=9, sensor="other"), bytes(256))
        assert encoder.waiting() == 3
        go_on.set()
        for _ in range(4):
            assert finished.acquire(timeout=10)
        assert [encoded.frame.seq for encoded in encoder.take()] == [0, 4, 5, 9]
        assert encoder.take_dropped() == 3


def test_a_frame_that_cannot_be_encoded_is_counted_and_the_next_one_is():
    ready = threading.Semaphore(0)
    with ImageEncoder(ready.release) as encoder:
        encoder.submit(frame("rgba", 8, 8), b"too short")
        encoder.submit(frame("rgba", 8, 8, seq=1), bytes(256))
        for _ in range(2):
            assert ready.acquire(timeout=10)
        assert [encoded.frame.seq for encoded in encoder.take()] == [1]
        assert encoder.take_dropped() == 1


def test_those_that_need_the_most_bytes_give_way_so_that_memory_has_a_bound(monkeypatch):
    started, release = threading.Event(), threading.Event()
    encode = frame_images.encode_frame

    def slowly(frame, pixels):
        started.set()
        release.wait(10)
        return encode(frame, pixels)

    monkeypatch.setattr(frame_images, "encode_frame", slowly)
    with ImageEncoder(lambda: None) as encoder:
        encoder.submit(*picture("first", 8))
        assert started.wait(10)
        for number in range(10):
            encoder.submit(*picture(f"loud {number}", 2048))
            encoder.submit(*picture(f"quiet {number}", 8))
        held = sum(len(pixels) for waiting in encoder._waiting.values() for _, pixels in waiting)
        assert held <= 32 << 20
        assert {f"quiet {number}" for number in range(10)} <= {sensor for _, _, sensor, _ in encoder._turns}
        assert encoder.take_dropped() == 9
        encoder.submit(*picture("huge", 3600))
        assert "huge" not in {sensor for _, _, sensor, _ in encoder._turns}, "more than the bound, and one is at work"
        release.set()


def picture(sensor, side):
    frame = schema.Frame(
        run="r", worker="w", seq=0, time_unix_nanos=1, sensor=sensor, modality="rgba", episode=0, step=0, height=side,
        width=side,
    )  # fmt: skip
    return frame, bytes(side * side * 4)
