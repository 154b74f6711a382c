"""MQTT payloads -> messages: the way back of the bridge's `fanout` and `images`.

Place in the flow: `recording_intake` asks for the head of what it hears, `replay_stage` for the whole message with its
buffers.

What comes back is what was sent, but for colour frames, which went through JPEG, and depth, which has 65,535 levels.
"""

import io
import struct
from typing import Any

import msgspec
import numpy as np
from PIL import Image

from monty_mqtt import schema, topics
from monty_mqtt.errors import DecodeError
from monty_mqtt_bridge.images import PNG_TEXT_KEY

__all__ = ["Cloud", "Head", "head_of", "message_of"]

_PLY_END = b"end_header\n"
_PLY_COMMENT = b"comment monty_mqtt "
_LEVELS = 65_535


class Head(msgspec.Struct, frozen=True):
    """What tells messages apart.

    Attributes:
        seq: Number of the message.
        time_unix_nanos: Its own time.
        status: The status word, of a status.
        stalled: Likewise.
    """

    seq: int
    time_unix_nanos: int
    status: str | None = None
    stalled: bool = False


class Cloud(schema.Hypotheses, frozen=True, kw_only=True, tag="hypotheses"):
    """A hypothesis cloud on MQTT: the message with its buffers as lists.

    Attributes:
        locations: x, y, z of each hypothesis, metres.
        evidence: Its evidence.
        object_indices: Its object, as an index into `objects`.
    """

    locations: list[list[float | None]]
    evidence: list[float | None]
    object_indices: list[int]


class _Depth(msgspec.Struct, frozen=True):
    """The range that the levels of a depth image stand for."""

    depth_min_metres: float
    depth_max_metres: float


_heads = msgspec.json.Decoder(Head)
_depths = msgspec.json.Decoder(_Depth)
_clouds = msgspec.json.Decoder(Cloud)


def head_of(parsed: topics.Parsed, payload: bytes) -> Head:
    """Return the head of the message on a topic.

    Raises:
        DecodeError: The payload is none of this kind.
    """
    head: Head = _decode(_heads, _json_of(parsed.kind, payload))
    return head


def message_of(topic: str, payload: bytes) -> tuple[schema.Message, list[bytes]]:
    """Return the message that was published on a topic, and its buffers.

    Raises:
        DecodeError: The topic is not one of ours, or the payload is none of its kind.
    """
    kind = topics.parse(topic).kind
    text = _json_of(kind, payload)
    message = schema.decode(text)
    try:
        if isinstance(message, schema.Frame):
            return message, [_pixels(message, text, payload)]
        if isinstance(message, schema.ObjectModel):
            return message, [payload.partition(_PLY_END)[2][: 12 * message.count]]
    except (OSError, ValueError) as error:
        raise DecodeError(f"{topic}: {error}") from None
    if isinstance(message, schema.Hypotheses):
        return message, _cloud_buffers(text)
    return message, []


def _json_of(kind: str, payload: bytes) -> bytes:
    """Return a payload's JSON: itself, or the header that images and models carry."""
    if kind == "frame":
        return _image_header(payload)
    return _ply_header(payload) if kind == "object_model" else payload


def _image_header(payload: bytes) -> bytes:
    try:
        with Image.open(io.BytesIO(payload), formats=("JPEG", "PNG")) as image:
            found: Any = image.info.get("comment") or image.info.get(PNG_TEXT_KEY)
    except (OSError, ValueError, SyntaxError, struct.error) as error:
        raise DecodeError(f"not an image: {error}") from None
    if not found:
        raise DecodeError("an image without header")
    return found if isinstance(found, bytes) else str(found).encode()


def _ply_header(payload: bytes) -> bytes:
    for line in payload.partition(_PLY_END)[0].splitlines():
        if line.startswith(_PLY_COMMENT):
            return line[len(_PLY_COMMENT) :]
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
