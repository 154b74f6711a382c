"""What a run publishes as it is: the latest value of each data stream, and each worker's state. Pure.

Place in the flow: `run` keeps each `data` and `state`; `user_values` makes views of them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from monty_mqtt.wire import schema

__all__ = ["Kept", "Streams"]

_MOST_STREAMS = 1000
_MOST_VALUE_BYTES = 1_000_000
_MOST_BYTES = 32_000_000


class Kept(msgspec.Struct):
    """The latest value of a stream.

    Attributes:
        time_unix_nanos: When it was published.
        value: The value; a very large one is only said to be large.
        size_bytes: Of the value as JSON, as far as it is kept.
        revision: That of the run when it came.
    """

    time_unix_nanos: int
    value: Any
    size_bytes: int
    revision: int


class Streams(dict[tuple[str, str], Kept]):
    """The latest value by worker and stream.

    Attributes:
        revision: That of the run at the latest value.
        left_out: How many values came under names that were too many.
    """

    def __init__(self) -> None:
        super().__init__()
        self.revision = 0
        self.left_out = 0
        self._bytes = 0

    def keep(self, message: schema.Data | schema.State, revision: int) -> None:
        """Keep a value unless a newer one is there; a state is a stream without a name."""
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
        self[key] = Kept(message.time_unix_nanos, value, size, revision)
        self.revision = revision
