"""This module chooses which of several bridges an experiment talks to.

Used by `bridge_link`, which asks after each HELLO or PROBE that nobody answers.
"""

from __future__ import annotations

import zlib

from monty_mqtt.broadcast.link.sender_identity import SenderIdentity

__all__ = ["BridgeChoice"]

_UNANSWERED_HELLOS = 2
_UNANSWERED_PROBES = 3
"""After so many the next bridge is tried: after 1.5 s without a first answer, or 3.5 s without another one. A bridge
answers within 25 ms, and may be busy for a second; going on with another one costs only duplicates."""


class BridgeChoice:
    """BridgeChoice begins with a bridge by a checksum of the names: so workers spread evenly.

    Attributes:
        bridge: The bridge to talk to.
        unanswered: Number of HELLOs and PROBEs since its last answer.
        elsewhere: The seq below which other bridges have acknowledged everything.
    """

    def __init__(self, sender: SenderIdentity) -> None:
        self._bridges = sender.bridges
        self._index = zlib.crc32(f"{sender.run}/{sender.worker}".encode()) % len(sender.bridges)
        self.bridge = sender.bridges[self._index]
        self.elsewhere = sender.elsewhere
        self.unanswered = 0

    def is_silent(self, *, welcomed: bool) -> bool:
        """Return whether another bridge should be tried; `welcomed`: whether this one has ever answered."""
        most = _UNANSWERED_PROBES if welcomed else _UNANSWERED_HELLOS
        return len(self._bridges) > 1 and self.unanswered >= most

    def go_on(self, acknowledged: int) -> None:
        """Choose the next bridge, or the same if there is no other; below `acknowledged` everything is acknowledged."""
        self.unanswered = 0
        if len(self._bridges) > 1:
            self._index = (self._index + 1) % len(self._bridges)
            self.bridge = self._bridges[self._index]
            self.elsewhere = acknowledged
