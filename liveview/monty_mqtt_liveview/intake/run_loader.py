"""Restores the runs of earlier starts, and then enforces limits and memory and forgets removed runs.

Started by `service` as a thread beside the intake's; calls `run_store`. Runs that send messages now are read first,
then the newest.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import topics
from monty_mqtt_liveview.intake.recording_reader import close_properly
from monty_mqtt_liveview.intake.run_store import RunStore
from monty_mqtt_liveview.recordings.retention import Retention
from monty_mqtt_liveview.recordings.run_recordings import RunRecording

__all__ = ["RunLoader"]

_LOOK_SECS = 1.0
_RELEASE_SECS = 5.0
_LIMIT_SECS = 60.0
_WAIT_SECS = 60.0


class RunLoader:
    """Restores runs in a thread, from `start` to `close`.

    Args:
        store: Where runs are kept.
        limits: How much is kept.
        ask_again: Asks the broker to send its retained messages again.
    """

    def __init__(self, store: RunStore, limits: Retention, ask_again: Callable[[], None]) -> None:
        self._store, self._limits, self._ask_again = store, limits, ask_again
        self._pending: list[RunRecording] = []
        self._of = 0
        self._hurried: RunRecording | None = None
        self._changed = threading.Condition()
        self._is_over = threading.Event()
        self._release_at = self._limit_at = 0.0
        self._thread = threading.Thread(target=self._run, name="restoring", daemon=True)

    @property
    def progress(self) -> dict[str, Any] | None:
        """How many runs were read (`done`) of how many (`of`), and which is read now (`run`); None when done."""
        with self._changed:
            if not self._pending:
                return None
            done = self._of - len(self._pending)
            return {"done": done, "of": self._of, "run": _name_of(self._pending[0])}

    def start(self) -> None:
        """Find the recordings, and begin to read them."""
        self._pending = self._store.recordings.find_old()
        self._of = len(self._pending)
        self._thread.start()

    def close(self) -> None:
        """Stop the thread. Recordings that were not read are read at the next start."""
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join()

    def wait_for(self, run: str) -> None:
        """Wait until a run is read, and have it read before others; return at once if it was or is not recorded."""
        recording = self._store.recordings.find(run)
        with self._changed:
            if recording is not None and recording in self._pending:
                self._hurried = recording
                self._changed.wait_for(lambda: recording not in self._pending or self._is_over.is_set(), _WAIT_SECS)

    def _run(self) -> None:
        restored = list(self._pending)
        while self._pending and not self._is_over.is_set():
            self._restore_next()
            self._look_after()
        if self._store.take_held_back():
            self._ask_again()
        for recording in restored:
            if self._is_over.is_set():
                return
            close_properly(recording)
        while not self._is_over.wait(_LOOK_SECS):
            self._look_after()

    def _restore_next(self) -> None:
        with self._changed:
            hurried, self._hurried = self._hurried, None
        recording = hurried if hurried in self._pending else self._store.next_to_restore(self._pending)
        with self._changed:
            self._pending.remove(recording)
            self._pending.insert(0, recording)
        self._store.restore(recording, self._is_over.is_set)
        with self._changed:
            self._pending.remove(recording)
            self._changed.notify_all()

    def _look_after(self) -> None:
        store, now = self._store, time.monotonic()
        store.forget_removed()
        if now >= self._release_at:  # with very many runs this delays every reader of the state
            self._release_at = now + _RELEASE_SECS
            store.close_idle()
            store.release(self._limits.most_memory_bytes)
        if not self._pending and now >= self._limit_at:
            self._limit_at = now + _LIMIT_SECS
            store.limit(self._limits)


def _name_of(recording: RunRecording) -> str:
    try:
        return topics.unescape(recording.directory.name)
    except DecodeError:  # the directory's name is a long name cut short
        return recording.directory.name
