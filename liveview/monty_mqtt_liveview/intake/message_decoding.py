"""Decodes MQTT messages, live or recorded, into the messages of the schema. Pure.

Called by `sorting` and `recording_reader`, so that both accept the same messages.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache

import msgspec

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema, topics
from monty_mqtt_core.payloads.frame_images import depth_range
from monty_mqtt_core.payloads.from_mqtt import message_without_buffers
from monty_mqtt_core.reading.deduplication import is_possible
from monty_mqtt_liveview.web.depth_colours import read_depth

__all__ = ["UNFIT", "message_of", "parsed_topic"]

UNFIT = (ArithmeticError, LookupError, TypeError, ValueError)
"""Errors that the state may raise at a message that decodes but makes no sense."""


@lru_cache(maxsize=16_384)  # a run has few topics, and reading one takes as long as reading a short message
def parsed_topic(topic: str) -> topics.Parsed:
    """Return the run, worker and kind that a topic names.

    Raises:
        DecodeError: The topic does not belong to this schema.
    """
    return topics.parse(topic)


def message_of(parsed: topics.Parsed, payload: bytes) -> schema.Message:
    """Return the decoded message, without pixels, points and clouds.

    Raises:
        DecodeError: The payload is not a valid message for this topic.
    """
    message = message_without_buffers(parsed, payload)
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
