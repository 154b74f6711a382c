"""Finds in a run's recording the log lines and events that are not in memory any more.

Place in the flow: `api` asks here where what is in memory does not answer a question; a browser that asks the same
again and again, because the run goes on, is given for a while what was found the first time.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Literal

from monty_mqtt.wire import schema
from monty_mqtt_liveview.intake.service import Service
from monty_mqtt_liveview.state.log_lines import Line, line_of
from monty_mqtt_liveview.views.log_search import Found, Wanted, with_recorded
from monty_mqtt_liveview.views.numbers import Json, millis

__all__ = ["Kind", "Lookback"]

Kind = Literal["log", "event"]

_LONGEST_SECS = 10.0
_KEPT_SECS = 20.0
_MOST_KEPT = 16


class Lookback:
    """Looks through recordings.

    Args:
        service: Where they are.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._kept: OrderedDict[tuple[str, Kind, Wanted], tuple[float, list[Line], int]] = OrderedDict()
        self._looking = threading.Lock()

    def complete(self, run: str, kind: Kind, wanted: Wanted, found: Found) -> int:
        """Add what only the recording has; return how many of its lines were looked through.

        A recording that takes longer to read than ten seconds is read so far: fewer lines were looked through.
        """
        if found.is_all(wanted):
            return 0
        key = run, kind, wanted
        with self._looking:
            kept = self._kept.get(key)
            if kept is not None and time.monotonic() < kept[0]:
                with_recorded(found, wanted, kept[1])
                return min(kept[2], found.count - found.in_memory)
            looked = with_recorded(found, wanted, self._lines(run, kind))
            self._kept[key] = time.monotonic() + _KEPT_SECS, list(found.lines), looked
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return looked

    def stream(self, run: str, worker: str, stream: str, count: int, before: int | None) -> Json:
        """Return the recorded values of a data stream, the newest last, and how many there are in all.

        Args:
            run: Id of the run.
            worker: Who published it.
            stream: Its name.
            count: How many values at most.
            before: Only values with a lower number, counted from 0.
        """
        values, said = deque[Json](maxlen=count), set[int]()
        for message in self._service.recorded(run, "data"):
            if not isinstance(message, schema.Data) or (message.worker, message.stream) != (worker, stream):
                continue
            if message.seq in said:
                continue
            if before is None or len(said) < before:
                time_unix_millis = millis(message.time_unix_nanos)
                values.append({"number": len(said), "time_unix_millis": time_unix_millis, "data": message.data})
            said.add(message.seq)
        return {"values": list(values), "count": len(said)}

    def _lines(self, run: str, kind: Kind) -> Iterator[Line]:
        deadline = time.monotonic() + _LONGEST_SECS
        said, number = set[tuple[str, int]](), 0
        for message in self._service.recorded(run, kind):
            if not isinstance(message, (schema.Log, schema.Event)) or (message.worker, message.seq) in said:
                continue
            if time.monotonic() > deadline:
                return
            said.add((message.worker, message.seq))
            yield line_of(message, number)
            number += 1
