"""This module turns a user's image into a PNG or JPEG file with a header inside, and takes the two apart. Pure.

Called by `image_encoder`, off the message path, and by `from_mqtt`. The header is the message's own JSON. It stands at
one place only, in the first comment of a JPEG or in the first text of a PNG, because a user's file may hold comments
and texts of its own. A file that the user published is passed on as it is: only the header is put in.
"""

from __future__ import annotations

import io
import struct
import zlib

import msgspec
import numpy as np
from PIL import Image

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.vocabulary import FILE_FORMATS
from monty_mqtt_core.payloads.frame_images import PNG_TEXT_KEY, opened
from monty_mqtt_core.payloads.to_mqtt import Outgoing

__all__ = ["encode_image", "split"]

_PNG_START = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"
_PNG_PLACE = 33
_TEXT = b"iTXt" + PNG_TEXT_KEY.encode() + b"\0\0\0\0\0"
_JPEG_START, _JFIF, _COMMENT = b"\xff\xd8", b"\xff\xe0", b"\xff\xfe"
_LONGEST_COMMENT_BYTES = 65_533
_FAST_COMPRESSION = 1
_LARGEST_LEVEL = 255


def encode_image(image: schema.Image, buffer: bytes) -> Outgoing:
    """Return the MQTT message of an image whose buffer has the right size.

    Raises:
        DecodeError: It is no such file, has more than 4096 x 4096 pixels, or its name and metadata are too long.
    """
    content = buffer if image.format in FILE_FORMATS else _png(image, buffer)
    file_format = image.format if image.format in FILE_FORMATS else "png"
    with opened(content, file_format.upper()) as file:
        sizes = {"height": file.height, "width": file.width, "channels": len(file.getbands())}
    image = msgspec.structs.replace(image, format=file_format, **sizes)
    topic, qos, retain = topics.of_message(image)
    return Outgoing(topic, _joined(schema.encode(image), content), qos, retain)


def split(payload: bytes) -> tuple[bytes, bytes]:
    """Return the header that a published image holds, and the file without it.

    Raises:
        DecodeError: It is no PNG or JPEG file, or has no header.
    """
    place = _place(payload)
    if place == _PNG_PLACE:
        end = place + 12 + int.from_bytes(payload[place : place + 4], "big")
        begin, chunk = place + 4 + len(_TEXT), payload[place + 4 : place + 4 + len(_TEXT)]
        if chunk == _TEXT and begin <= end - 4 < len(payload):
            return payload[begin : end - 4], payload[:place] + payload[end:]
    elif payload[place : place + 2] == _COMMENT:
        end = place + 2 + int.from_bytes(payload[place + 2 : place + 4], "big")
        return payload[place + 4 : end], payload[:place] + payload[end:]
    raise DecodeError("an image without header")


def _joined(header: bytes, content: bytes) -> bytes:
    place = _place(content)
    if place == _PNG_PLACE:
        chunk = _TEXT + header
        segment = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    elif len(header) <= _LONGEST_COMMENT_BYTES:
        segment = _COMMENT + struct.pack(">H", len(header) + 2) + header
    else:
        raise DecodeError(f"name and metadata are {len(header)} bytes; a JPEG takes {_LONGEST_COMMENT_BYTES}")
    return content[:place] + segment + content[place:]


def _place(content: bytes) -> int:
    """Return where the header belongs: behind the first chunk of a PNG, or the first segment of a JPEG."""
    if content.startswith(_PNG_START):
        return _PNG_PLACE
    if content.startswith(_JPEG_START + _JFIF):
        return 4 + int.from_bytes(content[4:6], "big")
    if content.startswith(_JPEG_START):
        return 2
    raise DecodeError("it is no PNG or JPEG file")


def _png(image: schema.Image, buffer: bytes) -> bytes:
    if image.format == "float32":
        numbers = np.nan_to_num(np.frombuffer(buffer, "<f4"), posinf=1.0, neginf=0.0)  # and NaN becomes 0, black
        pixels = np.rint(numbers.clip(0, 1) * _LARGEST_LEVEL).astype(np.uint8)
    else:
        pixels = np.frombuffer(buffer, np.uint8)
    shape = (image.height, image.width) if image.channels == 1 else (image.height, image.width, image.channels)
    file = io.BytesIO()
    Image.fromarray(pixels.reshape(shape)).save(file, "PNG", compress_level=_FAST_COMPRESSION)
    return file.getvalue()
