"""Describes what users publish: metrics, data, states, log lines, events. Used by `addresses`."""

from __future__ import annotations

from typing import Any, TypedDict

__all__ = [
    "EventLine",
    "Events",
    "Line",
    "LogLine",
    "Logs",
    "MetricCourse",
    "MetricHead",
    "MetricHeads",
    "NotFinite",
    "Searched",
    "StreamHead",
    "StreamHistory",
    "StreamValue",
]


class Line(TypedDict):
    """What log lines and events share.

    Attributes:
        number: Its number in the run, from 0.
        worker: Worker that sent it.
        time_unix_millis: When it was written.
        level: `debug`, `info`, `warning`, `error` or `critical`.
    """

    number: int
    worker: str
    time_unix_millis: int | None
    level: str


class LogLine(Line):
    """One log line.

    Attributes:
        logger: Name of the logger.
        message: Its text; a very long one is cut.
        suppressed: How many lines were left out before it.
    """

    logger: str | None
    message: str
    suppressed: int


class EventLine(Line):
    """One event.

    Attributes:
        event: Kind of the event.
        source: Who reported it.
        fields: What it says besides.
    """

    event: str
    source: str | None
    fields: dict[str, Any]


class Searched(TypedDict):
    """Through how many lines was searched.

    Attributes:
        in_memory: Lines in memory.
        recorded: Lines of the recording; 0 if it was not needed.
    """

    in_memory: int
    recorded: int


class Logs(TypedDict):
    """Log lines, the newest last.

    Attributes:
        lines: The lines.
        count: Number of lines that the run has in all.
        searched: Through how many was searched.
    """

    lines: list[LogLine]
    count: int
    searched: Searched


class Events(TypedDict):
    """Events, the newest last.

    Attributes:
        lines: The events.
        count: Number of events that the run has in all.
        searched: Through how many was searched.
    """

    lines: list[EventLine]
    count: int
    searched: Searched


class MetricHead(TypedDict):
    """The latest value of a metric.

    Attributes:
        worker: Worker that published it.
        name: Name of the metric.
        count: Number of values.
        not_finite: How many of them were not finite: `nan`, `inf`, `-inf`, or `none` if that is not known.
        latest: The latest value; null if it was not finite.
        latest_not_finite: What it was then.
        latest_unix_millis: When it was published.
    """

    worker: str
    name: str
    count: int
    not_finite: dict[str, int]
    latest: float | None
    latest_not_finite: str | None
    latest_unix_millis: int | None


class MetricHeads(TypedDict):
    """Metrics of a run.

    Attributes:
        count: Number of metrics that match.
        metrics: Those that were asked for, in the order of their first values.
    """

    count: int
    metrics: list[MetricHead]


class NotFinite(TypedDict):
    """A time at which numbers were not finite.

    Attributes:
        time_unix_millis: The time, with microseconds.
        kind: `nan`, `inf`, `-inf` or `none`.
        count: How many numbers.
        axes: The `step`, `epoch` and `episode` of the first of them, as far as they were published with it.
    """

    time_unix_millis: float
    kind: str
    count: int
    axes: dict[str, float]


class MetricCourse(TypedDict):
    """Course of a metric.

    Attributes:
        axis: Along which axis it is cut and sorted: `time`, or the `step`, `epoch` or `episode` of its metadata.
        times_unix_millis: Times of the values, with microseconds.
        values: The finite values, as many, ascending along the axis.
        axes: The `step`, `epoch` and `episode` of each value, of those that any value has; null where one has none.
        not_finite: Where numbers were not finite.
        first_unix_millis: First time of the whole metric.
        last_unix_millis: Last time of the whole metric.
        first: First place of the whole metric on the axis, for `time` in milliseconds; null if no value has one.
        last: Last place.
        left_out: How many values of the whole metric have no place on the axis.
        is_whole: Whether every value is there; else the least and the greatest of every part are.
        metadata: What was published with the newest value.
    """

    axis: str
    times_unix_millis: list[float]
    values: list[float]
    axes: dict[str, list[float | None]]
    not_finite: list[NotFinite]
    first_unix_millis: float
    last_unix_millis: float
    first: float | None
    last: float | None
    left_out: int
    is_whole: bool
    metadata: dict[str, Any]


class StreamHead(TypedDict):
    """The latest value of a data stream.

    Attributes:
        worker: Worker that published it.
        stream: Name of the stream.
        time_unix_millis: When it was published.
        data: The value; `{"left_out_bytes": …}` in place of one that is too large.
    """

    worker: str
    stream: str
    time_unix_millis: int | None
    data: Any


class StreamValue(TypedDict):
    """One value of a data stream.

    Attributes:
        number: Its number in the stream, from 0.
        time_unix_millis: When it was published.
        data: The value.
    """

    number: int
    time_unix_millis: int | None
    data: Any


class StreamHistory(TypedDict):
    """What a data stream said.

    Attributes:
        values: The values, the newest last.
        count: Number of values in all.
    """

    values: list[StreamValue]
    count: int
