"""This module gathers the lines of one run and partition into messages of at most 100 points. Pure.

Called by `outlet` with the lines of `points`; hands to `publisher`. The programs behind store a hundred points a
message fastest (85,000 points/s against 9,500 with one each), and Telegraf's windows are computed for that number.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import NamedTuple

from monty_mqtt.wire import topics
from monty_mqtt_bridge.journal.feeder import RowReceipt
from monty_mqtt_core.payloads.to_mqtt import Outgoing

__all__ = ["LineBatch", "LineBatches"]

_POINTS = 100
_OLDEST_SECS = 0.1

_Part = tuple[str, int]
"""A run, and the number of a partition, from 0."""


class LineBatch(NamedTuple):
    """LineBatch is one MQTT message of lines, and the receipts of the messages that they were made from."""

    outgoing: Outgoing
    receipts: list[RowReceipt]


class _Open:
    def __init__(self, since: float) -> None:
        self.lines: list[str] = []
        self.receipts: list[RowReceipt] = []
        self.since = since


class LineBatches:
    """LineBatches holds the lines that wait, by run and partition.

    Args:
        partitions: Number of partitions, each for one Telegraf. All points of a worker are in the same one.
    """

    def __init__(self, partitions: int = 1) -> None:
        self._partitions = partitions
        self._open: dict[_Part, _Open] = {}

    def add(
        self, run: str, worker: str, lines: Sequence[str], receipt: RowReceipt | None, now: float
    ) -> list[LineBatch]:
        """Take the lines of one message of a worker; return the batches that are full now.

        `receipt.open` grows by one for each batch that carries lines of its message.
        """
        full, part = [], (run, self._partition(run, worker))
        for start in range(0, len(lines), _POINTS):
            chunk = lines[start : start + _POINTS]
            waiting = self._open.get(part)
            if waiting is not None and len(waiting.lines) + len(chunk) > _POINTS:
                full.append(self._close(part))
                waiting = None
            if waiting is None:
                waiting = self._open[part] = _Open(now)
            waiting.lines += chunk
            if receipt is not None:
                receipt.open += 1
                waiting.receipts.append(receipt)
        return full

    def due(self, now: float) -> list[LineBatch]:
        """Return the batches that have waited long enough."""
        if not self._open:
            return []
        return [self._close(part) for part, waiting in list(self._open.items()) if now - waiting.since >= _OLDEST_SECS]

    def flush(self, run: str | None = None) -> list[LineBatch]:
        """Return all waiting lines, of one run or of all."""
        return [self._close(part) for part in list(self._open) if run in (None, part[0])]

    def next_due(self) -> float:
        """Return when the oldest batch is due, monotonic seconds; infinity if none waits."""
        return min((waiting.since for waiting in self._open.values()), default=float("inf")) + _OLDEST_SECS

    def _partition(self, run: str, worker: str) -> int:
        if self._partitions == 1:
            return 0
        # The same in each bridge and after each start, as Python's own hash is not.
        return zlib.crc32(f"{run}/{worker}".encode("utf-8", "surrogatepass")) % self._partitions

    def _close(self, part: _Part) -> LineBatch:
        waiting = self._open.pop(part)
        payload = ("\n".join(waiting.lines) + "\n").encode("utf-8", "replace")
        return LineBatch(Outgoing(topics.influx_topic(*part), payload, 1, False), waiting.receipts)  # noqa: FBT003
