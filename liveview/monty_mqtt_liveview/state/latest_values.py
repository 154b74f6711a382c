"""Keeps the latest value of each data stream that a run publishes, and each worker's state. Pure.

Filled by `run` with each `data` and `state` message; `user_values` makes views of them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from monty_mqtt.wire import schema

__all__ = ["LatestValue", "LatestValues"]

_MOST_STREAMS = 1000
_MOST_VALUE_BYTES = 1_000_000
_MOST_BYTES = 32_000_000


class LatestValue(msgspec.Struct):
    """Holds the latest value of a stream.

    Attributes:
        time_unix_nanos: When it was published, ns since 1970.
        value: The value; a too large one is replaced by `{"left_out_bytes": size}`.
        size_bytes: Size of the value as JSON, in bytes; 0 if it was replaced.
        revision: Revision of the run when it arrived.
    """

    time_unix_nanos: int
    value: Any
    size_bytes: int
    revision: int


class LatestValues(dict[tuple[str, str], LatestValue]):
    """Holds the latest values by worker and stream.

    Attributes:
        revision: Revision of the run at the latest value.
        left_out: How many values were dropped because there were too many streams.
    """

    def __init__(self) -> None:
        super().__init__()
        self.revision = 0
        self.left_out = 0
        self._bytes = 0

    def keep(self, message: schema.Data | schema.State, revision: int) -> None:
        """Keep a value unless a newer one is there; a worker's state is kept under an empty stream name."""
        if isinstance(message, schema.Data):
            key, value = (message.worker, message.stream), message.data
        else:
            key, value = (message.worker, ""), message.state
        known = self.get(key)
        if known is not None and known.time_unix_nanos > message.time_unix_nanos:
            return
        if known is None and len(self) >= _MOST_STREAMS:
            self.left_out += 1
            return
        size = len(msgspec.json.encode(value))
        others = self._bytes - (known.size_bytes if known else 0)
        if size > _MOST_VALUE_BYTES or others + size > _MOST_BYTES:
            value, size = {"left_out_bytes": size}, 0
        self._bytes = others + size
        self[key] = LatestValue(message.time_unix_nanos, value, size, revision)
        self.revision = revision
