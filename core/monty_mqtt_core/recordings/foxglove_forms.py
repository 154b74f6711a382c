"""This module wraps images and points in the JSON that Foxglove's panels show, and takes it off again. Pure.

Called by `mcap_file`, which writes, and by all who read recorded messages. The file that was published is inside,
unchanged: an image whole, in base64; of a PLY file the points in base64 and the header as text beside them.

Source: https://docs.foxglove.dev/docs/sdk/schemas, `CompressedImage` and `PointCloud`.
"""

import base64
from functools import lru_cache
from typing import Any

import msgspec

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema, topics
from monty_mqtt_core.payloads.point_files import PLY_COMMENT, PLY_END, packed_fields

__all__ = ["SCHEMAS", "unwrapped", "wrapped"]

_NANOS = 1_000_000_000
_FRAME = "monty"
"""All points are in one frame, so that a 3D panel shows them together."""

_NUMERIC_TYPES = {"uchar": 1, "float": 7}
_POSE = {"position": {"x": 0.0, "y": 0.0, "z": 0.0}, "orientation": {"x": 0.0, "y": 0.0, "z": 0.0, "w": 1.0}}


class _CompressedImage(msgspec.Struct, frozen=True, kw_only=True):
    timestamp: dict[str, int]
    frame_id: str
    data: str
    format: str


class _PointCloud(msgspec.Struct, frozen=True, kw_only=True):
    timestamp: dict[str, int]
    frame_id: str
    pose: dict[str, dict[str, float]]
    point_stride: int
    fields: list[dict[str, Any]]
    data: str
    ply_header: str


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _numbers(names: str) -> dict[str, Any]:
    return _object(**{name: {"type": "number"} for name in names})


_TIMESTAMP = {
    "title": "time",
    **_object(
        sec={"type": "integer", "minimum": 0},
        nsec={"type": "integer", "minimum": 0, "maximum": 999_999_999},
    ),
}
_BASE64 = {"type": "string", "contentEncoding": "base64"}
_COMPRESSED_IMAGE: dict[str, Any] = {
    "title": "foxglove.CompressedImage",
    "description": "A JPEG or PNG that carries its own header: JSON in the JPEG comment or the PNG text",
    **_object(
        timestamp=_TIMESTAMP,
        frame_id={"type": "string", "description": "The sensor, or the image's name"},
        data={**_BASE64, "description": "The image as it was published"},
        format={"type": "string", "description": "jpeg or png"},
    ),
    "required": ["timestamp", "frame_id", "data", "format"],
}
_POINT_CLOUD: dict[str, Any] = {
    "title": "foxglove.PointCloud",
    "description": "Points of a PLY file, whose header is beside them; its comment is the message's JSON",
    **_object(
        timestamp=_TIMESTAMP,
        frame_id={"type": "string", "description": "The same for all points"},
        pose=_object(position=_numbers("xyz"), orientation=_numbers("xyzw")),
        point_stride={"type": "integer", "minimum": 0, "description": "Bytes of a point"},
        fields={
            "type": "array",
            "items": _object(
                name={"type": "string"}, offset={"type": "integer", "minimum": 0}, type={"type": "integer"}
            ),
        },
        data={**_BASE64, "description": "The points as they were published"},
        ply_header={"type": "string", "description": "The header of the PLY file"},
    ),
    "required": ["timestamp", "frame_id", "pose", "point_stride", "fields", "data", "ply_header"],
}
SCHEMAS = {"frame": _COMPRESSED_IMAGE, "image": _COMPRESSED_IMAGE, "points": _POINT_CLOUD}
"""Foxglove's well-known schema for each kind that is wrapped; the title is its name."""

_points = msgspec.json.Decoder(schema.Points)


def wrapped(topic: str, payload: bytes, time_unix_nanos: int) -> bytes:
    """Return a payload as the file holds it: images and points in Foxglove's JSON, all else unchanged.

    Raises:
        DecodeError: Points without header.
    """
    parsed = _parsed(topic)
    if parsed.kind not in SCHEMAS:
        return payload
    seconds, nanos = divmod(time_unix_nanos, _NANOS)
    timestamp = {"sec": seconds, "nsec": nanos}
    if parsed.kind == "points":
        return msgspec.json.encode(_point_cloud(timestamp, payload))
    image = _CompressedImage(
        timestamp=timestamp,
        frame_id=parsed.names[0],
        data=base64.b64encode(payload).decode(),
        format="jpeg" if payload.startswith(b"\xff\xd8") else "png",
    )
    return msgspec.json.encode(image)


def unwrapped(topic: str, recorded: bytes) -> bytes:
    """Return the MQTT payload of a message in the file.

    Raises:
        DecodeError: What is wrapped is not valid.
    """
    kind = _parsed(topic).kind
    if kind not in SCHEMAS:
        return recorded
    try:
        if kind == "points":
            cloud = msgspec.json.decode(recorded, type=_PointCloud)
            return cloud.ply_header.encode() + base64.b64decode(cloud.data)
        return base64.b64decode(msgspec.json.decode(recorded, type=_CompressedImage).data)
    except (msgspec.MsgspecError, ValueError) as error:
        raise DecodeError(f"{topic}: {error}") from None


def _point_cloud(timestamp: dict[str, int], payload: bytes) -> _PointCloud:
    header, end, body = payload.partition(PLY_END)
    told = next((line for line in header.splitlines() if line.startswith(PLY_COMMENT)), b"")
    try:
        fields, stride = packed_fields(_points.decode(told[len(PLY_COMMENT) :]))
        ply_header = (header + end).decode()
    except (msgspec.MsgspecError, ValueError) as error:
        raise DecodeError(f"points without header: {error}") from None
    return _PointCloud(
        timestamp=timestamp,
        frame_id=_FRAME,
        pose=_POSE,
        point_stride=stride,
        fields=[{"name": field.name, "offset": field.offset, "type": _NUMERIC_TYPES[field.kind]} for field in fields],
        data=base64.b64encode(body).decode(),
        ply_header=ply_header,
    )


@lru_cache(maxsize=16_384)  # a recording has few topics and many messages
def _parsed(topic: str) -> topics.Parsed:
    return topics.parse(topic)
