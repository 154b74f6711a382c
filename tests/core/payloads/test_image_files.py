"""A user's image -> a PNG or JPEG file with its message inside, and back."""

import io
from contextlib import suppress

import msgspec
import numpy as np
import pytest
from kit.bridge import make
from PIL import Image, PngImagePlugin

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema
from monty_mqtt_bridge.publish.image_encoder import ImageEncoder
from monty_mqtt_bridge.receive import raw_buffers
from monty_mqtt_core.payloads.from_mqtt import message_of
from monty_mqtt_core.payloads.image_files import encode_image, split

NAME = "salienc/y é"
RANDOM = np.random.default_rng(1)


def image(form, shape=(0, 0, 0), **fields):
    height, width, channels = shape
    fields = {"name": NAME, "height": height, "width": width, "channels": channels, **fields}
    return make(schema.Image, 3, format=form, metadata={"step": 4, "note": "ä"}, **fields)


def opened(payload):
    with Image.open(io.BytesIO(payload)) as file:
        file.load()
        return file


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pixels_become_a_png_that_shows_the_same(channels):
    pixels = RANDOM.integers(0, 256, (5, 7, channels), np.uint8)
    message = image("uint8", pixels.shape)
    outgoing = encode_image(message, pixels.tobytes())
    assert outgoing.topic == "monty/raw/v1/run/main/image/salienc%2Fy%20é"
    assert (outgoing.qos, outgoing.retain) == (0, False)
    assert np.array_equal(np.asarray(opened(outgoing.payload)).reshape(pixels.shape), pixels)
    read, (file,) = message_of(outgoing.topic, outgoing.payload)
    assert read == msgspec.structs.replace(message, format="png")
    assert encode_image(read, file) == outgoing  # played again it is the same, to the last byte


def test_numbers_from_0_to_1_become_levels_and_what_is_outside_is_cut():
    numbers = np.array([[0, 0.5, 1, -3, 7, np.nan, np.inf, -np.inf]], "<f4")
    outgoing = encode_image(image("float32", (1, 8, 1)), numbers.tobytes())
    assert np.asarray(opened(outgoing.payload)).tolist() == [[0, 128, 255, 0, 255, 0, 255, 0]]


def files():
    pixels = Image.fromarray(RANDOM.integers(0, 256, (9, 8, 3), np.uint8))
    note = PngImagePlugin.PngInfo()
    note.add_text("monty_mqtt", "somebody else's")
    for kind, options in (
        ("PNG", {}), ("PNG", {"pnginfo": note}), ("JPEG", {}), ("JPEG", {"comment": b"somebody else's"}),
        ("JPEG", {"progressive": True}),
    ):  # fmt: skip
        file = io.BytesIO()
        pixels.save(file, kind, **options)
        yield kind.lower(), file.getvalue()
    yield "jpeg", b"\xff\xd8" + file.getvalue()[20:]  # without the segment of JFIF


@pytest.mark.parametrize(("form", "content"), list(files()))
def test_a_user_s_file_comes_back_byte_for_byte(form, content):
    message = image(form)
    raw_buffers.check(message, [content])
    outgoing = encode_image(message, content)
    assert opened(outgoing.payload).tobytes() == opened(content).tobytes()
    read, buffers = message_of(outgoing.topic, outgoing.payload)
    assert buffers == [content]
    assert read == msgspec.structs.replace(message, height=9, width=8, channels=3)


@pytest.mark.parametrize(
    ("form", "content", "line"),
    [
        ("png", b"", "it is no PNG image"),
        ("png", b"\x89PNG\r\n\x1a\n" + bytes(100), "it is no PNG image"),
        ("jpeg", b"\xff\xd8\xff" + bytes(100), "it is no JPEG image"),
        ("jpeg", b"\x89PNG\r\n\x1a\n", "it is no JPEG image"),
    ],
)
def test_what_is_no_such_file_is_refused(form, content, line):
    with pytest.raises(DecodeError, match=line):
        encode_image(image(form), content)


def test_a_file_of_too_many_pixels_is_refused():
    file = io.BytesIO()
    Image.new("1", (4097, 4097)).save(file, "PNG")
    with pytest.raises(DecodeError, match="4097 x 4097 pixels"):
        encode_image(image("png"), file.getvalue())


def test_a_name_that_a_jpeg_cannot_hold_is_refused():
    content = dict(files())["jpeg"]
    with pytest.raises(DecodeError, match="a JPEG takes 65533"):
        encode_image(image("jpeg", name="n" * 65_500), content)


@pytest.mark.parametrize(
    "payload", [b"", b"GIF89a", *dict(files()).values(), dict(files())["png"][:40], b"\xff\xd8\xff\xe0\xff\xff\xff\xfe"]
)
def test_a_file_without_header_is_no_message(payload):
    with pytest.raises(DecodeError):
        message_of("monty/raw/v1/run/main/image/x", payload)


def test_a_damaged_message_raises_only_decode_error():
    payload = encode_image(image("png"), dict(files())["png"]).payload
    for cut in range(0, len(payload), 7):
        for damaged in (payload[:cut], payload[:cut] + b"\xff\xfe" + payload[cut + 2 :]):
            with suppress(DecodeError):
                schema.decode(split(damaged)[0])


@pytest.mark.parametrize(
    ("fields", "sizes", "line"),
    [
        ({"form": "gif"}, [1], "format 'gif' is none of png, jpeg, uint8, float32"),
        ({"form": "uint8", "shape": (0, 1, 1)}, [0], "each side must be 1 to 4096"),
        ({"form": "uint8", "shape": (1, 5000, 1)}, [5000], "each side must be 1 to 4096"),
        ({"form": "uint8", "shape": (1, 1, 2)}, [2], "it must have 1, 3 or 4"),
        ({"form": "float32", "shape": (2, 2, 1)}, [4], r"buffers of \[4\] bytes where \[16\] belong"),
        ({"form": "png"}, [], "buffers of"),
        ({"form": "png"}, [3, 3], "buffers of"),
    ],
)
def test_what_does_not_fit_the_message_is_refused(fields, sizes, line):
    with pytest.raises(DecodeError, match=line):
        raw_buffers.check(image(**fields), [bytes(size) for size in sizes])


def test_many_images_of_one_name_wait_where_frames_would_replace_each_other():
    with ImageEncoder(lambda: None) as encoder:
        for _ in range(20):
            encoder.submit(image("uint8", (4, 4, 1)), bytes(16))
        assert encoder.take_dropped() == 0
