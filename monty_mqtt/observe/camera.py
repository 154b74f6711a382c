"""This module reads from where and how wide a sensor saw an image. Reads only.

Called by `raw_arrays` with the observations of a sensor, for each step whose images are published.

Monty's transform `DepthTo3DLocations` (0.55) adds what is read here: `cam_to_world`, a 4 x 4 matrix, and
`sensor_frame_data`, the place of every pixel before the camera. It puts the first pixel on the image's very corner, so
the width of the view follows from it.
"""

from __future__ import annotations

import math
from typing import Any, List, Mapping, Optional

from monty_mqtt.observe.pose import from_matrix
from monty_mqtt.wire.message_pieces import Camera

__all__ = ["camera_of"]

_POSE_SHAPE = (4, 4)
_IMAGE_AXES = 2


def camera_of(observation: Mapping[str, Any]) -> Optional[Camera]:
    """Return the camera of a sensor's observation; None if Monty does not say where it was."""
    pose: Any = observation.get("cam_to_world")
    if getattr(pose, "shape", None) != _POSE_SHAPE:
        return None
    rows: List[List[float]] = pose.tolist()
    rotation = from_matrix([number for row in rows[:3] for number in row[:3]])
    location = [row[3] for row in rows[:3]]
    if rotation is None or not all(map(math.isfinite, (*location, *rotation))):
        return None
    return Camera(
        location=list(location),
        rotation=list(rotation),
        field_of_view_degs=_field_of_view_degs(observation.get("sensor_frame_data")),
        centre_metres=_centre_metres(observation.get("depth")),
    )


def _field_of_view_degs(pixels: Any) -> Optional[float]:
    if getattr(pixels, "ndim", 0) != _IMAGE_AXES or not len(pixels):
        return None
    x, _, z = pixels[0, :3].tolist()
    degs = 2 * math.degrees(math.atan2(abs(x), abs(z)))
    return degs if 0 < degs < 180 else None  # noqa: PLR2004 - a camera without depth at that pixel says nothing


def _centre_metres(depth: Any) -> Optional[float]:
    if getattr(depth, "ndim", 0) != _IMAGE_AXES or not depth.size:
        return None
    metres = float(depth[depth.shape[0] // 2, depth.shape[1] // 2])
    return metres if 0 < metres < math.inf else None
