"""Images and points in Foxglove's own schemas, and out of them again, byte for byte."""

import base64
import json

import jsonschema
import numpy as np
import pytest
from kit.bridge import make

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema, topics
from monty_mqtt_core.payloads.point_files import ply_of_points
from monty_mqtt_core.recordings.foxglove_forms import SCHEMAS, unwrapped, wrapped

NANOS = 1795428999000000001
POINTS = make(schema.Points, 3, name="touched", count=2, colour_channels=3, colour_format="uint8", has_sizes=True)
XYZ, COLOURS, SIZES = np.arange(6, dtype="<f4"), bytes(range(6)), np.arange(2, dtype="<f4")
PLY = ply_of_points(POINTS, [XYZ.tobytes(), COLOURS, SIZES.tobytes()])
TOPIC = topics.of_message(POINTS).topic


def test_points_are_a_point_cloud():
    recorded = wrapped(TOPIC, PLY, NANOS)
    cloud = json.loads(recorded)
    jsonschema.validate(cloud, SCHEMAS["points"])
    assert SCHEMAS["points"]["title"] == "foxglove.PointCloud"
    assert cloud["timestamp"] == {"sec": 1795428999, "nsec": 1}
    assert cloud["point_stride"] == 19
    float32, uint8 = 7, 1  # https://docs.foxglove.dev/docs/sdk/schemas/numeric-type
    assert [(field["name"], field["offset"], field["type"]) for field in cloud["fields"]] == [
        ("x", 0, float32), ("y", 4, float32), ("z", 8, float32), ("red", 12, uint8), ("green", 13, uint8),
        ("blue", 14, uint8), ("size", 15, float32),
    ]  # fmt: skip
    assert len(base64.b64decode(cloud["data"])) == 2 * 19
    assert unwrapped(TOPIC, recorded) == PLY


@pytest.mark.parametrize("path", ["image/saliency", "frame/saliency/rgba"])
def test_images_are_compressed_images(path):
    topic = f"monty/raw/v1/run/main/{path}"
    recorded = wrapped(topic, b"\xff\xd8 and so on", NANOS)
    image = json.loads(recorded)
    jsonschema.validate(image, SCHEMAS["image"])
    assert (image["frame_id"], image["format"]) == ("saliency", "jpeg")
    assert unwrapped(topic, recorded) == b"\xff\xd8 and so on"


def test_all_else_stays_as_it_is():
    topic = "monty/v1/run/main/table/confusion"
    assert wrapped(topic, b"{}", NANOS) == unwrapped(topic, b"{}") == b"{}"


@pytest.mark.parametrize(
    "payload", [b"", b"ply\nend_header\n", b"ply\ncomment monty_mqtt {\nend_header\n", b"\xff" + PLY]
)
def test_points_without_a_header_are_not_wrapped(payload):
    with pytest.raises(DecodeError, match="points without header"):
        wrapped(TOPIC, payload, NANOS)


@pytest.mark.parametrize("recorded", [b"", b"{}", b'{"data": 7}', json.dumps({"data": "*"}).encode()])
@pytest.mark.parametrize("topic", [TOPIC, "monty/raw/v1/run/main/image/saliency"])
def test_what_is_not_wrapped_so_is_no_message(topic, recorded):
    with pytest.raises(DecodeError):
        unwrapped(topic, recorded)
