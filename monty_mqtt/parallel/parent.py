"""This module is the parent of a parallel run: it publishes how many episodes there are and are done, and the end.

Called by `monitored_task` for `run --parallel`, or by Hydra as a callback if Monty's `run_parallel` itself is run.

The workers publish for themselves. The parent only waits for its workers, so it may have a thread, which reads their
tally and answers commands. Workers receive every command themselves, also those that start later.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from importlib import import_module
from typing import Any, ClassVar, Dict, List, Mapping, Optional, Tuple

from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster
from monty_mqtt.config import LiveViewConfig
from monty_mqtt.end_signals import EndSignals, exit_code_of
from monty_mqtt.errors import MontyMqttError
from monty_mqtt.monitor.commands import CommandObeyer, Place
from monty_mqtt.monitor.error_guard import ErrorGuard
from monty_mqtt.monitor.progress import ProgressTracker, RunPosition
from monty_mqtt.monitor.run_identity import identify
from monty_mqtt.monitor.worker_tally import WorkerTally
from monty_mqtt.observe.run_info import composed_fields
from monty_mqtt.parallel.pool import Spawning
from monty_mqtt.process_info import outcome
from monty_mqtt.sweep_job import job_number
from monty_mqtt.wire.schema import Command, Info, Progress, Status

__all__ = ["RUNNER", "TALLY", "ParallelCallback", "ParallelParent", "episodes_in_all"]

TALLY = "MONTY_MQTT_TALLY"
"""Environment variable that gives the workers the path of their parent's tally."""

RUNNER = "tbp.monty.frameworks.run_parallel"
"""Name of the module of Monty's parallel runner."""

_RUN = "MONTY_MQTT_RUN"
_LOOK_SECS = 0.1
_HERE = Place("with all its workers", "after the episodes under way", within=True)


class ParallelCallback:
    """ParallelCallback is a Hydra callback that gives Monty's parallel runner a parent; it ignores other programs.

    Attributes:
        parent: The only parent of this process; None unless Monty's parallel runner runs.
    """

    parent: ClassVar[Optional[ParallelParent]] = None

    def on_run_start(self, config: Any, **_: Any) -> None:
        """Fix the start time of the run, before Hydra makes a copy in which `${now:}` would be another time."""
        live = config.experiment.config.get("liveview")
        if live and live.get("started"):
            with import_module("omegaconf").open_dict(live):
                live["started"] = str(live["started"])

    def on_multirun_start(self, config: Any, **_: Any) -> None:
        """Resolve the start time of the sweep, which all its jobs take over, so that they are one group."""
        live = import_module("omegaconf").OmegaConf.select(config, "experiment.config.liveview")
        if live:
            live.get("started")

    def on_job_start(self, config: Any, *, task_function: Any = None, **_: Any) -> None:
        """Begin the parent before the runner begins."""
        if getattr(task_function, "__module__", "") == RUNNER and not hasattr(task_function, "is_monitored"):
            ParallelCallback.parent = ParallelParent()
            ParallelCallback.parent.begin(config, os.environ)

    def on_job_end(self, config: Any, job_return: Any, **_: Any) -> None:
        """End the parent with the runner."""
        del config
        if self.parent is None:
            return
        error: Optional[BaseException] = None
        try:
            _ = job_return.return_value  # raises the runner's exception, if there is one
        except Exception as raised:  # noqa: BLE001 - Hydra raises it again
            error = raised
        self.parent.end(error)
        if EndSignals.received is not None:
            raise SystemExit(exit_code_of(EndSignals.received))

    def __getattr__(self, name: str) -> Any:
        """Return a function that does nothing, for the callback's other events (`on_run_end`, …)."""
        if name.startswith("on_"):
            return lambda **_: None
        raise AttributeError(name)


