"""This module monitors one run of one experiment object, from Info to End.

Called by `experiment`, at construction and around `run()`; connects hook, loggers, handlers and commands to the
broadcaster.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import time
from contextlib import suppress
from typing import Any, ClassVar, Dict, Optional

from msgspec import structs

from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster
from monty_mqtt.config import LiveViewConfig
from monty_mqtt.end_signals import EndSignals, Terminated, exit_code_of
from monty_mqtt.errors import AbortRequested
from monty_mqtt.monitor.commands import CommandObeyer
from monty_mqtt.monitor.episode_logger import EpisodeLogger
from monty_mqtt.monitor.error_guard import ErrorGuard
from monty_mqtt.monitor.log_handlers import Attachment, RecordHandler, TelemetryHandler
from monty_mqtt.monitor.machine import MachineReports
from monty_mqtt.monitor.monitor_cost import MonitorCost
from monty_mqtt.monitor.progress import ProgressTracker
from monty_mqtt.monitor.run_identity import identify
from monty_mqtt.monitor.step_hook import LiveViewStepHook, StepPublisher
from monty_mqtt.observe.run_info import info_fields
from monty_mqtt.process_info import outcome
from monty_mqtt.sweep_job import job_number
from monty_mqtt.wire.schema import Info, Status

__all__ = ["MonitoredRun"]

_log = logging.getLogger(__name__)


class MonitoredRun:
    """MonitoredRun publishes one experiment while `run()` lasts; before and after, it only holds the broadcaster.

    Args:
        config: The experiment's settings.
        run_name: Monty's `logging.run_name`.

    Attributes:
        broadcaster: Serves the user's own `publish_*` calls, too; it does nothing if the monitor is switched off.
        worker: The name of this experiment object within the run.
        latest: The last session of this process that began to publish; `monitored_task` checks whether there is one.
    """

    latest: ClassVar[Optional[MonitoredRun]] = None

    def __init__(self, config: LiveViewConfig, run_name: str) -> None:
        now = dt.datetime.now(dt.timezone.utc)
        salt, number = os.urandom(8).hex(), job_number()
        run, self.worker = identify(config, run_name, now, salt, number)
        if number is not None and not config.group:
            config = structs.replace(config, group=identify(config, "", now, salt).run)
        self.config = config
        if self.worker != "main" and not (config.run or config.started):
            _log.warning(
                "worker %s cannot know its run, which becomes %s: set experiment.config.liveview.started (/liveview: "
                "default does), so that all processes of a parallel run share one id",
                self.worker,
                run,
            )
        self.broadcaster = ZmqBroadcaster(
            run_id=run,
            worker=self.worker,
            **config.bridge_arguments(),
            enabled=config.enable_liveview,
            strict=config.strict,
            window_bytes=config.window_mib << 20,
            spool_dir=config.spool_dir or None,
            spool_mib=config.spool_mib,
        )
        self._guard = ErrorGuard(strict=config.strict)
        self._cost = MonitorCost()
        self._commands = CommandObeyer(self.broadcaster)
        self._attachment: Optional[Attachment] = None
        self._machine: Optional[MachineReports] = None
        self._loggers: Any = None
        self._hook: Optional[LiveViewStepHook] = None
        self._episodes: Optional[EpisodeLogger] = None
        self._progress: Optional[ProgressTracker] = None
        self._last_episode: Optional[int] = None
        self._left_out = False
        self._ended = False
        self._signals: Optional[EndSignals] = None

    @property
    def page_url(self) -> str:
        """Address at which a person can watch the run."""
        return self.config.page_url(self.broadcaster.run)

    @property
    def is_ending(self) -> bool:
        """Whether no further episode begins, because of an abort or a stop by command."""
        return self._commands.is_ending

    @property
    def is_cut_short(self) -> bool:
        """Whether a command made the run leave out an episode; a stop in the last episode does not."""
        return self._commands.abort_reason is not None or (self._commands.is_ending and self._left_out)

    @property
    def exit_code(self) -> int:
        """Exit code of the process after a signal or a command; 0 if Monty's own exit applies."""
        if EndSignals.received is not None:
            return exit_code_of(EndSignals.received)
        return self.config.abort_exit_code if self.is_cut_short else 0

    def interrupt(self, name: str) -> None:
        """End the run as after an abort, because of the signal with this name; called in the signal handler."""
        self._commands.interrupted_by = name

    def begin(self, experiment: Any, hook: LiveViewStepHook, signals: EndSignals) -> None:
        """Publish Info and Status, and attach to Monty. Errors here are counted, not raised."""
        self._signals = signals
        MonitoredRun.latest = self
        with self._guard:
            info = info_fields(experiment, self.config, self.broadcaster.run)
            progress = ProgressTracker(time.perf_counter(), info["episodes_expected"])
            self._progress = progress
            self.broadcaster.publish(Info, **info)
            self.broadcaster.publish(Status, status="running")
            self._attach(experiment, hook, progress)
            self._machine = MachineReports(self.broadcaster, self._guard, str(getattr(experiment, "output_dir", ".")))
            self._machine.start()

    def may_begin(self) -> bool:
        """Obey the commands that came between episodes; return whether a further episode may begin."""
        with self._guard, suppress(AbortRequested):
            secs = self._commands.obey()
            if self._progress is not None:
                self._progress.paused(secs)
        self._left_out = self._left_out or self.is_ending
        if self.is_ending and self._signals is not None:
            self._signals.heeded()
        return not self.is_ending

    def leave_out(self) -> None:
        """Note that an episode was cut off, or that a further one would have begun."""
        self._left_out = True
        if self._signals is not None:
            self._signals.heeded()

    def episode_finished(self, experiment: Any, steps: int) -> None:
        """Publish Monty's results of the episode."""
        with self._guard:
            if self._progress is not None:
                self._last_episode = self._progress.position.episode
            if self._episodes is not None:
                self._episodes.finish(steps, experiment.model)
            if self._attachment is not None:
                self._attachment.attach()  # Monty may have made new telemetry publishers

    def end(self, error: Optional[BaseException]) -> None:
        """Detach from Monty, publish how the run ended, and hand over the messages that are left.

        Args:
            error: The exception that left `run()`; None if it returned.
        """
        if self._ended:
            return
        self._ended = True
        if self._signals is not None:
            self._signals.heeded()
        with self._guard:
            self._detach()
            fields = self._last_words(error)
            self.broadcaster.publish(Status, **fields)
            self.broadcaster.close(fields["status"], self.config.flush_secs)

    def _last_words(self, error: Optional[BaseException]) -> Dict[str, Any]:
        if self.is_cut_short and (error is None or isinstance(error, AbortRequested)):
            return {"status": "aborted", "reason": self._commands.abort_reason or self._stopped()}
        if self._signals is not None and self._signals.is_forced and (error is None or isinstance(error, Terminated)):
            return {"status": "aborted", "reason": self._commands.interrupted_by}
        if isinstance(error, KeyboardInterrupt):
            return {"status": "aborted", "reason": "Ctrl+C"}
        return outcome(error)

    def _stopped(self) -> str:
        where = "before the first episode" if self._last_episode is None else f"after episode {self._last_episode}"
        return f"stopped by command {where}" + (f": {why}" if (why := self._commands.stop_reason) else "")

    def _attach(self, experiment: Any, hook: LiveViewStepHook, progress: ProgressTracker) -> None:
        parts = (self.broadcaster, self.config, progress, self._commands, self._guard)
        order = getattr(getattr(experiment, "monty_logger", None), "performance_options", None)
        self._episodes = EpisodeLogger(*parts, order, is_supervised=_is_supervised(experiment))
        self._loggers = getattr(experiment, "logger_handler", None)
        if self._loggers is not None:
            # A new list: the old one may belong to the configuration, which Monty pickles.
            self._loggers.loggers = [*self._loggers.loggers, self._episodes]
        monitor = (self.broadcaster, self._guard, self._cost)
        records = RecordHandler(*monitor, level=self.config.log_level, per_sec=self.config.max_logs_per_sec)
        self._attachment = Attachment(records, TelemetryHandler(*monitor))
        self._attachment.attach()
        hook.publisher = StepPublisher(*parts, self._cost)
        self._hook = hook

    def _detach(self) -> None:
        if self._machine is not None:
            self._machine.stop()
        if self._hook is not None:
            self._hook.publisher = None
        if self._attachment is not None:
            self._attachment.detach()
        if self._loggers is not None:
            self._loggers.loggers = [logger for logger in self._loggers.loggers if logger is not self._episodes]


def _is_supervised(experiment: Any) -> bool:
    """Return whether Monty is given the name of each object before it learns it."""
    return "MontySupervisedObjectPretrainingExperiment" in [kind.__name__ for kind in type(experiment).__mro__]
