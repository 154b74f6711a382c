"""This module checks whether the raw buffers of a message have the sizes that the message gives. Pure.

Called by `acceptance` and `feeder`; behind it `frame_images` and `to_mqtt` may rely on the sizes.
"""

from __future__ import annotations

from collections.abc import Sequence

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire.schema import Frame, Histogram, Hypotheses, Image, Message, ObjectModel, Points
from monty_mqtt.wire.vocabulary import FILE_FORMATS

__all__ = ["check"]

_BYTES_PER_PIXEL = {"rgba": 4, "depth": 4}
_LONGEST_SIDE = 16_384
_BYTES_PER_CHANNEL = {"uint8": 1, "float32": 4}
_LONGEST_IMAGE_SIDE = 4096
_CHANNELS = (1, 3, 4)


def check(message: Message, buffers: Sequence[bytes]) -> None:
    """Raise an error if the buffers do not fit the message.

    Raises:
        DecodeError: The sizes differ; the text says what was expected.
    """
    sizes = [len(buffer) for buffer in buffers]
    is_file = isinstance(message, Image) and message.format in FILE_FORMATS
    expected = sizes[:1] or [1] if is_file else _expected(message)
    if sizes != expected:
        raise DecodeError(f"{message.__struct_config__.tag}: buffers of {sizes} bytes where {expected} belong")


def _expected(message: Message) -> list[int]:
    if isinstance(message, Frame):
        return [_frame_bytes(message)]
    if isinstance(message, (Hypotheses, ObjectModel)):
        _not_negative(message.count)
        return [size * message.count for size in ((12, 4, 2) if isinstance(message, Hypotheses) else (12,))]
    if isinstance(message, Image):
        return [_image_bytes(message)]
    if isinstance(message, Points):
        return _points_bytes(message)
    return _values_bytes(message) if isinstance(message, Histogram) else []


def _frame_bytes(frame: Frame) -> int:
    if frame.modality not in _BYTES_PER_PIXEL:
        raise DecodeError(f"frame: modality {frame.modality[:32]!r} is none of {', '.join(_BYTES_PER_PIXEL)}")
    if not (1 <= frame.height <= _LONGEST_SIDE and 1 <= frame.width <= _LONGEST_SIDE):
        raise DecodeError(f"frame: {frame.height} x {frame.width} pixels; each side must be 1 to {_LONGEST_SIDE}")
    return frame.height * frame.width * _BYTES_PER_PIXEL[frame.modality]


def _image_bytes(image: Image) -> int:
    if image.format not in _BYTES_PER_CHANNEL:
        known = ", ".join((*FILE_FORMATS, *_BYTES_PER_CHANNEL))
        raise DecodeError(f"image: format {image.format[:32]!r} is none of {known}")
    if not (1 <= image.height <= _LONGEST_IMAGE_SIDE and 1 <= image.width <= _LONGEST_IMAGE_SIDE):
        raise DecodeError(f"image: {image.height} x {image.width} pixels; each side must be 1 to {_LONGEST_IMAGE_SIDE}")
    if image.channels not in _CHANNELS:
        raise DecodeError(f"image: {image.channels} channels; it must have 1, 3 or 4")
    return image.height * image.width * image.channels * _BYTES_PER_CHANNEL[image.format]


def _points_bytes(points: Points) -> list[int]:
    _not_negative(points.count)
    channels, channel_bytes = points.colour_channels, _BYTES_PER_CHANNEL.get(points.colour_format, 0)
    if channels and (channels not in (3, 4) or not channel_bytes):
        raise DecodeError(f"points: colours of {channels} channels in {points.colour_format[:32]!r}")
    colour_bytes = channels * channel_bytes
    sizes = [12, *([colour_bytes] if colour_bytes else []), *([4] if points.has_sizes else [])]
    return [points.count * size for size in sizes]


def _values_bytes(histogram: Histogram) -> list[int]:
    _not_negative(histogram.values)
    return [8 * histogram.values] if histogram.values and not histogram.counts else []


def _not_negative(count: int) -> None:
    if count < 0:
        raise DecodeError(f"count {count} is negative")
