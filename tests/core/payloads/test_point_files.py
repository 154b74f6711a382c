"""A user's points -> a PLY file with its message inside, and back."""

import msgspec
import numpy as np
import pytest
from kit.bridge import make

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema
from monty_mqtt_bridge.receive import raw_buffers
from monty_mqtt_core.payloads.from_mqtt import message_of
from monty_mqtt_core.payloads.point_files import packed_fields
from monty_mqtt_core.payloads.to_mqtt import fan_out

XYZ = np.arange(9, dtype="<f4").reshape(3, 3) / 7
NAME = "touched/ é\nend_header\n"


def points(**fields):
    return make(schema.Points, 3, name=NAME, count=3, metadata={"step": 4}, **fields)


def published(message, buffers):
    raw_buffers.check(message, buffers)
    (outgoing,) = fan_out(message, schema.encode(message), buffers, most_bytes=10_000_000)
    return outgoing


@pytest.mark.parametrize("channels", [0, 3, 4])
@pytest.mark.parametrize("has_sizes", [False, True])
def test_points_come_back(channels, has_sizes):
    message = points(colour_channels=channels, colour_format="uint8" if channels else "", has_sizes=has_sizes)
    buffers = [XYZ.tobytes()]
    buffers += [bytes(range(3 * channels))] if channels else []
    buffers += [np.array([1, 2, np.nan], "<f4").tobytes()] if has_sizes else []
    outgoing = published(message, buffers)
    assert (outgoing.qos, outgoing.retain) == (0, False)
    assert message_of(outgoing.topic, outgoing.payload) == (message, buffers)


def test_the_file_says_what_is_where():
    message = points(colour_channels=4, colour_format="uint8", has_sizes=True)
    colours, sizes = np.arange(12, dtype=np.uint8), np.arange(3, dtype="<f4")
    payload = published(message, [XYZ.tobytes(), colours.tobytes(), sizes.tobytes()]).payload
    header, _, body = payload.partition(b"end_header\n")
    assert header.startswith(b"ply\nformat binary_little_endian 1.0\ncomment monty_mqtt {")
    assert header.decode().splitlines()[3:] == [
        "element vertex 3", "property float x", "property float y", "property float z", "property uchar red",
        "property uchar green", "property uchar blue", "property uchar alpha", "property float size",
    ]  # fmt: skip
    fields, stride = packed_fields(message)
    assert (stride, len(body)) == (20, 60)
    kinds = {"float": ("<f4", 4), "uchar": ("u1", 1)}
    read = {
        field.name: [np.frombuffer(body, kinds[field.kind][0], 1, at + field.offset)[0] for at in range(0, 60, stride)]
        for field in fields
    }
    assert np.array_equal(np.stack([read[name] for name in "xyz"], 1), XYZ)
    assert read["green"] == [1, 5, 9]
    assert read["size"] == [0, 1, 2]


def test_colours_from_0_to_1_become_levels_and_what_is_outside_is_cut():
    message = points(colour_channels=3, colour_format="float32")
    shares = np.array([0, 0.5, 1, -3, 7, np.nan, np.inf, -np.inf, 0.25], "<f4")
    outgoing = published(message, [XYZ.tobytes(), shares.tobytes()])
    read, (_, colours) = message_of(outgoing.topic, outgoing.payload)
    assert read == msgspec.structs.replace(message, colour_format="uint8")
    assert list(colours) == [0, 128, 255, 0, 255, 0, 255, 0, 64]


@pytest.mark.parametrize(
    ("fields", "sizes", "line"),
    [
        ({"count": -1}, [0], "negative"),
        ({}, [35], r"buffers of \[35\] bytes where \[36\] belong"),
        ({"colour_channels": 3, "colour_format": "uint8"}, [36], r"\[36, 9\] belong"),
        ({"colour_channels": 3, "colour_format": "float32", "has_sizes": True}, [36], r"\[36, 36, 12\] belong"),
        ({"colour_channels": 2, "colour_format": "uint8"}, [36, 6], "colours of 2 channels in 'uint8'"),
        ({"colour_channels": 3, "colour_format": "hsv"}, [36, 9], "colours of 3 channels in 'hsv'"),
    ],
)
def test_what_does_not_fit_the_message_is_refused(fields, sizes, line):
    message = make(schema.Points, 0, **{"name": "x", "count": 3, **fields})
    with pytest.raises(DecodeError, match=line):
        raw_buffers.check(message, [bytes(size) for size in sizes])


def test_a_file_that_is_cut_off_is_no_message():
    outgoing = published(points(), [XYZ.tobytes()])
    with pytest.raises(DecodeError, match="35 bytes for 3 points"):
        message_of(outgoing.topic, outgoing.payload[:-1])
