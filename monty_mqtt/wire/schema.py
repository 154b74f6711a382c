"""This module defines the wire: it exports every message, and nothing else defines one.

The messages themselves stand in `run_messages`, `step_messages`, `machine_message` and `message_pieces`; programs
import them from here.

Used by the readers of Monty and the user's `publish_*` calls, which make messages, by `broadcaster`, which sends them,
and by the bridge, which decodes them and publishes them on MQTT.

A message is one JSON object tagged by `kind`. Evolution rules: a new field has a default, a field's type never
changes, an unknown field is skipped. `None` means "this Monty does not have it" and is left out of the JSON. A
number that was NaN or infinite is `null` inside a mapping or list, and as the value of a metric; as another field of
its own it is left out. Pixels and points do not travel in the JSON but as raw buffers beside it (see `Frame`,
`Hypotheses`, `ObjectModel`, `Image`, `Points`).

Rotations are unit quaternions (x, y, z, w), locations metres in Monty's body reference frame, times integer nanoseconds
since 1970-01-01 UTC.
"""

from __future__ import annotations

from typing import Any, Dict, Type, Union

import msgspec

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire.machine_message import HostUse, Machine, ProcessUse
from monty_mqtt.wire.message_pieces import (
    Camera,
    Hypothesis,
    LearningModuleEpisode,
    LearningModuleInfo,
    LearningModuleStep,
    ModeProgress,
    SensorModuleInfo,
    SensorModuleStep,
    Target,
)
from monty_mqtt.wire.run_messages import (
    Command,
    CommandResult,
    End,
    EpisodeEnded,
    EpisodeStarted,
    Info,
    Message,
    Progress,
    Status,
)
from monty_mqtt.wire.step_messages import (
    Data,
    Event,
    Frame,
    Histogram,
    Hypotheses,
    Image,
    Log,
    Metric,
    ObjectModel,
    Points,
    State,
    Step,
    Table,
)

__all__ = [
    "KINDS",
    "SCHEMA_VERSION",
    "AnyMessage",
    "Camera",
    "Command",
    "CommandResult",
    "Data",
    "End",
    "EpisodeEnded",
    "EpisodeStarted",
    "Event",
    "Frame",
    "Histogram",
    "HostUse",
    "Hypotheses",
    "Hypothesis",
    "Image",
    "Info",
    "LearningModuleEpisode",
    "LearningModuleInfo",
    "LearningModuleStep",
    "Log",
    "Machine",
    "Message",
    "Metric",
    "ModeProgress",
    "ObjectModel",
    "Points",
    "ProcessUse",
    "Progress",
    "SensorModuleInfo",
    "SensorModuleStep",
    "State",
    "Status",
    "Step",
    "Table",
    "Target",
    "decode",
    "encode",
]

SCHEMA_VERSION = 1

AnyMessage = Union[
    Info, Status, Progress, EpisodeStarted, EpisodeEnded, Step, Hypotheses, Metric, Data, State, Log, Event,
    Machine, Frame, ObjectModel, Image, Points, Histogram, Table, CommandResult, End,
]  # fmt: skip

KINDS: Dict[str, Type[Message]] = {
    cls.__struct_config__.tag: cls  # type: ignore[misc]
    for cls in (
        Info, Status, Progress, EpisodeStarted, EpisodeEnded, Step, Hypotheses, Metric, Data, State, Log, Event,
        Machine, Frame, ObjectModel, Image, Points, Histogram, Table, CommandResult, End,
    )
}  # fmt: skip
"""The message class of each kind, by the kind's word on the wire."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(AnyMessage)


def encode(message: Union[Message, Command]) -> bytes:
    """Return the message as JSON.

    Raises:
        TypeError, ValueError, OverflowError: A field holds a value that JSON cannot; `json_values.plain` prevents it.
    """
    return _encoder.encode(message)


def decode(payload: bytes) -> Any:
    """Return the message that `payload` holds.

    Raises:
        DecodeError: It is not JSON, of an unknown kind, or a field is missing or of the wrong type.
    """
    try:
        return _decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(str(error)) from None
