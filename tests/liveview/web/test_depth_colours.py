"""Frames as a browser shows them: depth on one scale for all frames of a sensor, and nothing that breaks."""

from __future__ import annotations

import io
import struct
import zlib

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.bridge import make
from PIL import Image, PngImagePlugin

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema
from monty_mqtt_core.payloads.frame_images import Metres, checked_jpeg, encode_frame, read_depth
from monty_mqtt_liveview.web import depth_colours
from monty_mqtt_liveview.web.depth_colours import DepthScale


def depth_payload(metres: np.ndarray) -> bytes:
    height, width = metres.shape
    shape = {"width": width, "height": height}
    frame = make(schema.Frame, 0, episode=0, step=0, sensor="patch", modality="depth", **shape)
    return encode_frame(frame, metres.astype("<f4").tobytes()).payload


def of(*values: float) -> Metres:
    return read_depth(depth_payload(np.array([values])))


def colours(png: bytes) -> list[tuple[int, int, int]]:
    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
        return [tuple(pixel) for pixel in np.asarray(image.convert("RGB")).reshape(-1, 3).tolist()]


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


def test_the_same_depth_has_the_same_colour_in_every_frame():
    scale = depth_colours.scale_between(0.1, 0.4)
    assert scale == DepthScale(0.1, 0.4)
    shown = [colours(depth_colours.coloured(of(*values), scale)[0]) for values in ((0.2, 0.3, 0.4), (0.1, 0.2, 0.25))]
    assert shown[0][0] == shown[1][1]
    assert shown[0][2] == rgb(depth_colours.VIRIDIS[-1])
    assert shown[1][0] == rgb(depth_colours.VIRIDIS[0])


def test_what_is_outside_of_the_scale_is_shown_as_such_and_counted():
    png, outside = depth_colours.coloured(of(0.05, 0.1, 0.2, 800.0), DepthScale(0.09, 0.3))
    pixels = colours(png)
    assert (pixels[0], pixels[3]) == (rgb(depth_colours.NEARER), rgb(depth_colours.FARTHER))
    assert pixels[1] not in (pixels[0], pixels[3])
    assert outside == 2


@given(st.lists(st.floats(0, 1e6, width=32), min_size=1, max_size=20))
def test_any_depths_give_a_scale_with_round_ends(values):
    low, high = min(values), max(values)
    scale = depth_colours.scale_between(low, high)
    assert scale.min_metres < scale.max_metres
    assert scale.min_metres <= low + (scale.max_metres - scale.min_metres) / 100
    assert scale.max_metres >= high - (scale.max_metres - scale.min_metres) / 100
    depth_colours.coloured(of(*values), scale)


@pytest.mark.parametrize("metres", [0.0, 0.1, 800.0])
def test_a_depth_that_is_the_same_everywhere_has_a_scale_too(metres):
    scale = depth_colours.scale_between(metres, metres)
    assert scale.min_metres < scale.max_metres


def test_a_colour_frame_is_passed_on_as_it_is():
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "JPEG")
    assert checked_jpeg(file.getvalue()) == file.getvalue()


def png_with(text: str, mode: str = "I;16", size: tuple[int, int] = (2, 2)) -> bytes:
    chunk = PngImagePlugin.PngInfo()
    chunk.add_text("monty_mqtt", text)
    file = io.BytesIO()
    Image.new(mode, size).save(file, "PNG", pnginfo=chunk)
    return file.getvalue()


def bomb(side: int) -> bytes:
    """A PNG of few bytes that says it has very many pixels."""
    header = struct.pack(">IIBBBBB", side, side, 16, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(part)) + kind + part + struct.pack(">I", zlib.crc32(kind + part)) for kind, part in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


GOOD = msgspec.json.encode({"depth_min_metres": 0.0, "depth_max_metres": 1.0}).decode()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"<script>alert(1)</script>",
        b"\x89PNG\r\n\x1a\n",
        depth_payload(np.ones((8, 8)))[:-30],
        png_with("not JSON"),
        png_with("{}"),
        png_with('{"depth_min_metres": 2.0, "depth_max_metres": 1.0}'),
        png_with(GOOD, mode="RGB"),
        bomb(5000),
        bomb(12_000),
        bomb(2_000_000_000),
    ],
    ids=["empty", "script", "magic", "cut", "no-json", "no-range", "turned", "colour", "5k", "12k", "2g"],
)
def test_what_is_no_depth_image_is_refused(payload):
    with pytest.raises(DecodeError):
        read_depth(payload)


@pytest.mark.parametrize("payload", [b"", b"GIF89a" + b"\0" * 40, png_with(GOOD), b"\xff\xd8\xff\xe0"])
def test_what_is_no_colour_image_is_refused(payload):
    with pytest.raises(DecodeError):
        checked_jpeg(payload)


@given(st.binary(max_size=300))
def test_random_bytes_are_refused(payload):
    for begun in (payload, b"\x89PNG\r\n\x1a\n" + payload, b"\xff\xd8\xff" + payload):
        for read in (read_depth, checked_jpeg):
            with pytest.raises(DecodeError):
                read(begun)


def test_the_colours_are_those_of_viridis_for_every_kind_of_colour_vision():
    lightness = [0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in map(rgb, depth_colours.VIRIDIS)]
    assert lightness == sorted(lightness)
