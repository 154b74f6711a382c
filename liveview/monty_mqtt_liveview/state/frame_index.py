"""Knows when there was a frame, a cloud, a model or a user's medium, so that it can be found; holds no pixels. Pure.

Filled by `worker` with every bulk message; the payload itself is then looked up by its time through `service`.
"""

from __future__ import annotations

from array import array

import numpy as np

from monty_mqtt.wire import schema
from monty_mqtt_liveview.state.columns import Array

__all__ = ["MEDIA", "BulkKey", "FrameIndex", "FrameTimes", "bulk_key"]

BulkKey = tuple[str, ...]
"""(`frame`, sensor, modality), (`hypotheses`, learning module), (`object_model`, learning module, object), or of the
user's media (kind, name)."""

MEDIA = (schema.Image, schema.Points, schema.Histogram, schema.Table)
"""The messages that the user's code publishes to be looked at."""

_MOST_TIMES = 500_000
_MOST_KEYS = 10_000
_NONE = -1
_INT32 = 2**31 - 1


class FrameTimes:
    """Holds the times of one series of bulk messages, in order.

    Attributes:
        revision: Revision of the run when the latest message arrived.
    """

    def __init__(self) -> None:
        self.revision = 0
        self._times, self._episodes, self._steps = array("q"), array("i"), array("i")
        self._is_in_order = True

    @property
    def count(self) -> int:
        """Number of messages."""
        return len(self.times)

    @property
    def times(self) -> Array:
        """When each was published, ns since 1970, int64, sorted."""
        self._settle()
        return np.array(self._times, np.int64)

    @property
    def episodes(self) -> Array:
        """Episode of each, int32."""
        self._settle()
        return np.array(self._episodes, np.int32)

    @property
    def steps(self) -> Array:
        """Step of each within its episode, int32; -1 for models."""
        self._settle()
        return np.array(self._steps, np.int32)

    def note(self, time_unix_nanos: int, episode: int, step: int, revision: int) -> None:
        """Add a message; when there are very many, every second one of the older half is dropped."""
        if self._times and time_unix_nanos <= self._times[-1]:
            self._is_in_order = False
        self._times.append(time_unix_nanos)
        self._episodes.append(min(max(episode, _NONE), _INT32))
        self._steps.append(min(max(step, _NONE), _INT32))
        self.revision = revision
        if len(self._times) > _MOST_TIMES:
            self._settle()
            half = len(self._times) // 2
            for column in (self._times, self._episodes, self._steps):
                column[:half] = column[:half:2]

    def at(self, time_unix_nanos: int) -> int | None:
        """Return the place of the newest message that is not later than a time; None if there is none."""
        self._settle()
        place = int(np.searchsorted(np.frombuffer(self._times, np.int64), time_unix_nanos, "right")) - 1
        return place if place >= 0 else None

    def latest(self) -> int | None:
        """Return the place of the newest message; None if there is none."""
        self._settle()
        return len(self._times) - 1 if self._times else None

    def entry(self, place: int) -> tuple[int, int, int]:
        """Return time, episode and step of the message at a place."""
        self._settle()
        return self._times[place], self._episodes[place], self._steps[place]

    def _settle(self) -> None:
        if self._is_in_order:
            return
        times, order = np.unique(np.array(self._times, np.int64), return_index=True)
        self._episodes = array("i", np.array(self._episodes, np.int32)[order].tobytes())
        self._steps = array("i", np.array(self._steps, np.int32)[order].tobytes())
        self._times = array("q", times.tobytes())
        self._is_in_order = True


class FrameIndex(dict[BulkKey, FrameTimes]):
    """Holds the times of all bulk messages of a worker, by key."""

    def note(self, message: schema.Message, revision: int) -> None:
        """Add a frame, a cloud, a model or a medium; other messages are ignored."""
        key = bulk_key(message)
        if key is None or (key not in self and len(self) >= _MOST_KEYS):
            return
        told = getattr(message, "metadata", None) or {
            name: getattr(message, name, None) for name in ("episode", "step")
        }
        index = self.setdefault(key, FrameTimes())
        index.note(message.time_unix_nanos, _whole(told.get("episode")), _whole(told.get("step")), revision)


def _whole(number: object) -> int:
    return number if isinstance(number, int) else _NONE


def bulk_key(message: schema.Message) -> BulkKey | None:
    """Return the key of a bulk message; None for any other message."""
    if isinstance(message, schema.Frame):
        return "frame", message.sensor, message.modality
    if isinstance(message, schema.Hypotheses):
        return "hypotheses", message.learning_module
    if isinstance(message, schema.ObjectModel):
        return "object_model", message.learning_module, message.object
    if isinstance(message, MEDIA):
        return str(message.__struct_config__.tag), message.name
    return None
