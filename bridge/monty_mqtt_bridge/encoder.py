"""A thread that encodes frames, so that images never stall the messages.

Place in the flow: `pipeline` submits frames; the encoded ones come back through `take`. Per sensor and modality at
most two frames wait; the oldest gives way to the newest.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

from monty_mqtt.schema import Frame
from monty_mqtt_bridge import images
from monty_mqtt_bridge.complaints import Complaints
from monty_mqtt_bridge.fanout import Outgoing

__all__ = ["ENCODED_AT_ONCE", "Encoded", "Encoder"]

logger = logging.getLogger(__name__)

_WAITING_PER_SENSOR = 2
ENCODED_AT_ONCE = _WAITING_PER_SENSOR
"""As long as fewer wait, one more makes none give way."""

_JOIN_SECS = 5.0


class Encoded(NamedTuple):
    """A frame and the MQTT message it became."""

    frame: Frame
    outgoing: Outgoing


class Encoder:
    """The thread, from `__enter__` to `__exit__`.

    Args:
        ready: Called, in the thread, when something can be taken.
    """

    def __init__(self, ready: Callable[[], None]) -> None:
        self._ready = ready
        self._waiting: dict[tuple[str, str, str, str], deque[tuple[Frame, bytes]]] = {}
        self._turns: deque[tuple[str, str, str, str]] = deque()
        self._done: deque[Encoded] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._complaints = Complaints(logger)
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
        """Take a frame; never waits."""
        sensor = (frame.run, frame.worker, frame.sensor, frame.modality)
        with self._changed:
            waiting = self._waiting.setdefault(sensor, deque())
            waiting.append((frame, pixels))
            if len(waiting) > _WAITING_PER_SENSOR:
                waiting.popleft()
                self._dropped += 1
            else:
                self._turns.append(sensor)
                self._changed.notify()

    def take(self) -> list[Encoded]:
        """Return what was encoded since the last call, oldest first."""
        taken = []
        while self._done:
            taken.append(self._done.popleft())
        return taken

    def take_dropped(self) -> int:
        """Return how many frames gave way to newer ones, or could not be encoded, since the last call."""
        with self._changed:
            dropped, self._dropped = self._dropped, 0
        return dropped

    def waiting(self) -> int:
        """Return how many frames wait."""
        return len(self._turns)

    def _run(self) -> None:
        while (job := self._next()) is not None:
            frame, pixels = job
            try:
                self._done.append(Encoded(frame, images.encode_frame(frame, pixels)))
            except (ValueError, OSError, MemoryError) as error:  # Pillow's own; the bridge goes on without this frame
                with self._changed:
                    self._dropped += 1
                self._complaints.say("encode", "could not encode a frame of sensor %r: %s", frame.sensor[:64], error)
            self._ready()

    def _next(self) -> tuple[Frame, bytes] | None:
        with self._changed:
            while not self._turns and not self._stopping:
                self._changed.wait()
            if self._stopping:
                return None
            sensor = self._turns.popleft()
            waiting = self._waiting[sensor]
            job = waiting.popleft()
            if not waiting:
                del self._waiting[sensor]
            return job
