"""This module turns raw frames into JPEG (colour) and 16-bit PNG (depth) with a header inside, and reads these. Pure.

Called by `image_encoder`, off the message path, and by the page, which reads images. The header is the message's own
JSON: in the JPEG's comment, or in the PNG's text `monty_mqtt`; for depth with the range in metres that 0 and 65535
stand for.
"""

from __future__ import annotations

import io
import math
import struct
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import topics
from monty_mqtt.wire.schema import Frame
from monty_mqtt_core.payloads.grey_png import grey_png
from monty_mqtt_core.payloads.to_mqtt import Outgoing

__all__ = ["PNG_TEXT_KEY", "Metres", "checked_jpeg", "depth_range", "encode_frame", "header", "opened", "read_depth"]

PNG_TEXT_KEY = "monty_mqtt"
_JPEG_QUALITY = 85
_LONGEST_COMMENT_BYTES = 65_533
"""A JPEG segment's length has 16 bits, and counts its own two bytes."""

_DEPTH_STEPS = 65_535
_NEAR_SHARE = 0.05
_BACKGROUND_TIMES = 10.0
_MOST_PIXELS = 4096 * 4096
_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
_UNREADABLE = (OSError, ValueError, SyntaxError, struct.error, KeyError, TypeError, *_BOMBS)

Metres = npt.NDArray[np.float64]


class _Range(msgspec.Struct):
    depth_min_metres: float
    depth_max_metres: float


def encode_frame(frame: Frame, pixels: bytes) -> Outgoing:
    """Return the MQTT message of a frame whose buffer has the right size."""
    encoded = _jpeg(frame, pixels) if frame.modality == "rgba" else _png(frame, pixels)
    topic, qos, retain = topics.of_message(frame)
    return Outgoing(topic, encoded, qos, retain)


def depth_range(metres: Metres) -> dict[str, float]:
    """Return the depth fields of `Frame`, metres; an empty mapping if no pixel has a depth."""
    known = metres[np.isfinite(metres) & (metres > 0)]
    if not known.size:
        return {}
    place = int((known.size - 1) * _NEAR_SHARE)
    near = float(np.partition(known, place)[place])
    foreground = known[known <= near * _BACKGROUND_TIMES]
    return {
        "near_metres": near,
        "foreground_min_metres": float(foreground.min()),
        "foreground_max_metres": float(foreground.max()),
    }


def header(frame: Frame, **more: Any) -> bytes:
    """Return the JSON that the image carries."""
    return msgspec.json.encode({**msgspec.to_builtins(frame), **more})


def checked_jpeg(payload: bytes) -> bytes:
    """Return a colour frame unchanged.

    Raises:
        DecodeError: It is not a JPEG, or has more than 4096 x 4096 pixels.
    """
    opened(payload, "JPEG").close()
    return payload


def read_depth(payload: bytes) -> Metres:
    """Return the depths of a depth frame: metres, float64, of shape (height, width).

    Raises:
        DecodeError: It is not a 16-bit PNG with a range, or has more than 4096 x 4096 pixels.
    """
    try:
        with opened(payload, "PNG") as image:
            span = msgspec.json.decode(str(image.info[PNG_TEXT_KEY]), type=_Range)
            levels = np.asarray(image, np.float64)
    except _UNREADABLE as error:
        raise DecodeError(f"it is no depth image: {error}") from None
    low, high = span.depth_min_metres, span.depth_max_metres
    if levels.ndim != 2 or not levels.size or not (math.isfinite(low) and math.isfinite(high) and low <= high):  # noqa: PLR2004
        raise DecodeError("it is no depth image: one 16-bit channel and a finite range are needed")
    metres: Metres = low + levels * ((high - low) / _DEPTH_STEPS)
    return metres


def _jpeg(frame: Frame, pixels: bytes) -> bytes:
    colours = Image.frombytes("RGB", (frame.width, frame.height), pixels, "raw", "RGBX")
    file = io.BytesIO()
    comment = header(frame, units="sRGB, 8 bits")[:_LONGEST_COMMENT_BYTES]
    colours.save(file, "JPEG", quality=_JPEG_QUALITY, comment=comment)
    return file.getvalue()


def _png(frame: Frame, pixels: bytes) -> bytes:
    depth = np.frombuffer(pixels, "<f4").astype(np.float64).reshape(frame.height, frame.width)
    finite = np.isfinite(depth)
    low = float(depth[finite].min()) if finite.any() else 0.0
    high = float(depth[finite].max()) if finite.any() else 0.0
    span = high - low
    # A pixel that was not finite is shown at the far end: mostly its ray hit nothing.
    scaled = (np.where(finite, depth, high) - low) * (_DEPTH_STEPS / span) if span else np.zeros_like(depth)
    # A frame that is played again keeps the range that the sensor saw, not the one that 16 bits could hold.
    known_range = {} if frame.near_metres is not None else depth_range(depth)
    text = header(
        frame,
        units="metres",
        depth_min_metres=low,
        depth_max_metres=high,
        non_finite=int(depth.size - finite.sum()),
        **known_range,
    )
    return grey_png(np.rint(scaled).astype(np.uint16), PNG_TEXT_KEY, text.decode())


def opened(payload: bytes, kind: str) -> Image.Image:
    """Return an image whose pixels are not read yet; `kind` is JPEG or PNG.

    Raises:
        DecodeError: It is no such image, or has more than 4096 x 4096 pixels.
    """
    try:
        image: Image.Image = Image.open(io.BytesIO(payload), formats=(kind,))
    except _UNREADABLE as error:
        raise DecodeError(f"it is no {kind} image: {error}") from None
    if image.width * image.height > _MOST_PIXELS:
        raise DecodeError(f"{image.width} x {image.height} pixels are more than this page shows")
    return image
