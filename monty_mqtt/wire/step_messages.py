"""This module defines the messages of what a run senses and believes, and of what the user's code publishes.

Exported by `schema`, from which all programs import.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from monty_mqtt.wire.message_pieces import Camera, LearningModuleStep, SensorModuleStep
from monty_mqtt.wire.run_messages import Message

__all__ = [
    "Data",
    "Event",
    "Frame",
    "Histogram",
    "Hypotheses",
    "Image",
    "Log",
    "Metric",
    "ObjectModel",
    "Points",
    "State",
    "Step",
    "Table",
]


class Step(Message, frozen=True, kw_only=True, tag="step"):
    """Step reports one step of the experiment: all learning modules and sensor modules together.

    Attributes:
        mode: `train` or `eval`.
        epoch: Epoch of this mode, from 0.
        episode: Episode of this mode, from 0.
        step: Step within the episode, from 0.
        total_step: Step within the run, from 0.
        step_type: Monty's word: `matching_step`, `exploratory_step`.
        is_motor_only: Whether the learning modules were left out of this step.
        step_secs: Seconds since the previous step, without pauses.
        monitor_micros: Time that the monitor took in the previous step, microseconds on the experiment's thread.
        actions: Names of the actions chosen for the next step.
        action_amounts: What each of them was given, by Monty's names (`rotation_degrees`, `distance`, …): numbers and
            lists of numbers; quaternions as Monty gives them.
        target_object: Name of the object that the episode shows.
        learning_modules: Parts by learning module id.
        sensor_modules: Parts by sensor module id.
        non_finite: How many NaN or infinite numbers became null in this message.
    """

    mode: str
    epoch: int
    episode: int
    step: int
    total_step: int = 0
    step_type: Optional[str] = None
    is_motor_only: Optional[bool] = None
    step_secs: Optional[float] = None
    monitor_micros: Optional[float] = None
    actions: List[str] = []
    action_amounts: List[Dict[str, Any]] = []
    target_object: Optional[str] = None
    learning_modules: Dict[str, LearningModuleStep] = {}
    sensor_modules: Dict[str, SensorModuleStep] = {}
    non_finite: int = 0


class Hypotheses(Message, frozen=True, kw_only=True, tag="hypotheses"):
    """Hypotheses holds the strongest hypotheses of one learning module; at most 500, at most twice a second. Bulk.

    Buffers, in this order, little endian: locations float32 (count, 3) in metres; evidence float32 (count,);
    object index uint16 (count,), into `objects`.

    Attributes:
        learning_module: Id of the learning module.
        episode: Episode of this mode, from 0.
        step: Step within the episode, from 0.
        objects: Ids of the graphs.
        count: Number of hypotheses in the buffers.
        total: Number of all hypotheses of the learning module.
    """

    learning_module: str
    episode: int
    step: int
    objects: List[str] = []
    count: int = 0
    total: int = 0


class Metric(Message, frozen=True, kw_only=True, tag="metric"):
    """Metric is a number that the user publishes.

    Attributes:
        name: Its name, chosen by the user.
        value: The number; null if it was not finite.
        metadata: Further values that the user passed with it (`epoch`, `step`, …).
        not_finite: `nan`, `inf` or `-inf`, if the number was that.
    """

    name: str
    value: Optional[float]
    metadata: Dict[str, Any] = {}
    not_finite: Optional[str] = None


class Data(Message, frozen=True, kw_only=True, tag="data"):
    """Data is any JSON value that the user publishes under a stream's name.

    Attributes:
        stream: The stream's name.
        data: The value.
    """

    stream: str
    data: Any = None


class State(Message, frozen=True, kw_only=True, tag="state"):
    """State is the user's key-value state.

    Attributes:
        state: Always the whole state: the last value of every key.
    """

    state: Dict[str, Any] = {}


class Log(Message, frozen=True, kw_only=True, tag="log"):
    """Log is a log record of Monty's or the user's.

    Attributes:
        level: `debug`, `info`, `warning`, `error`, `critical`.
        message: The text.
        logger: Name of the logger.
        metadata: Further values that the user passed with it.
        suppressed: Number of records of this logger and level that the rate limit left out since the last one.
    """

    level: str
    message: str
    logger: Optional[str] = None
    metadata: Dict[str, Any] = {}
    suppressed: int = 0


class Event(Message, frozen=True, kw_only=True, tag="event"):
    """Event is a telemetry event of Monty's, or of the monitor's own (`lost`, `refused`, …).

    Attributes:
        event: Its kind, Monty's `TelemetryEvent.kind`.
        level: As for `Log`.
        source: Where it comes from: a Monty module, `bridge`, `broadcaster`.
        fields: Its content.
    """

    event: str
    level: str = "info"
    source: Optional[str] = None
    fields: Dict[str, Any] = {}


class Frame(Message, frozen=True, kw_only=True, tag="frame"):
    """Frame is what a sensor saw. Bulk. It has one buffer: raw pixels, row by row.

    Attributes:
        sensor: Id of the sensor.
        modality: `rgba` (uint8, 4 channels) or `depth` (float32 little endian, 1 channel, metres).
        episode: Episode of this mode, from 0.
        step: Step within the episode, from 0.
        total_step: Step within the run, from 0.
        height: Number of rows.
        width: Number of columns.
        near_metres: For depth: a twentieth of the pixels are no farther. The bridge sets it, and the next two fields.
        foreground_min_metres: The least depth.
        foreground_max_metres: The greatest depth up to ten times `near_metres`; pixels beyond are background.
        camera: From where and how wide it was seen, as far as Monty says it.
    """

    sensor: str
    modality: str
    episode: int
    step: int
    height: int
    width: int
    total_step: int = 0
    near_metres: Optional[float] = None
    foreground_min_metres: Optional[float] = None
    foreground_max_metres: Optional[float] = None
    camera: Optional[Camera] = None


class ObjectModel(Message, frozen=True, kw_only=True, tag="object_model"):
    """ObjectModel is a learned object: the points of its graph. One buffer: float32 little endian (count, 3), metres.

    Attributes:
        learning_module: Id of the learning module.
        object: Id of the graph.
        count: Number of points.
        channel: Input channel that the points belong to.
        episode: Training episode after which it was taken.
    """

    learning_module: str
    object: str
    count: int
    channel: Optional[str] = None
    episode: Optional[int] = None


class Image(Message, frozen=True, kw_only=True, tag="image"):
    """Image is an image that the user publishes. Bulk. It has one buffer: a file, or raw pixels row by row.

    Attributes:
        name: Its name, chosen by the user.
        format: `png` or `jpeg`, as it is on MQTT; to the bridge also raw pixels: `uint8` (0 to 255) or `float32`
            (little endian, 0 to 1). The bridge makes a PNG of these.
        height: Number of rows, 1 to 4096. Of a file the bridge sets it, and the next two fields.
        width: Number of columns, 1 to 4096.
        channels: 1 for grey, 3 for colours, 4 for colours with opacity.
        metadata: Further values that the user passed with it (`epoch`, `step`, …).
    """

    name: str
    format: str
    height: int = 0
    width: int = 0
    channels: int = 0
    metadata: Dict[str, Any] = {}


class Points(Message, frozen=True, kw_only=True, tag="points"):
    """Points is a point cloud that the user publishes. Bulk.

    Buffers, in this order, little endian: locations float32 (count, 3); colours (count, colour_channels), if there are
    any; sizes float32 (count,), if there are any.

    Attributes:
        name: Its name, chosen by the user.
        count: Number of points, 0 to 400,000.
        colour_channels: 3 or 4 (with opacity) if the points have colours, else 0.
        colour_format: With colours `uint8` (0 to 255), as it is on MQTT; to the bridge also `float32` (0 to 1).
        has_sizes: Whether the points have sizes.
        metadata: Further values that the user passed with it (`epoch`, `step`, …).
    """

    name: str
    count: int
    colour_channels: int = 0
    colour_format: str = ""
    has_sizes: bool = False
    metadata: Dict[str, Any] = {}


class Histogram(Message, frozen=True, kw_only=True, tag="histogram"):
    """Histogram says how often the user's values lie in each bin.

    To the bridge it may have no counts but the values, in one buffer: float64 little endian (values,). The bridge
    counts them in 64 bins of one width.

    Attributes:
        name: Its name, chosen by the user.
        counts: Number of values in each bin; an edge belongs to the bin above it, the last edge to the last bin.
        edges: Borders of the bins, ascending, one more than counts.
        values: Number of values that the bridge counted.
        non_finite: Number of values that it left out, because they were NaN, infinite or beyond 1e300.
        metadata: Further values that the user passed with it (`epoch`, `step`, …).
    """

    name: str
    counts: List[float] = []
    edges: List[float] = []
    values: int = 0
    non_finite: int = 0
    metadata: Dict[str, Any] = {}


class Table(Message, frozen=True, kw_only=True, tag="table"):
    """Table is a table that the user publishes.

    Attributes:
        name: Its name, chosen by the user.
        columns: Names of the columns, at most 1000.
        rows: The rows, each with one value for each column; at most 50,000 values and 4 MiB in all.
        metadata: Further values that the user passed with it (`epoch`, `step`, …).
    """

    name: str
    columns: List[str] = []
    rows: List[List[Any]] = []
    metadata: Dict[str, Any] = {}
