"""What is retained at the broker: never replaced by something older, and said again after a reconnect. Pure.

Place in the flow: `pipeline` passes every retained message through here on its way to `publisher`.
"""

from __future__ import annotations

from typing import NamedTuple

from monty_mqtt_bridge.fanout import Outgoing
from monty_mqtt_bridge.workers import Key

__all__ = ["RetainedTopics", "Stamp"]


class Stamp(NamedTuple):
    """Which message is retained: its seq and when it was published."""

    seq: int
    time_unix_nanos: int


class RetainedTopics:
    """The latest retained message of each topic."""

    def __init__(self) -> None:
        self._stamps: dict[Key, dict[str, Stamp]] = {}
        self._latest: dict[Key, dict[str, Outgoing]] = {}

    def seen(self, key: Key, topic: str, stamp: Stamp) -> None:
        """Note what the broker already had when the bridge started."""
        self._stamps.setdefault(key, {})[topic] = stamp

    def forget_before(self, key: Key, started_unix_nanos: int) -> None:
        """A new sender has this name, and counts from its own start: what was retained before it, is history."""
        stamps = self._stamps.get(key, {})
        for topic in [topic for topic, stamp in stamps.items() if stamp.time_unix_nanos < started_unix_nanos]:
            del stamps[topic]
            self._latest.get(key, {}).pop(topic, None)

    def pass_through(self, key: Key, stamp: Stamp, outgoing: Outgoing) -> Outgoing:
        """Return the message as it is to be sent: one that is older than what is retained is sent, but not retained."""
        stamps = self._stamps.setdefault(key, {})
        if stamp.seq < stamps.get(outgoing.topic, stamp).seq:
            return outgoing._replace(retain=False)
        stamps[outgoing.topic] = stamp
        self._latest.setdefault(key, {})[outgoing.topic] = outgoing
        return outgoing

    def latest(self, key: Key) -> list[Outgoing]:
        """Return what is retained of a worker."""
        return list(self._latest.get(key, {}).values())

    def forget(self, key: Key) -> None:
        """Drop all that is known of a worker."""
        self._latest.pop(key, None)
        self._stamps.pop(key, None)
