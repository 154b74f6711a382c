"""Payloads that somebody may want again soon: the newest ones, and those that were looked up.

Place in the flow: the intake and `service` put, `service` looks here before it looks on the disk.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

__all__ = ["PayloadCache"]

_MOST_BYTES = 64 << 20
_ENTRY_BYTES = 300
"""What an entry takes beside its payload."""

Key = tuple[str, int]
"""Topic and time."""


class PayloadCache:
    """Payloads by topic and time; those not used for longest go first. For any number of threads.

    Args:
        most_bytes: Room.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._payloads: OrderedDict[Key, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> bytes | None:
        """Return a payload, None where it is not here."""
        with self._lock:
            payload = self._payloads.get(key)
            if payload is not None:
                self._payloads.move_to_end(key)
            return payload

    def put(self, key: Key, payload: bytes) -> None:
        """Keep a payload for a while."""
        with self._lock:
            old = self._payloads.pop(key, None)
            self._bytes += len(payload) + _ENTRY_BYTES - (len(old) + _ENTRY_BYTES if old is not None else 0)
            self._payloads[key] = payload
            while self._bytes > self._most_bytes:
                _, dropped = self._payloads.popitem(last=False)
                self._bytes -= len(dropped) + _ENTRY_BYTES
