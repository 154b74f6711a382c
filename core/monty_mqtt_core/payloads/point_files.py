"""This module turns a user's points into a PLY file with a header inside, and back. Pure.

Called by `to_mqtt` and `from_mqtt`, and by `foxglove_forms`, which shows the same bytes as a point cloud. The header's
`comment monty_mqtt` is the message's own JSON. Each point is packed: location, colours, size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema

__all__ = ["PLY_COMMENT", "PLY_END", "PackedField", "packed_fields", "ply_of_points", "point_buffers"]

PLY_END = b"end_header\n"
PLY_COMMENT = b"comment monty_mqtt "
_LARGEST_LEVEL = 255
_COLOURS = ("red", "green", "blue", "alpha")


class PackedField(NamedTuple):
    """PackedField is one number of each point.

    Attributes:
        name: Its name in the PLY file.
        kind: `float` (float32, little endian) or `uchar`.
        offset: Where it begins in the point, bytes.
    """

    name: str
    kind: str
    offset: int


def packed_fields(points: schema.Points) -> tuple[list[PackedField], int]:
    """Return the numbers of each point, and how many bytes a point takes."""
    fields = [PackedField(name, "float", 4 * number) for number, name in enumerate("xyz")]
    colours = _COLOURS[: points.colour_channels]
    fields += [PackedField(name, "uchar", 12 + number) for number, name in enumerate(colours)]
    stride = 12 + len(colours)
    if points.has_sizes:
        fields.append(PackedField("size", "float", stride))
        stride += 4
    return fields, stride


def ply_of_points(points: schema.Points, raw: Sequence[bytes]) -> bytes:
    """Return points as a binary PLY file; the buffers have the right sizes."""
    buffers = list(raw)
    packed = np.empty(points.count, _packed_type(points))
    packed["xyz"] = np.frombuffer(buffers.pop(0), "<f4").reshape(-1, 3)
    if points.colour_channels:
        packed["colours"] = _levels(points, buffers.pop(0)).reshape(-1, points.colour_channels)
    if points.has_sizes:
        packed["size"] = np.frombuffer(buffers.pop(0), "<f4")
    points = msgspec.structs.replace(points, colour_format="uint8" if points.colour_channels else "")
    properties = "".join(f"property {field.kind} {field.name}\n" for field in packed_fields(points)[0])
    header = (
        "ply\nformat binary_little_endian 1.0\n"
        f"comment monty_mqtt {schema.encode(points).decode()}\n"
        f"element vertex {points.count}\n{properties}end_header\n"
    )
    return header.encode() + packed.tobytes()


def point_buffers(points: schema.Points, payload: bytes) -> list[bytes]:
    """Return the buffers of published points.

    Raises:
        DecodeError: The file is shorter than its header says.
    """
    body, packed_type = payload.partition(PLY_END)[2], _packed_type(points)
    if points.count < 0 or len(body) < points.count * packed_type.itemsize:
        raise DecodeError(f"{len(body)} bytes for {points.count} points")
    packed = np.frombuffer(body, packed_type, points.count)
    return [packed[name].tobytes() for name in packed_type.names or ()]


def _packed_type(points: schema.Points) -> np.dtype[np.void]:
    colours = [("colours", "u1", (points.colour_channels,))] if points.colour_channels in (3, 4) else []
    return np.dtype([("xyz", "<f4", (3,)), *colours, *([("size", "<f4")] if points.has_sizes else [])])


def _levels(points: schema.Points, buffer: bytes) -> npt.NDArray[np.uint8]:
    if points.colour_format == "uint8":
        return np.frombuffer(buffer, np.uint8)
    shares = np.nan_to_num(np.frombuffer(buffer, "<f4"), posinf=1.0, neginf=0.0)
    levels: npt.NDArray[np.uint8] = np.rint(shares.clip(0, 1) * _LARGEST_LEVEL).astype(np.uint8)
    return levels
