"""What is retained at the broker: never replaced by something older, and said again after a reconnect. Pure.

Place in the flow: `pipeline` passes every retained message through here on its way to `publisher`.
"""

from __future__ import annotations

from typing import NamedTuple

from monty_mqtt_bridge.fanout import Outgoing
from monty_mqtt_bridge.workers import Key

__all__ = ["RetainedTopics", "Stamp"]


class Stamp(NamedTuple):
    """Which message is retained: its seq, when it was published, and when its sender started (0: not known)."""

    seq: int
    time_unix_nanos: int
    started_unix_nanos: int = 0

    def is_older(self, other: Stamp) -> bool:
        """Return whether the other one replaces this one. Each sender of a name counts its own seqs."""
        started = (self.started_unix_nanos, other.started_unix_nanos)
        return started[0] < started[1] if all(started) and started[0] != started[1] else self.seq < other.seq


class RetainedTopics:
    """The latest retained message of each topic."""

    def __init__(self) -> None:
        self._stamps: dict[Key, dict[str, Stamp]] = {}
        self._latest: dict[Key, dict[str, Outgoing]] = {}

    def seen(self, key: Key, topic: str, stamp: Stamp, latest: Outgoing | None = None) -> None:
        """Note what was retained before the bridge started, by the journal or the broker; the newer one is right."""
        known = self._stamps.setdefault(key, {})
        if topic in known and known[topic].time_unix_nanos >= stamp.time_unix_nanos:
            return
        known[topic] = stamp
        self._latest.get(key, {}).pop(topic, None)
        if latest is not None:
            self._latest.setdefault(key, {})[topic] = latest

    def forget_before(self, key: Key, started_unix_nanos: int) -> None:
        """A new sender has this name, and counts from its own start: what was retained before it, is history."""
        stamps = self._stamps.get(key, {})
        for topic in [topic for topic, stamp in stamps.items() if stamp.time_unix_nanos < started_unix_nanos]:
            del stamps[topic]
            self._latest.get(key, {}).pop(topic, None)

    def pass_through(self, key: Key, stamp: Stamp, outgoing: Outgoing) -> Outgoing:
        """Return the message as it is to be sent: one that is older than what is retained is sent, but not retained."""
        stamps = self._stamps.setdefault(key, {})
        if stamp.is_older(stamps.get(outgoing.topic, stamp)):
            return outgoing._replace(retain=False)
        stamps[outgoing.topic] = stamp
        self._latest.setdefault(key, {})[outgoing.topic] = outgoing
        return outgoing

    def latest(self, key: Key) -> list[Outgoing]:
        """Return what is retained of a worker."""
        return list(self._latest.get(key, {}).values())

    def all(self) -> list[tuple[Key, Stamp, Outgoing]]:
        """Return everything that is retained."""
        return [
            (key, self._stamps[key][topic], outgoing)
            for key, latest in self._latest.items()
            for topic, outgoing in latest.items()
        ]

    def forget(self, key: Key) -> None:
        """Drop all that is known of a worker."""
        self._latest.pop(key, None)
        self._stamps.pop(key, None)
