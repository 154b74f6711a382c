"""Finds log lines and events that are no longer in memory in a run's recording.

Called by `api` when the lines in memory do not answer a request. A browser that repeats the same request, because the
run goes on, receives the first result for 20 seconds.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Literal

from monty_mqtt.wire import schema
from monty_mqtt_liveview.intake.service import Service
from monty_mqtt_liveview.state.log_lines import LogLine, line_of
from monty_mqtt_liveview.views.log_search import LogMatches, LogSearch, with_recorded
from monty_mqtt_liveview.views.numbers import Json, millis

__all__ = ["Kind", "LogLookback"]

Kind = Literal["log", "event"]

_LONGEST_SECS = 10.0
_KEPT_SECS = 20.0
_MOST_KEPT = 16


class LogLookback:
    """Searches recordings.

    Args:
        service: Reads the recordings.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._kept: OrderedDict[tuple[str, Kind, LogSearch], tuple[float, list[LogLine], int]] = OrderedDict()
        self._looking = threading.Lock()

    def complete(self, run: str, kind: Kind, wanted: LogSearch, matches: LogMatches) -> int:
        """Add lines that only the recording has; return how many of its lines were searched.

        Reading stops after ten seconds: then fewer lines were searched than the recording has.
        """
        if matches.is_all(wanted):
            return 0
        key = run, kind, wanted
        with self._looking:
            kept = self._kept.get(key)
            if kept is not None and time.monotonic() < kept[0]:
                with_recorded(matches, wanted, kept[1])
                return min(kept[2], matches.count - matches.in_memory)
            looked = with_recorded(matches, wanted, self._lines(run, kind))
            self._kept[key] = time.monotonic() + _KEPT_SECS, list(matches.lines), looked
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return looked

    def stream(self, run: str, worker: str, stream: str, count: int, before: int | None) -> Json:
        """Return the recorded values of a data stream, the newest last, and how many there are in all.

        Args:
            run: Id of the run.
            worker: Worker that published it.
            stream: Name of the stream.
            count: How many values at most.
            before: Only values with a lower number, counted from 0.
        """
        values, seen = deque[Json](maxlen=count), set[int]()
        for message in self._service.recorded(run, "data"):
            if not isinstance(message, schema.Data) or (message.worker, message.stream) != (worker, stream):
                continue
            if message.seq in seen:
                continue
            if before is None or len(seen) < before:
                time_unix_millis = millis(message.time_unix_nanos)
                values.append({"number": len(seen), "time_unix_millis": time_unix_millis, "data": message.data})
            seen.add(message.seq)
        return {"values": list(values), "count": len(seen)}

    def _lines(self, run: str, kind: Kind) -> Iterator[LogLine]:
        deadline = time.monotonic() + _LONGEST_SECS
        seen, number = set[tuple[str, int]](), 0
        for message in self._service.recorded(run, kind):
            if not isinstance(message, (schema.Log, schema.Event)) or (message.worker, message.seq) in seen:
                continue
            if time.monotonic() > deadline:
                return
            seen.add((message.worker, message.seq))
            yield line_of(message, number)
            number += 1
