"""One run and all runs, as they are known from messages. Pure.

Place in the flow: `service` passes every new message to `Runs.apply`; `views` reads. `revision` counts what changed, so
that who shows something knows whether there is anything new.
"""

from __future__ import annotations

from monty_mqtt import schema
from monty_mqtt_liveview.worker import Worker

__all__ = ["Run", "Runs"]


class Run:
    """What is known of a run.

    Attributes:
        name: Its id.
        workers: By name.
        revision: Grows with every message.
        newest_unix_nanos: Time of the newest message.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.workers: dict[str, Worker] = {}
        self.revision = 0
        self.newest_unix_nanos = 0

    def apply(self, message: schema.Message) -> None:
        """Take in a message of this run that was not heard before."""
        if message.worker not in self.workers:
            self.workers[message.worker] = Worker(message.worker)
        self.workers[message.worker].apply(message)
        self.newest_unix_nanos = max(message.time_unix_nanos, self.newest_unix_nanos)
        self.revision += 1


class Runs:
    """All runs that are known.

    Attributes:
        by_name: Run id -> run.
    """

    def __init__(self) -> None:
        self.by_name: dict[str, Run] = {}

    def apply(self, message: schema.Message) -> Run:
        """Take in a message that was not heard before; return its run."""
        run = self.by_name.get(message.run)
        if run is None:
            run = self.by_name[message.run] = Run(message.run)
        run.apply(message)
        return run
