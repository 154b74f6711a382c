"""When there was a frame, a cloud or a model, so that one can be found for any step; not the pixels and points. Pure.

Place in the flow: `worker` notes every bulk message here; `service` finds the payload by its time.
"""

from __future__ import annotations

from array import array

import numpy as np

from monty_mqtt.wire import schema
from monty_mqtt_liveview.state.columns import Array

__all__ = ["Bulk", "BulkIndex", "BulkKey", "bulk_key"]

BulkKey = tuple[str, ...]
"""(`frame`, sensor, modality), (`hypotheses`, learning module) or (`object_model`, learning module, object)."""

_MOST_TIMES = 500_000
_MOST_KEYS = 10_000
_NONE = -1
_INT32 = 2**31 - 1


class BulkIndex:
    """The times of one kind of bulk message, in order.

    Attributes:
        revision: That of the run when the latest one came.
    """

    def __init__(self) -> None:
        self.revision = 0
        self._times, self._episodes, self._steps = array("q"), array("i"), array("i")
        self._is_in_order = True

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.times)

    @property
    def times(self) -> Array:
        """When each was published, nanoseconds, sorted."""
        self._settle()
        return np.array(self._times, np.int64)

    @property
    def episodes(self) -> Array:
        """Episode of each."""
        self._settle()
        return np.array(self._episodes, np.int32)

    @property
    def steps(self) -> Array:
        """Step of each within its episode, -1 for models."""
        self._settle()
        return np.array(self._steps, np.int32)

    def note(self, time_unix_nanos: int, episode: int, step: int, revision: int) -> None:
        """Note that there is one; of very many, the older half is thinned out."""
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
        """Return the place of the newest that is not later; None where there is none."""
        self._settle()
        place = int(np.searchsorted(np.frombuffer(self._times, np.int64), time_unix_nanos, "right")) - 1
        return place if place >= 0 else None

    def latest(self) -> int | None:
        """Return the place of the newest; None where there is none."""
        self._settle()
        return len(self._times) - 1 if self._times else None

    def entry(self, place: int) -> tuple[int, int, int]:
        """Return time, episode and step of one."""
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


class Bulk(dict[BulkKey, BulkIndex]):
    """All of a worker, by key."""

    def note(self, message: schema.Message, revision: int) -> None:
        """Note a frame, a cloud or a model."""
        key = bulk_key(message)
        if key is None or (key not in self and len(self) >= _MOST_KEYS):
            return
        episode, step = getattr(message, "episode", None), getattr(message, "step", None)
        index = self.setdefault(key, BulkIndex())
        index.note(
            message.time_unix_nanos, _NONE if episode is None else episode, _NONE if step is None else step, revision
        )


def bulk_key(message: schema.Message) -> BulkKey | None:
    """Return what a message is found by; None where it is no bulk message."""
    if isinstance(message, schema.Frame):
        return "frame", message.sensor, message.modality
    if isinstance(message, schema.Hypotheses):
        return "hypotheses", message.learning_module
    if isinstance(message, schema.ObjectModel):
        return "object_model", message.learning_module, message.object
    return None
