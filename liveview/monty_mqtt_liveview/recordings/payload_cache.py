"""Caches payloads that are likely to be requested again soon: the newest, and those that were looked up.

Filled by `intake.sorting` and `run_store`; `run_store` looks here before it reads the disk.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

__all__ = ["PayloadCache"]

_MOST_BYTES = 64 << 20
_ENTRY_BYTES = 300
"""Estimated bytes that an entry takes in addition to its payload."""

Key = tuple[str, int]
"""Topic, and time in ns since 1970."""


class PayloadCache:
    """Caches payloads by topic and time, and drops those unused for longest. Thread-safe.

    Args:
        most_bytes: Room for payloads, in bytes.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._payloads: OrderedDict[Key, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> bytes | None:
        """Return a payload; None if it is not cached."""
        with self._lock:
            payload = self._payloads.get(key)
            if payload is not None:
                self._payloads.move_to_end(key)
            return payload

    def put(self, key: Key, payload: bytes) -> None:
        """Add a payload; drop the least recently used ones if there is no room."""
        with self._lock:
            old = self._payloads.pop(key, None)
            self._bytes += len(payload) + _ENTRY_BYTES - (len(old) + _ENTRY_BYTES if old is not None else 0)
            self._payloads[key] = payload
            while self._bytes > self._most_bytes:
                _, dropped = self._payloads.popitem(last=False)
                self._bytes -= len(dropped) + _ENTRY_BYTES
