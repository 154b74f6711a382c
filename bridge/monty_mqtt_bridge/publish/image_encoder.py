"""This module encodes frames and the user's images in a thread, so that images never delay the messages.

Called by `outlet`, which submits them; the encoded ones come back through `take`. Per sensor and modality at most two
frames wait, and 32 images of a name; the newest replaces the oldest. All that waits has a bound in bytes, too: beyond
it, those of the sensor or name that uses most are dropped.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

from monty_mqtt.wire.schema import Frame, Image
from monty_mqtt_bridge.rate_limited_log import RateLimitedLog
from monty_mqtt_core.payloads import frame_images, image_files
from monty_mqtt_core.payloads.to_mqtt import Outgoing

__all__ = ["EncodedFrame", "ImageEncoder"]

logger = logging.getLogger(__name__)

_WAITING_PER_SENSOR = 2
_WAITING_PER_NAME = 32
"""A program may publish all images of an epoch at once."""

_MOST_BYTES = 32 << 20
_JOIN_SECS = 5.0

_Series = tuple[str, ...]
"""Run, worker, sensor and modality of frames; run, worker and name of images."""


_Job = tuple[Frame | Image, bytes]


class EncodedFrame(NamedTuple):
    """EncodedFrame is a frame or an image, and the MQTT message made of it."""

    frame: Frame | Image
    outgoing: Outgoing


class ImageEncoder:
    """ImageEncoder is the thread, running inside its `with` block.

    Args:
        ready: Called, in the thread, when an encoded frame can be taken.
    """

    def __init__(self, ready: Callable[[], None]) -> None:
        self._ready = ready
        self._waiting: dict[_Series, deque[_Job]] = {}
        self._bytes: Counter[_Series] = Counter()
        self._turns: deque[_Series] = deque()
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

    def submit(self, frame: Frame | Image, pixels: bytes) -> None:
        """Take a frame or an image; this never waits."""
        series, most = _series_of(frame)
        with self._changed:
            waiting = self._waiting.setdefault(series, deque())
            waiting.append((frame, pixels))
            self._bytes[series] += len(pixels)
            self._turns.append(series)
            if len(waiting) > most:
                self._give_way(series)
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
                self._done.append(EncodedFrame(frame, _encoded(frame, pixels)))
            except (ValueError, OSError, MemoryError) as error:  # Pillow's own; the bridge goes on without this frame
                with self._changed:
                    self._dropped += 1
                where = " ".join(_series_of(frame)[0])
                self._log.say("encode", "could not encode a frame or image of %.200r: %s", where, error)
            self._ready()

    def _next(self) -> _Job | None:
        with self._changed:
            self._is_busy = False
            while not self._turns and not self._stopping:
                self._changed.wait()
            if self._stopping:
                return None
            self._is_busy = True
            return self._oldest(self._turns.popleft())

    def _give_way(self, series: _Series) -> None:
        self._turns.remove(series)
        self._oldest(series)
        self._dropped += 1

    def _oldest(self, series: _Series) -> _Job:
        waiting = self._waiting[series]
        job = waiting.popleft()
        self._bytes[series] -= len(job[1])
        if not waiting:
            del self._waiting[series], self._bytes[series]
        return job


def _encoded(frame: Frame | Image, pixels: bytes) -> Outgoing:
    if isinstance(frame, Frame):
        return frame_images.encode_frame(frame, pixels)
    return image_files.encode_image(frame, pixels)


def _series_of(frame: Frame | Image) -> tuple[_Series, int]:
    """Return which series it belongs to, and how many of that may wait."""
    if isinstance(frame, Frame):
        return (frame.run, frame.worker, frame.sensor, frame.modality), _WAITING_PER_SENSOR
    return (frame.run, frame.worker, frame.name), _WAITING_PER_NAME
