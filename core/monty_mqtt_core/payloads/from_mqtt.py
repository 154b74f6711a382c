"""This module turns MQTT payloads back into messages: the reverse of `to_mqtt` and `frame_images`.

Called by `selection` for the head of a message, by the page for a message without its buffers, and by `stage` for the
whole message with its buffers.

The result equals what was sent, except for colour frames, which went through JPEG, and depth, which has 65,535 levels.
"""

import io
import struct
from contextlib import suppress
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
from PIL import Image

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema, topics
from monty_mqtt_core.payloads.frame_images import PNG_TEXT_KEY, depth_range, read_depth
from monty_mqtt_core.payloads.image_files import split
from monty_mqtt_core.payloads.point_files import PLY_COMMENT, PLY_END, point_buffers

__all__ = [
    "LONGEST_TIME_UNIX_NANOS",
    "Cloud",
    "Head",
    "camera_of_image",
    "head_of",
    "is_possible",
    "message_of",
    "message_without_buffers",
    "parsed_topic",
]

LONGEST_TIME_UNIX_NANOS = 2**63 - 1
"""The latest time that MCAP and all its readers can hold."""

_LEVELS = 65_535
_JPEG_START, _JPEG_COMMENT = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", 20
_PNG_START, _PNG_TEXT = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", 37
_PNG_TEXT_BEGIN = b"tEXt" + PNG_TEXT_KEY.encode() + b"\x00"
"""Beginnings of the bridge's images, and the offsets of their headers."""


class Head(msgspec.Struct, frozen=True):
    """Head holds the fields that tell messages apart.

    Attributes:
        seq: Number of the message.
        time_unix_nanos: The message's own time.
        status: The status word; only of a status message.
        stalled: Whether the run is stalled; only of a status message.
    """

    seq: int
    time_unix_nanos: int
    status: str | None = None
    stalled: bool = False


class Cloud(schema.Hypotheses, frozen=True, kw_only=True, tag="hypotheses"):
    """Cloud is a hypothesis cloud on MQTT: the message with its buffers as lists.

    Attributes:
        locations: x, y, z of each hypothesis, metres.
        evidence: Evidence of each hypothesis.
        object_indices: Object of each hypothesis, as an index into `objects`.
    """

    locations: list[list[float | None]]
    evidence: list[float | None]
    object_indices: list[int]


class _Depth(msgspec.Struct, frozen=True):
    """_Depth is the range in metres that the levels of a depth image stand for."""

    depth_min_metres: float
    depth_max_metres: float


class _Seen(msgspec.Struct, frozen=True):
    """_Seen is what the header of an image says of the camera."""

    camera: schema.Camera | None = None


_heads = msgspec.json.Decoder(Head)
_seen = msgspec.json.Decoder(_Seen)
_depths = msgspec.json.Decoder(_Depth)
_clouds = msgspec.json.Decoder(Cloud)


def is_possible(seq: int, time_unix_nanos: int) -> bool:
    """Return whether a message can have this seq and this time."""
    return 0 <= seq <= LONGEST_TIME_UNIX_NANOS and 0 <= time_unix_nanos <= LONGEST_TIME_UNIX_NANOS


@lru_cache(maxsize=16_384)  # a run has few topics, and reading one takes as long as reading a short message
def parsed_topic(topic: str) -> topics.Parsed:
    """Return the run, worker and kind that a topic names.

    Raises:
        DecodeError: The topic does not belong to this schema.
    """
    return topics.parse(topic)


def head_of(parsed: topics.Parsed, payload: bytes) -> Head:
    """Return the head of the message on a topic.

    Raises:
        DecodeError: The payload is not valid for this kind.
    """
    head: Head = _decode(_heads, _json_of(parsed.kind, payload))
    return head


def camera_of_image(payload: bytes) -> schema.Camera | None:
    """Return from where and how wide an image was seen; None if it does not say so."""
    try:
        return _seen.decode(_image_header(payload)).camera
    except (DecodeError, msgspec.MsgspecError):
        return None


def message_of(topic: str, payload: bytes) -> tuple[schema.Message, list[bytes]]:
    """Return the message that was published on a topic, and its buffers.

    Raises:
        DecodeError: The topic is not one of this schema, or the payload is not valid for its kind.
    """
    kind = topics.parse(topic).kind
    text = _json_of(kind, payload)
    message = schema.decode(text)
    try:
        if isinstance(message, schema.Frame):
            return message, [_pixels(message, text, payload)]
        if isinstance(message, schema.ObjectModel):
            return message, [payload.partition(PLY_END)[2][: 12 * message.count]]
    except (OSError, ValueError) as error:
        raise DecodeError(f"{topic}: {error}") from None
    if isinstance(message, schema.Image):
        return message, [split(payload)[1]]
    if isinstance(message, schema.Points):
        return message, point_buffers(message, payload)
    if isinstance(message, schema.Hypotheses):
        return message, _cloud_buffers(text)
    return message, []


