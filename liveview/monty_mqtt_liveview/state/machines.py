"""Keeps what each worker's process and its host used over time, in bounded memory. Pure.

Filled by `run` with each `machine` message; `user_values` makes views of it. When a course becomes too long, the least
and the greatest value of each stretch stay.
"""

from __future__ import annotations

from monty_mqtt.wire import schema
from monty_mqtt_liveview.state.extremes import Extremes

__all__ = ["MACHINE_FIELDS", "MachineCourse", "Machines", "values_of"]

MACHINE_FIELDS = (*schema.ProcessUse.__struct_fields__, *schema.HostUse.__struct_fields__)
"""What a `machine` message tells of the process, then what of the host."""

_MOST_POINTS = 400_000
"""Limit for all fields of all workers of a run together."""

_MOST_OF_ONE, _LEAST_OF_ONE = 2048, 16
_LARGEST = 2.0**63


class MachineCourse:
    """Holds what one worker's process and its host used.

    Attributes:
        latest: The newest message.
        fields: The values over time of each field that was ever told.
    """

    def __init__(self, latest: schema.Machine) -> None:
        self.latest = latest
        self.fields: dict[str, Extremes] = {}

    def add(self, message: schema.Machine, most: int) -> None:
        """Add a message; keep about `most` points of each field."""
        if message.time_unix_nanos >= self.latest.time_unix_nanos:
            self.latest = message
        for field, value in values_of(message).items():
            if value is not None:
                self.fields.setdefault(field, Extremes()).add(message.time_unix_nanos, float(value), most)


class Machines(dict[str, MachineCourse]):
    """Holds what the machines of a run used, by worker.

    Attributes:
        revision: Revision of the run at the latest message.
    """

    def __init__(self) -> None:
        super().__init__()
        self.revision = 0

    def add(self, message: schema.Machine, revision: int) -> None:
        """Add a message to its worker's."""
        course = self.get(message.worker)
        if course is None:
            course = self[message.worker] = MachineCourse(message)
        most = _MOST_POINTS // (len(self) * len(MACHINE_FIELDS))
        course.add(message, min(max(most, _LEAST_OF_ONE), _MOST_OF_ONE))
        self.revision = revision


def values_of(message: schema.Machine) -> dict[str, float | None]:
    """Return every field of a message; None for what was not told, and for what no machine has."""
    told = {field: getattr(message.process, field) for field in message.process.__struct_fields__}
    told |= {field: getattr(message.host, field) for field in message.host.__struct_fields__}
    return {field: value if value is not None and 0 <= value < _LARGEST else None for field, value in told.items()}
