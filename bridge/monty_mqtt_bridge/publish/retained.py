"""This module tracks what is retained at the broker: an older message never replaces a newer one. Pure.

Called by `outlet` with every retained message on its way to `publisher`, and after a reconnect.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

from monty_mqtt_bridge.receive.sender import Key
from monty_mqtt_core.payloads.to_mqtt import Outgoing

__all__ = ["RetainedTopics", "Stamp", "only_last_retained"]

_Rest = TypeVar("_Rest")


class Stamp(NamedTuple):
    """Stamp identifies a retained message: its seq, its time, and when its sender started (0: not known)."""

    seq: int
    time_unix_nanos: int
    started_unix_nanos: int = 0

    def is_older(self, retained: Stamp) -> bool:
        """Return whether the retained message is newer than this one. Each sender of a name counts its own seqs."""
        started = (self.started_unix_nanos, retained.started_unix_nanos)
        return started[0] < started[1] if all(started) and started[0] != started[1] else self.seq < retained.seq

    def is_spoken_over(self, retained: Stamp) -> bool:
        """Return whether the bridge has published a status since: it does so with the last seq that it received."""
        return self.seq == retained.seq and self.time_unix_nanos != retained.time_unix_nanos


class RetainedTopics:
    """RetainedTopics holds the latest retained message of each topic."""

    def __init__(self) -> None:
        self._stamps: dict[Key, dict[str, Stamp]] = {}
        self._latest: dict[Key, dict[str, Outgoing]] = {}

    def seen(self, key: Key, topic: str, stamp: Stamp, latest: Outgoing | None = None) -> Outgoing | None:
        """Note what was retained before the bridge started, by the journal or the broker; the newer message counts.

        Returns:
            The message that counts, if this is not it and it is known.
        """
        known = self._stamps.setdefault(key, {})
        if topic in known and known[topic].time_unix_nanos >= stamp.time_unix_nanos:
            is_older = known[topic].time_unix_nanos > stamp.time_unix_nanos
            return self._latest.get(key, {}).get(topic) if is_older else None
        known[topic] = stamp
        self._latest.get(key, {}).pop(topic, None)
        if latest is not None:
            self._latest.setdefault(key, {})[topic] = latest
        return None

    def forget_before(self, key: Key, started_unix_nanos: int) -> None:
        """Drop what was retained before a new sender of this name started, because the new one counts from 0."""
        stamps = self._stamps.get(key, {})
        for topic in [topic for topic, stamp in stamps.items() if stamp.time_unix_nanos < started_unix_nanos]:
            del stamps[topic]
            self._latest.get(key, {}).pop(topic, None)

    def pass_through(self, key: Key, stamp: Stamp, outgoing: Outgoing, *, by_bridge: bool = False) -> Outgoing:
        """Return the message as it is to be sent: one that is older than the retained one is sent, but not retained.

        Args:
            key: Run and worker.
            stamp: Identifies the message.
            outgoing: The message as it would be sent.
            by_bridge: Whether the bridge made it, and not the worker.
        """
        stamps = self._stamps.setdefault(key, {})
        retained = stamps.get(outgoing.topic, stamp)
        if stamp.is_older(retained) or (not by_bridge and stamp.is_spoken_over(retained)):
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


def only_last_retained(items: list[tuple[Outgoing, _Rest]]) -> list[tuple[Outgoing, _Rest]]:
    """Return the messages to send once more; only the last of a topic is retained, so none replaces a newer one."""
    last = {outgoing.topic: outgoing for outgoing, _ in items if outgoing.retain}
    return [
        (outgoing._replace(retain=False) if last.get(outgoing.topic, outgoing) is not outgoing else outgoing, rest)
        for outgoing, rest in items
    ]