def message_without_buffers(parsed: topics.Parsed, payload: bytes) -> schema.Message:
    """Return the message that was published on a topic, without decoding pixels, points and clouds.

    Raises:
        DecodeError: The payload is not a valid message of this topic.
    """
    message: schema.Message = schema.decode(_json_of(parsed.kind, payload))
    if (message.run, message.worker, message.__struct_config__.tag) != parsed[:3]:
        raise DecodeError(f"a message of another topic on that of {parsed.kind} of {parsed.run!r}, {parsed.worker!r}")
    if isinstance(message, schema.Frame) and message.modality == "depth" and message.near_metres is None:
        message = _with_range(message, payload)
    if not is_possible(message.seq, message.time_unix_nanos):
        raise DecodeError(f"a message with seq {message.seq} and time {message.time_unix_nanos}")
    return message


def _with_range(frame: schema.Frame, payload: bytes) -> schema.Frame:
    """Return the depth frame with its range of distances; recordings of older bridges do not state it."""
    with suppress(DecodeError):
        return msgspec.structs.replace(frame, **depth_range(read_depth(payload)))
    return frame


def _json_of(kind: str, payload: bytes) -> bytes:
    """Return a payload's JSON: itself, or the header that images and models carry."""
    if kind == "frame":
        return _image_header(payload)
    if kind == "image":
        return split(payload)[0]
    return _ply_header(payload) if kind in ("object_model", "points") else payload


def _image_header(payload: bytes) -> bytes:
    # This takes a thirtieth of the time of opening the whole image.
    if payload.startswith(_JPEG_START) and payload[_JPEG_COMMENT : _JPEG_COMMENT + 2] == b"\xff\xfe":
        end = _JPEG_COMMENT + 2 + int.from_bytes(payload[_JPEG_COMMENT + 2 : _JPEG_COMMENT + 4], "big")
        return payload[_JPEG_COMMENT + 4 : end]
    if payload.startswith(_PNG_START) and payload[_PNG_TEXT : _PNG_TEXT + len(_PNG_TEXT_BEGIN)] == _PNG_TEXT_BEGIN:
        end = _PNG_TEXT + 4 + int.from_bytes(payload[_PNG_TEXT - 4 : _PNG_TEXT], "big")
        return payload[_PNG_TEXT + len(_PNG_TEXT_BEGIN) : end].decode("latin-1").encode()
    try:
        with Image.open(io.BytesIO(payload), formats=("JPEG", "PNG")) as image:
            text: Any = image.info.get("comment") or image.info.get(PNG_TEXT_KEY)
    except (OSError, ValueError, SyntaxError, struct.error) as error:
        raise DecodeError(f"not an image: {error}") from None
    if not text:
        raise DecodeError("an image without header")
    return text if isinstance(text, bytes) else str(text).encode()


def _ply_header(payload: bytes) -> bytes:
    for line in payload.partition(PLY_END)[0].splitlines():
        if line.startswith(PLY_COMMENT):
            return line[len(PLY_COMMENT) :]
    raise DecodeError("a PLY file without header")


def _pixels(frame: schema.Frame, header: bytes, payload: bytes) -> bytes:
    with Image.open(io.BytesIO(payload), formats=("JPEG", "PNG")) as image:
        if frame.modality == "rgba":
            return image.convert("RGBA").tobytes()
        levels = np.asarray(image, dtype=np.float64)
    depth: _Depth = _decode(_depths, header)
    span = depth.depth_max_metres - depth.depth_min_metres
    return (depth.depth_min_metres + levels / _LEVELS * span).astype("<f4").tobytes()


def _cloud_buffers(payload: bytes) -> list[bytes]:
    cloud: Cloud = _decode(_clouds, payload)
    return [
        np.asarray(cloud.locations, dtype="<f4").tobytes(),
        np.asarray(cloud.evidence, dtype="<f4").tobytes(),
        np.asarray(cloud.object_indices, dtype="<u2").tobytes(),
    ]


def _decode(decoder: msgspec.json.Decoder[Any], payload: bytes) -> Any:
    try:
        return decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(str(error)) from None
