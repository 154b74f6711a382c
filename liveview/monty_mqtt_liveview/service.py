"""What happens between the broker and the state, in a thread of its own.

Place in the flow: `subscription` -> here -> `run`; `live` and `api` read the state under `lock`.
"""

from __future__ import annotations

import logging
import queue
import threading
from types import TracebackType
from typing import Self

from monty_mqtt import topics
from monty_mqtt.errors import DecodeError
from monty_mqtt_liveview.run import Runs
from monty_mqtt_liveview.subscription import Arrived, Subscription
from monty_mqtt_stack.payloads import message_of

__all__ = ["Service"]

logger = logging.getLogger(__name__)

_POLL_SECS = 0.1
_LEFT_OUT_KINDS = frozenset({"evidence", "command"})


class Service:
    """The page's state, kept up to date from `__enter__` to `__exit__`.

    Args:
        subscription: Where messages come from.

    Attributes:
        runs: The state.
        lock: Held while the state is read or changed.
    """

    def __init__(self, subscription: Subscription) -> None:
        self.runs = Runs()
        self.lock = threading.Lock()
        self.subscription = subscription
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._take_in, name="intake", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def problems(self) -> list[str]:
        """Return what the page's user should know."""
        return [] if self.subscription.is_connected else ["no broker"]

    def ensure_loaded(self, run: str) -> None:
        """Have a run's steps in memory."""

    def recorded_bytes(self, _run: str) -> int | None:
        """Return the size of a run's recording."""
        return None

    def payload(self, _run: str, _topic: str, _time_unix_nanos: int) -> bytes | None:
        """Return what was published then."""
        return None

    def _take_in(self) -> None:
        while not self._stop.is_set():
            try:
                arrived = self.subscription.arrived.get(timeout=_POLL_SECS)
            except queue.Empty:
                continue
            self._take(arrived)
            self.subscription.acknowledge(arrived)

    def _take(self, arrived: Arrived) -> None:
        try:
            if topics.parse(arrived.topic).kind in _LEFT_OUT_KINDS:
                return
            message, _ = message_of(arrived.topic, arrived.payload)
        except DecodeError:
            return
        with self.lock:
            self.runs.apply(message)
