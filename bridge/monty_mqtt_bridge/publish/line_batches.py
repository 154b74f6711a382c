"""This module gathers the lines of one run into messages of at most 100 points. Pure.

Called by `outlet` with the lines of `points`; hands to `publisher`. The programs behind store a hundred points a
message fastest (85,000 points/s against 9,500 with one each), and Telegraf's windows are computed for that number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from monty_mqtt.wire import topics
from monty_mqtt_bridge.journal.feeder import RowReceipt
from monty_mqtt_core.payloads.to_mqtt import Outgoing

__all__ = ["LineBatch", "LineBatches"]

_POINTS = 100
_OLDEST_SECS = 0.1


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
    """LineBatches holds the lines that wait, by run."""

    def __init__(self) -> None:
        self._open: dict[str, _Open] = {}

    def add(self, run: str, lines: Sequence[str], receipt: RowReceipt | None, now: float) -> list[LineBatch]:
        """Take the lines of one message; return the batches that are full now.

        `receipt.open` grows by one for each batch that carries lines of its message.
        """
        full = []
        for start in range(0, len(lines), _POINTS):
            chunk = lines[start : start + _POINTS]
            waiting = self._open.get(run)
            if waiting is not None and len(waiting.lines) + len(chunk) > _POINTS:
                full.append(self._close(run))
                waiting = None
            if waiting is None:
                waiting = self._open[run] = _Open(now)
            waiting.lines += chunk
            if receipt is not None:
                receipt.open += 1
                waiting.receipts.append(receipt)
        return full

    def due(self, now: float) -> list[LineBatch]:
        """Return the batches that have waited long enough."""
        if not self._open:
            return []
        return [self._close(run) for run, waiting in list(self._open.items()) if now - waiting.since >= _OLDEST_SECS]

    def flush(self, run: str | None = None) -> list[LineBatch]:
        """Return all waiting lines, of one run or of all."""
        return [self._close(open_run) for open_run in list(self._open) if run in (None, open_run)]

    def next_due(self) -> float:
        """Return when the oldest batch is due, monotonic seconds; infinity if none waits."""
        return min((waiting.since for waiting in self._open.values()), default=float("inf")) + _OLDEST_SECS

    def _close(self, run: str) -> LineBatch:
        waiting = self._open.pop(run)
        payload = ("\n".join(waiting.lines) + "\n").encode("utf-8", "replace")
        return LineBatch(Outgoing(topics.influx_topic(run), payload, 1, False), waiting.receipts)  # noqa: FBT003
