"""This module checks whether the raw buffers of a message have the sizes that the message gives. Pure.

Called by `acceptance` and `feeder`; behind it `frame_images` and `to_mqtt` may rely on the sizes.
"""

from __future__ import annotations

from collections.abc import Sequence

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire.schema import Frame, Hypotheses, Message, ObjectModel

__all__ = ["check"]

_BYTES_PER_PIXEL = {"rgba": 4, "depth": 4}
_LONGEST_SIDE = 16_384


def check(message: Message, buffers: Sequence[bytes]) -> None:
    """Raise an error if the buffers do not fit the message.

    Raises:
        DecodeError: The sizes differ; the text says what was expected.
    """
    expected = _expected(message)
    sizes = [len(buffer) for buffer in buffers]
    if sizes != expected:
        raise DecodeError(f"{message.__struct_config__.tag}: buffers of {sizes} bytes where {expected} belong")


def _expected(message: Message) -> list[int]:
    if isinstance(message, Frame):
        return [_frame_bytes(message)]
    if isinstance(message, Hypotheses):
        _not_negative(message.count)
        return [12 * message.count, 4 * message.count, 2 * message.count]
    if isinstance(message, ObjectModel):
        _not_negative(message.count)
        return [12 * message.count]
    return []


def _frame_bytes(frame: Frame) -> int:
    if frame.modality not in _BYTES_PER_PIXEL:
        raise DecodeError(f"frame: modality {frame.modality[:32]!r} is none of {', '.join(_BYTES_PER_PIXEL)}")
    if not (1 <= frame.height <= _LONGEST_SIDE and 1 <= frame.width <= _LONGEST_SIDE):
        raise DecodeError(f"frame: {frame.height} x {frame.width} pixels; each side must be 1 to {_LONGEST_SIDE}")
    return frame.height * frame.width * _BYTES_PER_PIXEL[frame.modality]


def _not_negative(count: int) -> None:
    if count < 0:
        raise DecodeError(f"count {count} is negative")
