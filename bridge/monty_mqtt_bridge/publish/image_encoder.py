"""This module encodes frames in a thread, so that images never delay the messages.

Called by `outlet`, which submits frames; the encoded ones come back through `take`. Per sensor and modality at most two
frames wait; the newest replaces the oldest. All waiting frames have a bound in bytes, too: beyond it, frames of the
sensor that uses most are dropped.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

from monty_mqtt.wire.schema import Frame
from monty_mqtt_bridge.rate_limited_log import RateLimitedLog
from monty_mqtt_core.payloads import frame_images
from monty_mqtt_core.payloads.to_mqtt import Outgoing

__all__ = ["EncodedFrame", "ImageEncoder"]

logger = logging.getLogger(__name__)

_WAITING_PER_SENSOR = 2
_MOST_BYTES = 32 << 20
_JOIN_SECS = 5.0

_Sensor = tuple[str, str, str, str]
"""Run, worker, sensor, modality."""


class EncodedFrame(NamedTuple):
    """EncodedFrame is a frame and the MQTT message made of it."""

    frame: Frame
    outgoing: Outgoing


class ImageEncoder:
    """ImageEncoder is the thread, running inside its `with` block.

    Args:
        ready: Called, in the thread, when an encoded frame can be taken.
    """

    def __init__(self, ready: Callable[[], None]) -> None:
        self._ready = ready
        self._waiting: dict[_Sensor, deque[tuple[Frame, bytes]]] = {}
        self._bytes: Counter[_Sensor] = Counter()
        self._turns: deque[_Sensor] = deque()
        self._is_busy = False
        self._done: deque[EncodedFrame] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._log = RateLimitedLog(logger)
        self._thread = threading.Thread(target=self._run, name="encoder", daemon=True)
        self._dropped = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(_JOIN_SECS)

    def submit(self, frame: Frame, pixels: bytes) -> None:
        """Take a frame; this never waits."""
        sensor = (frame.run, frame.worker, frame.sensor, frame.modality)
        with self._changed:
            waiting = self._waiting.setdefault(sensor, deque())
            waiting.append((frame, pixels))
            self._bytes[sensor] += len(pixels)
            self._turns.append(sensor)
            if len(waiting) > _WAITING_PER_SENSOR:
                self._give_way(sensor)
            while self._bytes.total() > _MOST_BYTES and len(self._turns) > (0 if self._is_busy else 1):
                self._give_way(max(self._bytes, key=self._bytes.__getitem__))
            self._changed.notify()

    def take(self) -> list[EncodedFrame]:
        """Return the frames that were encoded since the last call, oldest first."""
        taken = []
        while self._done:
            taken.append(self._done.popleft())
        return taken

    def take_dropped(self) -> int:
        """Return how many frames were replaced by newer ones, or could not be encoded, since the last call."""
        with self._changed:
            dropped, self._dropped = self._dropped, 0
        return dropped

    def has_room(self) -> bool:
        """Return whether a further frame would not replace one that waits, whichever sensor it is of."""
        return len(self._turns) < _WAITING_PER_SENSOR

    def waiting(self) -> int:
        """Return how many frames wait."""
        return len(self._turns)

    def _run(self) -> None:
        while (job := self._next()) is not None:
            frame, pixels = job
            try:
                self._done.append(EncodedFrame(frame, frame_images.encode_frame(frame, pixels)))
            except (ValueError, OSError, MemoryError) as error:  # Pillow's own; the bridge goes on without this frame
                with self._changed:
                    self._dropped += 1
                self._log.say("encode", "could not encode a frame of sensor %r: %s", frame.sensor[:64], error)
            self._ready()

    def _next(self) -> tuple[Frame, bytes] | None:
        with self._changed:
            self._is_busy = False
            while not self._turns and not self._stopping:
                self._changed.wait()
            if self._stopping:
                return None
            self._is_busy = True
            return self._oldest(self._turns.popleft())

    def _give_way(self, sensor: _Sensor) -> None:
        self._turns.remove(sensor)
        self._oldest(sensor)
        self._dropped += 1

    def _oldest(self, sensor: _Sensor) -> tuple[Frame, bytes]:
        waiting = self._waiting[sensor]
        job = waiting.popleft()
        self._bytes[sensor] -= len(job[1])
        if not waiting:
            del self._waiting[sensor], self._bytes[sensor]
        return job
