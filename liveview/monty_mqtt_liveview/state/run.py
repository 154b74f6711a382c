"""One run and all runs, as they are known from messages. Pure.

Place in the flow: `service` passes every new message to `Runs.apply`; views read. `revision` counts what changed, and
everything in a run notes the revision of its own last change: who shows something remembers one number, and what has a
higher one is new to it.
"""

from __future__ import annotations

from monty_mqtt.wire import schema
from monty_mqtt_liveview.state.depth_ranges import DepthRanges
from monty_mqtt_liveview.state.latest_values import Streams
from monty_mqtt_liveview.state.log_lines import Journal
from monty_mqtt_liveview.state.metrics import Metrics
from monty_mqtt_liveview.state.scratch_file import Scratch
from monty_mqtt_liveview.state.worker import Worker

__all__ = ["Run", "Runs"]


class Run:
    """What is known of a run.

    Attributes:
        name: Its id.
        workers: By name, in the order in which they were first heard of.
        revision: Grows with every message.
        info_revision: Revision at the last `info`.
        newest_unix_nanos: Time of the newest message.
        logs, events: The newest of each.
        metrics: The course of each.
        data, states: The latest of each.
        depths: How far away what its sensors see is.
        is_released: Whether the steps were dropped.
        frames_missing: How many frames and clouds were published and never came.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.workers: dict[str, Worker] = {}
        self.revision = 0
        self.info_revision = 0
        self.newest_unix_nanos = 0
        self.logs, self.events = Journal(), Journal()
        self.metrics = Metrics()
        self.data, self.states = Streams(), Streams()
        self.depths = DepthRanges()
        self.is_released = False
        self.frames_missing = 0

    @property
    def nbytes(self) -> int:
        """Memory the steps take."""
        return sum(worker.nbytes for worker in self.workers.values())

    @property
    def is_live(self) -> bool:
        """Whether something may still come."""
        return any(worker.is_live for worker in self.workers.values())

    @property
    def speaking(self) -> list[Worker]:
        """The workers that speak for all: the parent of a parallel run, of each start of it; else each for itself."""
        workers = list(self.workers.values())
        return [worker for worker in workers if worker.known.is_parent] or workers

    def apply(self, message: schema.Message) -> None:
        """Take in a message of this run that was not heard before."""
        self.revision += 1
        worker = self._worker(message)
        worker.apply(message, self.revision)
        self.newest_unix_nanos = max(message.time_unix_nanos, self.newest_unix_nanos)
        if isinstance(message, schema.Step):
            return
        if isinstance(message, schema.Info):
            self.info_revision = self.revision
        elif isinstance(message, schema.Log):
            self.logs.add(message, self.revision)
        elif isinstance(message, schema.Event):
            self.events.add(message, self.revision)
        elif isinstance(message, schema.Frame):
            self.depths.add(message)
        elif isinstance(message, schema.Metric):
            self.metrics.add(message, self.revision)
        elif isinstance(message, schema.Data):
            self.data.keep(message, self.revision)
        elif isinstance(message, schema.State):
            self.states.keep(message, self.revision)

    def note_missing(self, frames: int) -> None:
        """Say how many frames and clouds never came."""
        if frames != self.frames_missing:
            self.frames_missing = frames
            self.revision += 1

    def release(self) -> None:
        """Drop the steps; those that come are counted, and not kept."""
        self.is_released = True
        self.revision += 1
        for worker in self.workers.values():
            worker.release()

    def spill(self, scratch: Scratch) -> None:
        """Keep only the newest steps in memory.

        Raises:
            OSError: There is no room in the file either.
        """
        for worker in self.workers.values():
            worker.spill(scratch)

    def begin_reload(self) -> None:
        """Keep steps again; what is recorded of the run is to be given to `apply_again`."""
        self.is_released = False
        self.revision += 1
        for worker in self.workers.values():
            worker.begin_reload()

    def apply_again(self, message: schema.Message) -> None:
        """Take in a message that was heard before: only steps count, in any order, and each of them once."""
        self.revision += 1
        self._worker(message).apply_again(message, self.revision)

    def _worker(self, message: schema.Message) -> Worker:
        worker = self.workers.get(message.worker)
        if worker is None:
            worker = self.workers[message.worker] = Worker(self.name, message.worker)
            if self.is_released:
                worker.release()
        return worker


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

    def forget(self, name: str) -> None:
        """Drop a run; nothing happens where there is none."""
        self.by_name.pop(name, None)
