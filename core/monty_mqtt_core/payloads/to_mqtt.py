"""This module turns one message into its topics and payloads. Pure.

Called by `outlet`; hands to `publisher`. It makes no frames, because encoding them takes time (`frame_images`), and
no line protocol (`points`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema, topics
from monty_mqtt_core.payloads.point_files import ply_of_points
from monty_mqtt_core.payloads.value_bins import counted

__all__ = ["Evidence", "Outgoing", "TooLargeError", "check", "fan_out", "is_too_long", "object_model_ply"]

_LONGEST_TOPIC_BYTES = 65_535
"""Limit of MQTT 3.1.1, section 1.5.3."""

_METRE_DIGITS = 6
_PACKET_HEAD_BYTES = 16
_EVIDENCE_DIGITS = 4


class TooLargeError(DecodeError):
    """TooLargeError reports a message that is larger than the broker accepts."""


class Outgoing(NamedTuple):
    """Outgoing is one MQTT message."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Evidence holds a learning module's evidence for each object after a step, on a topic of its own.

    Attributes:
        run: Id of the run.
        worker: The experiment object within the run.
        seq: Number of the step message that it is taken from.
        time_unix_nanos: When the step message was published.
        mode: `train` or `eval`.
        episode: Episode of this mode, from 0.
        step: Step within the episode, from 0.
        evidence: Highest evidence of each object.
    """

    run: str
    worker: str
    seq: int
    time_unix_nanos: int
    mode: str
    episode: int
    step: int
    evidence: dict[str, float | None]


_encoder = msgspec.json.Encoder()


def fan_out(message: schema.Message, payload: bytes, raw: Sequence[bytes], *, most_bytes: int) -> list[Outgoing]:
    """Return the MQTT messages that a message becomes.

    Args:
        message: The message; for a frame or an image the result is empty.
        payload: Its JSON as it arrived: it is passed on, not encoded again.
        raw: Its buffers, of checked sizes.
        most_bytes: Largest packet that the broker accepts, bytes.

    Raises:
        TooLargeError: A packet is larger than the broker accepts.
        DecodeError: The names are too long for a topic, or the parts of the message do not fit together.
    """
    if isinstance(message, (schema.Frame, schema.Image)):
        return []
    topic, qos, retain = topics.of_message(message)
    if isinstance(message, schema.Hypotheses):
        payload = _cloud(message, raw)
    elif isinstance(message, schema.ObjectModel):
        payload = object_model_ply(message, raw[0])
    elif isinstance(message, schema.Points):
        payload = ply_of_points(message, raw)
    elif isinstance(message, schema.Histogram) and raw:
        payload = schema.encode(counted(message, raw[0]))
    outgoing = [Outgoing(topic, payload, qos, retain)]
    if isinstance(message, schema.Step):
        outgoing += _evidence(message)
    for published in outgoing:
        check(published, most_bytes)
    return outgoing


def object_model_ply(model: schema.ObjectModel, points: bytes) -> bytes:
    """Return a learned object as a binary PLY point cloud, metres; its header names run, object and episode."""
    header = (
        "ply\nformat binary_little_endian 1.0\n"
        f"comment monty_mqtt {schema.encode(model).decode()}\n"
        f"element vertex {model.count}\nproperty float x\nproperty float y\nproperty float z\nend_header\n"
    )
    return header.encode() + points


def _evidence(step: schema.Step) -> list[Outgoing]:
    return [
        Outgoing(
            topics.build(step.run, step.worker, "evidence", name),
            _encoder.encode(
                Evidence(
                    run=step.run,
                    worker=step.worker,
                    seq=step.seq,
                    time_unix_nanos=step.time_unix_nanos,
                    mode=step.mode,
                    episode=step.episode,
                    step=step.step,
                    evidence=module.evidence,
                )
            ),
            1,
            False,  # noqa: FBT003 - a field of a NamedTuple
        )
        for name, module in step.learning_modules.items()
        if module.evidence is not None
    ]


def _cloud(cloud: schema.Hypotheses, raw: Sequence[bytes]) -> bytes:
    """Return the cloud as JSON with lists; NaN and infinity become null."""
    locations = np.frombuffer(raw[0], "<f4").astype(float).round(_METRE_DIGITS).reshape(-1, 3)
    evidence = np.frombuffer(raw[1], "<f4").astype(float).round(_EVIDENCE_DIGITS)
    indices = np.frombuffer(raw[2], "<u2")
    if cloud.count and int(indices.max()) >= len(cloud.objects):
        raise DecodeError(f"hypotheses: object index {indices.max()} of {len(cloud.objects)} objects")
    lists: dict[str, Any] = {
        "locations": locations.tolist(),
        "evidence": evidence.tolist(),
        "object_indices": indices.tolist(),
    }
    return _encoder.encode({**msgspec.to_builtins(cloud), **lists})


def is_too_long(topic: str) -> bool:
    """Return whether a topic is longer than MQTT allows."""
    at_most = 4 * len(topic)  # a character has at most four bytes
    return at_most > _LONGEST_TOPIC_BYTES and len(topic.encode()) > _LONGEST_TOPIC_BYTES


def check(outgoing: Outgoing, most_bytes: int) -> None:
    """Raise an error if the broker cannot accept a message.

    Raises:
        TooLargeError: The message is larger than the broker accepts.
        DecodeError: Its topic is longer than MQTT allows.
    """
    if is_too_long(outgoing.topic):
        topic_bytes = len(outgoing.topic.encode())
        raise DecodeError(f"its names make a topic of {topic_bytes} bytes; MQTT takes {_LONGEST_TOPIC_BYTES}")
    size = 4 * len(outgoing.topic) + len(outgoing.payload) + _PACKET_HEAD_BYTES
    if size > most_bytes:
        raise TooLargeError(f"{size} bytes on {outgoing.topic[:80]}; the broker takes {most_bytes}")