class ParallelParent:
    """ParallelParent publishes as worker `main` between `begin` and `end`."""

    def __init__(self) -> None:
        self._broadcaster: Optional[ZmqBroadcaster] = None
        self._flush_secs = 0.0
        self._guard = ErrorGuard()
        self._over = threading.Event()
        self._thread: Optional[threading.Thread] = None
        # Each worker limits the duration of its own last step.
        self._signals = EndSignals(self._interrupt, step_secs=None)

    @property
    def cut_short(self) -> Optional[str]:
        """Why the run ended early, if a command ended it; otherwise None."""
        if self._broadcaster is None or not self._commands.is_ending:
            return None
        if self._commands.abort_reason is not None:
            return self._commands.abort_reason
        done, expected = self._progress.episodes_done, self._progress.episodes_expected
        if done == expected:
            return None
        return ": ".join(filter(None, [f"stopped by command after {done} episodes", self._commands.stop_reason]))

    @property
    def has_begun(self) -> bool:
        """Whether the parent publishes, or did."""
        return self._thread is not None

    @property
    def lost(self) -> int:
        """Number of experiments that ended because their process died; the results of the others are merged."""
        return 0 if self._thread is None else self._tally.lost

    def begin(self, composed: Any, environ: Mapping[str, str]) -> None:
        """Publish Info and Status of the run that Hydra composed, and replace Monty's pool by one that can end early.

        Any other error here is counted, not raised: the run goes on without a parent.

        Raises:
            ConfigError: A setting of the monitor is wrong.
        """
        config = LiveViewConfig.of(composed.experiment.config, environ)
        if config.enable_liveview:
            self._guard = ErrorGuard(strict=config.strict)
            with self._guard:
                self._begin(composed, config)

    def end(self, error: Optional[BaseException]) -> None:
        """Publish how the run ended, and hand over the messages that are left. May be called twice.

        Args:
            error: The exception that left Monty's runner; None if it returned.
        """
        if self._thread is None or self._over.is_set():
            return
        self._over.set()
        self._thread.join()
        self._signals.__exit__()
        atexit.unregister(self._end_with_process)
        with self._guard:
            self._count()
            self._tally.remove()
        os.environ.pop(TALLY, None)
        if job_number() is not None:
            os.environ.pop(_RUN, None)
        import_module(RUNNER).mp = import_module("multiprocessing")  # type: ignore[attr-defined]
        assert self._broadcaster is not None  # noqa: S101 - begin() starts the thread
        if error is None and self.lost:
            error = MontyMqttError(f"{self.lost} experiments ended with their process: killed, or out of memory?")
        fields: Dict[str, Any] = outcome(error)
        if self.cut_short is not None:
            fields = {"status": "aborted", "reason": self.cut_short}
        elif isinstance(error, KeyboardInterrupt):
            fields = {"status": "aborted", "reason": "Ctrl+C"}
        self._broadcaster.publish(Status, **fields)
        self._broadcaster.close(fields["status"], self._flush_secs)

    def _begin(self, composed: Any, config: LiveViewConfig) -> None:
        experiment = composed.experiment
        now = import_module("datetime").datetime.now().astimezone()
        run_name = str(experiment.config.logging.run_name or "")
        number = job_number()
        run, _ = identify(config, run_name, now, "", number)
        if number is not None:
            os.environ[_RUN] = run  # for the workers, which do not know that they run in a sweep
        expected = episodes_in_all(composed)
        self._flush_secs = config.flush_secs
        self._broadcaster = ZmqBroadcaster(run_id=run, strict=config.strict, **config.bridge_arguments())
        self._commands = _Commands(self._broadcaster)
        self._progress = ProgressTracker(time.perf_counter(), expected)
        self._tally = WorkerTally.begin()
        os.environ[TALLY] = self._tally.path
        self._spawning = Spawning(self._tally)
        import_module(RUNNER).mp = self._spawning  # type: ignore[attr-defined]
        about = composed_fields(experiment, config, run)
        self._broadcaster.publish(Info, **about, episodes_expected=expected)
        self._broadcaster.publish(Status, status="running")
        self._publish_progress()
        self._thread = threading.Thread(target=self._watch, name="monty-mqtt-parent", daemon=True)
        self._thread.start()
        self._signals.__enter__()
        atexit.register(self._end_with_process)

    def _interrupt(self, name: str) -> None:
        self._commands.interrupted_by = name

    def _end_with_process(self) -> None:
        self.end(getattr(sys, "last_value", None))

    def _watch(self) -> None:
        commands, looked_at, is_passed_on = self._commands, time.perf_counter(), False
        while not self._over.wait(_LOOK_SECS):
            with self._guard:
                if commands.paused:
                    commands.listen(_HERE)
                else:
                    commands.take(_HERE)
                if commands.is_ending:
                    self._tally.close()
                if EndSignals.received is not None and not is_passed_on:
                    is_passed_on = True
                    self._spawning.send_signal(EndSignals.received)
                self._count()
            now = time.perf_counter()
            if commands.paused:
                self._progress.paused(now - looked_at)
            looked_at = now

    def _count(self) -> None:
        news = self._tally.news()
        now = time.perf_counter()
        for episode in news:
            self._progress.add(RunPosition(episode.mode, 0, self._progress.episodes_done), episode.steps)
            self._progress.episode_ended(episode, now)
        if news:
            self._publish_progress()

    def _publish_progress(self) -> None:
        assert self._broadcaster is not None  # noqa: S101 - begin() makes it
        self._broadcaster.publish(Progress, **self._progress.fields(time.perf_counter(), time.time_ns()))


class _Commands(CommandObeyer):
    """_Commands answers commands for the parent, which makes no steps of its own."""

    def _step(self, command: Command, place: Place) -> Tuple[bool, str]:
        obeyed, detail = super()._step(command, place)
        if obeyed:
            self._halt(None)
        return obeyed, detail


def episodes_in_all(composed: Any) -> Dict[str, int]:
    """Return how many episodes a parallel run has, by mode.

    Monty's run_parallel (0.55) makes them so: in training one worker per object, which shows it in every pose; in
    evaluation one worker per object and epoch. The configuration's `episodes` chooses among the workers.
    """
    config = composed.experiment.config
    totals = {}
    if config.do_train:
        arguments = config.train_env_interface_args
        poses = len(import_module("hydra.utils").instantiate(arguments.object_init_sampler))
        totals["train"] = len(_chosen(composed, len(arguments.object_names))) * poses
    if config.do_eval:
        episodes = len(config.eval_env_interface_args.object_names) * config.n_eval_epochs
        totals["eval"] = len(_chosen(composed, episodes))
    return totals


def _chosen(composed: Any, workers: int) -> List[int]:
    parse = import_module("tbp.monty.frameworks.run_parallel").parse_episode_spec
    return list(parse(composed.get("episodes"), workers))
