"""This module publishes Monty's log records and telemetry events as Log and Event messages.

Called by Python's logging: `monitored_run` attaches a `RecordHandler` to the `tbp.monty` logger and a
`TelemetryHandler` to each of Monty's telemetry publishers, and removes both when the run ends. Levels and other
handlers stay as they are.
"""

from __future__ import annotations

import logging
import time
from typing import Callable, Dict, List, Tuple

from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster
from monty_mqtt.masking.secret_texts import masked_forms
from monty_mqtt.monitor.error_guard import ErrorGuard
from monty_mqtt.monitor.monitor_cost import MonitorCost
from monty_mqtt.wire.json_values import plain
from monty_mqtt.wire.schema import Event, Log

__all__ = ["Allowance", "Attachment", "RecordHandler", "TelemetryHandler"]

_LOGGER = "tbp.monty"
_TELEMETRY = "telemetry."


class Allowance:
    """Allowance lets at most `per_sec` records a second of each level pass, and counts the others by logger and level.

    Args:
        per_sec: Number of records that pass in one second, per level.
        clock: Seconds of a clock that is never set.
    """

    def __init__(self, per_sec: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_sec = per_sec
        self._clock = clock
        self._windows: Dict[str, Tuple[float, int]] = {}
        self._suppressed: Dict[Tuple[str, str], int] = {}

    def take(self, logger: str, level: str) -> int:
        """Return how many records of this logger and level were refused since the last that passed; -1: refuse this."""
        now = self._clock()
        began, used = self._windows.get(level, (now, 0))
        if now - began >= 1.0:
            began, used = now, 0
        passes = used < self._per_sec
        self._windows[level] = (began, used + 1 if passes else used)
        if passes:
            return self._suppressed.pop((logger, level), 0)
        self._suppressed[logger, level] = self._suppressed.get((logger, level), 0) + 1
        return -1


class RecordHandler(logging.Handler):
    """RecordHandler publishes the records of Monty's logger.

    Args:
        broadcaster: Publishes the messages.
        guard: Counts errors: some of Monty's messages are objects that fail to print.
        cost: Sums up the time that this takes.
        level: Records below this level name are not published.
        per_sec: At most this many records a second of each level.
    """

    def __init__(
        self, broadcaster: ZmqBroadcaster, guard: ErrorGuard, cost: MonitorCost, *, level: str, per_sec: int
    ) -> None:
        super().__init__(level.upper())
        self._broadcaster = broadcaster
        self._guard = guard
        self._cost = cost
        self._allowance = Allowance(per_sec)

    def emit(self, record: logging.LogRecord) -> None:
        """Publish one record, or count it."""
        began = time.perf_counter_ns()
        with self._guard:
            level = record.levelname.lower()
            suppressed = self._allowance.take(record.name, level)
            if suppressed >= 0:
                text = masked_forms(str(plain(record.getMessage())[0]))
                self._broadcaster.publish(Log, level=level, message=text, logger=record.name, suppressed=suppressed)
        self._cost.add(time.perf_counter_ns() - began)


class TelemetryHandler(logging.Handler):
    """TelemetryHandler publishes Monty's telemetry events; Monty's configuration decides which are emitted.

    Args:
        broadcaster: Publishes the messages.
        guard: Counts the errors that occur here.
        cost: Sums up the time that this takes.
    """

    def __init__(self, broadcaster: ZmqBroadcaster, guard: ErrorGuard, cost: MonitorCost) -> None:
        super().__init__()
        self._broadcaster = broadcaster
        self._guard = guard
        self._cost = cost

    def emit(self, record: logging.LogRecord) -> None:
        """Publish one event."""
        began = time.perf_counter_ns()
        with self._guard:
            dump = getattr(record.msg, "model_dump", None)
            fields = plain(dump())[0] if dump is not None else {"message": masked_forms(record.getMessage())}
            kind = str(fields.pop("kind", "") or type(record.msg).__name__)
            source = record.name[len(_TELEMETRY) :]
            self._broadcaster.publish(Event, event=kind, level=record.levelname.lower(), source=source, fields=fields)
        self._cost.add(time.perf_counter_ns() - began)


class Attachment:
    """Attachment keeps both handlers on Monty's loggers between `attach` and `detach`."""

    def __init__(self, records: RecordHandler, telemetry: TelemetryHandler) -> None:
        self._records = records
        self._telemetry = telemetry
        self._publishers: List[logging.Logger] = []

    def attach(self) -> None:
        """Attach to Monty's logger and to all telemetry publishers; a further call attaches to new publishers."""
        logging.getLogger(_LOGGER).addHandler(self._records)
        for name, logger in list(logging.Logger.manager.loggerDict.items()):
            # Each publisher has `propagate` off, so each needs the handler itself.
            if name.startswith(_TELEMETRY) and isinstance(logger, logging.Logger) and logger not in self._publishers:
                self._publishers.append(logger)
                logger.addHandler(self._telemetry)

    def detach(self) -> None:
        """Remove both handlers, so that Monty's loggers are as they were."""
        logging.getLogger(_LOGGER).removeHandler(self._records)
        for logger in self._publishers:
            logger.removeHandler(self._telemetry)
        self._publishers.clear()
