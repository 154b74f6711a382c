"""Keeps one run, and all runs, as their messages describe them. Pure.

Called by `run_store` with every new message (`Runs.apply`); read by views. `revision` counts changes, and everything
in a run notes the revision of its own last change. So a view remembers one number: whatever has a higher revision is
new to it.
"""

from __future__ import annotations

from monty_mqtt.wire import schema
from monty_mqtt_liveview.state.depth_ranges import DepthRanges
from monty_mqtt_liveview.state.latest_values import LatestValues
from monty_mqtt_liveview.state.log_lines import LogLines
from monty_mqtt_liveview.state.machines import Machines
from monty_mqtt_liveview.state.metrics import Metrics
from monty_mqtt_liveview.state.scratch_file import ScratchFile
from monty_mqtt_liveview.state.worker import Worker

__all__ = ["UNFIT", "Run", "Runs"]

UNFIT = (ArithmeticError, LookupError, TypeError, ValueError)
"""Errors that the state may raise at a message that decodes but makes no sense."""


class Run:
    """Holds what is known of a run.

    Attributes:
        name: Its id.
        workers: Its workers by name, in the order of their first messages.
        revision: Grows with every message.
        info_revision: Revision at the last `info` message.
        newest_unix_nanos: Time of the newest message, ns since 1970.
        logs, events: The newest log lines and events.
        metrics: The course of each metric.
        machines: What each worker's process and its host used.
        data, states: The latest value of each data stream, and of each worker's state.
        depths: Depth ranges of its sensors' frames.
        is_released: Whether the steps were dropped from memory.
        frames_missing: How many frames and clouds were published and never arrived.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.workers: dict[str, Worker] = {}
        self.revision = 0
        self.info_revision = 0
        self.newest_unix_nanos = 0
        self.logs, self.events = LogLines(), LogLines()
        self.metrics = Metrics()
        self.machines = Machines()
        self.data, self.states = LatestValues(), LatestValues()
        self.depths = DepthRanges()
        self.is_released = False
        self.frames_missing = 0

    @property
    def nbytes(self) -> int:
        """Memory that the steps take, in bytes."""
        return sum(worker.nbytes for worker in self.workers.values())

    @property
    def is_live(self) -> bool:
        """Whether messages may still arrive."""
        return any(worker.is_live for worker in self.workers.values())

    @property
    def speaking(self) -> list[Worker]:
        """The workers that report for the whole run: the parent of a parallel run (every start of it), else all."""
        workers = list(self.workers.values())
        return [worker for worker in workers if worker.known.is_parent] or workers

    def apply(self, message: schema.Message) -> None:
        """Update the run from a new message of it."""
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
        elif isinstance(message, schema.Machine):
            self.machines.add(message, self.revision)
        elif isinstance(message, schema.Data):
            self.data.keep(message, self.revision)
        elif isinstance(message, schema.State):
            self.states.keep(message, self.revision)

    def note_missing(self, frames: int) -> None:
        """Set how many frames and clouds never arrived."""
        if frames != self.frames_missing:
            self.frames_missing = frames
            self.revision += 1

    def release(self) -> None:
        """Drop the steps from memory; steps that arrive later are counted, but not kept."""
        self.is_released = True
        self.revision += 1
        for worker in self.workers.values():
            worker.release()

    def spill(self, scratch: ScratchFile) -> None:
        """Move all but the newest steps to the scratch file.

        Raises:
            OSError: There is no room in the file.
        """
        for worker in self.workers.values():
            worker.spill(scratch)

    def begin_reload(self) -> None:
        """Keep steps again; the caller then passes the recorded messages to `apply_again`."""
        self.is_released = False
        self.revision += 1
        for worker in self.workers.values():
            worker.begin_reload()

    def apply_again(self, message: schema.Message) -> None:
        """Update the run from a recorded message: only steps are stored, in any order, repeated ones once."""
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
    """Holds all known runs.

    Attributes:
        by_name: Runs by their id.
    """

    def __init__(self) -> None:
        self.by_name: dict[str, Run] = {}

    def apply(self, message: schema.Message) -> Run:
        """Update the state from a new message; return its run."""
        run = self.by_name.get(message.run)
        if run is None:
            run = self.by_name[message.run] = Run(message.run)
        run.apply(message)
        return run

    def forget(self, name: str) -> None:
        """Drop a run, if it is known."""
        self.by_name.pop(name, None)
