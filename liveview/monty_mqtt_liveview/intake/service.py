"""Connects subscription, state and recordings, and answers what the web part asks of them.

Receives from `subscription` in a thread of its own, calls `run_store`; `web.live` and `web.api` read the state under
`lock`. A message is shown at once, and acknowledged when it is on disk.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from monty_mqtt.wire import schema
from monty_mqtt_core.reading.mqtt_client import DeliveryToken
from monty_mqtt_liveview.intake.run_loader import RunLoader
from monty_mqtt_liveview.intake.run_store import RunStore
from monty_mqtt_liveview.intake.sorting import PageCounts
from monty_mqtt_liveview.intake.subscription import Subscription
from monty_mqtt_liveview.recordings.retention import Retention
from monty_mqtt_liveview.state.run import Runs

__all__ = ["Service"]

logger = logging.getLogger(__name__)

_POLL_SECS = 0.1
_FLUSH_SECS = 1.0
_MOST_UNACKNOWLEDGED = 500
"""Half of the broker's window, so that it keeps sending while these are written."""

_MOST_UNWRITTEN_BYTES = 16 << 20


class Service:
    """Keeps the page's state and recordings up to date, from `__enter__` to `__exit__`.

    Args:
        subscription: Where messages come from.
        recordings: Directory of the recordings.
        limits: How much is kept.

    Attributes:
        subscription: Where messages come from.
        runs: The state.
        lock: Must be held while the state is read or changed; hold it for a short time only.

    Raises:
        ServiceError: On entering: the directory is not writable, or another page records there.
    """

    def __init__(self, subscription: Subscription, recordings: Path, limits: Retention | None = None) -> None:
        self.subscription = subscription
        self._store = RunStore(recordings)
        self.runs: Runs = self._store.runs
        self.lock = self._store.lock
        self._loader = RunLoader(self._store, limits or Retention(), subscription.ask_again)
        self._unacknowledged: list[DeliveryToken] = []
        self._unwritten_bytes = 0
        self._flush_at = 0.0
        self._begun = ExitStack()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._take_in, name="intake", daemon=True)

    def __enter__(self) -> Self:
        with ExitStack() as begun:
            begun.enter_context(self._store.recordings)
            begun.callback(self._store.close)
            begun.callback(self._flush)
            self._loader.start()
            begun.callback(self._loader.close)
            self._thread.start()
            begun.callback(self._thread.join)
            begun.callback(self._stop.set)
            self._begun = begun.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._begun.close()

    @property
    def restoring(self) -> dict[str, Any] | None:
        """How many runs were restored (`done`) of how many (`of`), and which is read now (`run`); None when done."""
        return self._loader.progress

    @property
    def counts(self) -> PageCounts:
        """How many messages were recorded, repeated, unreadable, missing and lost so far."""
        return self._store.counts()

    def problems(self) -> list[str]:
        """Return the problems that the user of the page should know, each in one line."""
        works = self._stop.is_set() or not self._thread.ident or self._thread.is_alive()
        own = "" if works else "the page takes in nothing any more: its log says why; start it again"
        return [problem for problem in (self.subscription.problem, self._store.problem, own) if problem]

    def silent_since_unix_nanos(self) -> int | None:
        """Return when the broker last sent anything, in ns since 1970; None while it is answering."""
        return self.subscription.heard_unix_nanos if self.subscription.is_silent else None

    def notes(self) -> list[str]:
        """Return what the page is busy with, each activity in one line."""
        reading = self._loader.progress
        if reading is None:
            return []
        read = f"{reading['done']} of {reading['of']} runs are read"
        return [f"Reading what was recorded before: {read}, now {reading['run']}."]

    def ensure_loaded(self, run: str) -> None:
        """Restore a run and read its steps into memory if necessary; may take seconds."""
        self._loader.wait_for(run)
        self._store.load(run)

    def payload(self, run: str, topic: str, time_unix_nanos: int) -> bytes | None:
        """Return what was published on a topic of a run at a time (ns since 1970); None if not kept. May read disk."""
        return self._store.payload(run, topic, time_unix_nanos)

    def published(self, run: str, topic: str, first_unix_nanos: int, last_unix_nanos: int) -> list[bytes]:
        """Return the payloads of a topic of a run in and around a time span; an empty list if that is too much."""
        return self._store.published(run, topic, first_unix_nanos, last_unix_nanos)

    def recorded(self, run: str, kind: str) -> Iterator[schema.Message]:
        """Yield all recorded messages of one kind of a run, some perhaps twice. Reads the whole recording."""
        return self._store.recorded(run, kind)

    def recorded_bytes(self, run: str) -> int:
        """Return the size of a run's recording in bytes."""
        return self._store.recorded_bytes(run)

    def _take_in(self) -> None:
        while not self._stop.is_set():
            self.subscription.ask_for_sign()
            arrived = self.subscription.inbox.take(_POLL_SECS)
            for first in range(0, len(arrived), _MOST_UNACKNOWLEDGED):
                batch = arrived[first : first + _MOST_UNACKNOWLEDGED]
                self._store.take(batch)
                self._unacknowledged += [message.token for message in batch if message.token]
                self._unwritten_bytes += sum(len(message.payload) for message in batch)
                if len(self._unacknowledged) >= _MOST_UNACKNOWLEDGED or self._unwritten_bytes >= _MOST_UNWRITTEN_BYTES:
                    self._flush()
            if time.monotonic() >= self._flush_at:
                self._flush()

    def _flush(self) -> None:
        """Write the recorded messages to disk, and acknowledge those that are written.

        While the disk is full, half of the broker's window stays unacknowledged, so the broker keeps those messages.
        The other half must keep moving, or the page would show nothing new.
        """
        self._flush_at = time.monotonic() + _FLUSH_SECS
        self._unwritten_bytes = 0
        is_written = self._store.flush()
        kept = [] if is_written else self._unacknowledged[-_MOST_UNACKNOWLEDGED:]
        done = self._unacknowledged[: len(self._unacknowledged) - len(kept)]
        self._unacknowledged = kept
        self.subscription.acknowledge(done)
