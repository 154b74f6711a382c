"""What is retained at the broker: never replaced by something older, and said again after a reconnect. Pure.

Place in the flow: `pipeline` passes every retained message through here on its way to `publisher`.
"""

from __future__ import annotations

from monty_mqtt_bridge.fanout import Outgoing
from monty_mqtt_bridge.workers import Key

__all__ = ["RetainedTopics"]


class RetainedTopics:
    """The latest retained message of each topic, and its seq."""

    def __init__(self) -> None:
        self._seqs: dict[str, int] = {}
        self._latest: dict[Key, dict[str, Outgoing]] = {}

    def seen(self, topic: str, seq: int) -> None:
        """Note what the broker already had when the bridge started."""
        self._seqs[topic] = max(seq, self._seqs.get(topic, seq))

    def forget_seqs(self, key: Key) -> None:
        """A new sender took this name and counts from its own start: what was retained is history."""
        for topic in self._latest.pop(key, {}):
            self._seqs.pop(topic, None)

    def pass_through(self, key: Key, seq: int, outgoing: Outgoing) -> Outgoing:
        """Return the message as it is to be sent: one that is older than what is retained is sent, but not retained."""
        if seq < self._seqs.get(outgoing.topic, seq):
            return outgoing._replace(retain=False)
        self._seqs[outgoing.topic] = seq
        self._latest.setdefault(key, {})[outgoing.topic] = outgoing
        return outgoing

    def latest(self, key: Key) -> list[Outgoing]:
        """Return what is retained of a worker."""
        return list(self._latest.get(key, {}).values())

    def forget(self, key: Key) -> None:
        """Drop what is kept of a worker that ended; its seqs stay."""
        self._latest.pop(key, None)
