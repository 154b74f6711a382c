"""Runs one experiment as a child process, and watches it from its first message to its last.

Called by `run` and the demo, which enter a `WatchedExperiment` once, and run one or more experiments in it.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Dict, List, Optional, Self, Sequence, Set, Type
from urllib.parse import quote

from monty_mqtt.errors import ServiceError
from monty_mqtt.wire import schema, topics
from monty_mqtt_core.reading.mqtt_client import Subscriber
from monty_mqtt_core.reading.run_status import RunStatuses, WorkerStatus, decode
from monty_mqtt_stack.processes.child_process import ChildProcess
from monty_mqtt_stack.processes.stop_signals import StopSignals
from monty_mqtt_stack.services import find_services, table
from monty_mqtt_stack.services.supervisor import Supervisor
from monty_mqtt_stack.watch.progress_display import Display

__all__ = ["WatchedExperiment", "experiment_argv", "experiment_name"]

_TICK_SECS = 0.1
_STOP_SECS = 20.0
"""Seconds that a stopped experiment may take to save its results; SLURM kills 30 s after SIGTERM (KillWait)."""

_SETTLE_SECS = 5.0
"""Seconds that the last messages may take after the experiment ended: as long as its own flush may take."""

_LOG_LINES = 15


def experiment_name(overrides: Sequence[str]) -> str:
    """Return the experiment's name from its overrides: `logging.run_name`, else the last part of `experiment=a/b/c`.

    Values that are not plain words (`a,b` is a sweep, `${…}` must be resolved) are ignored.
    """
    for key in (r"experiment\.config\.logging\.run_name", "experiment"):
        chosen = [word.partition("=")[2] for word in overrides if re.match(rf"\+*{key}=", word)]
        name = chosen[-1].strip("'\"").rpartition("/")[2] if chosen else ""
        if re.fullmatch(r"[\w .-]+", name):
            return name
    return "experiment"


def experiment_argv(overrides: Sequence[str]) -> List[str]:
    """Return the command that runs an experiment; MONTY_PYTHON names the interpreter with Monty, default this one."""
    return [os.environ.get("MONTY_PYTHON") or sys.executable, "-m", "monty_mqtt.run", *overrides]


@dataclass
class WatchedExperiment:
    """Connects to services (running ones, else our own) and follows their messages, from `__enter__` to `__exit__`.

    Attributes:
        plan: The services to start if none are running; its state directory holds the logs.
        display: Shows the progress.
        stop: Catches Ctrl+C, SIGTERM and SIGHUP.
        address: Services that the user named; None looks for running ones, and else starts them.
        runs: What was published since the start.
    """

    plan: table.Plan
    display: Display
    stop: StopSignals
    address: Optional[find_services.FarSideAddress] = None
    runs: RunStatuses = field(default_factory=RunStatuses)
    _announced: Set[str] = field(default_factory=set, init=False)
    _subscriber: Optional[Subscriber] = field(default=None, init=False)
    _supervisor: Optional[Supervisor] = field(default=None, init=False)
    _exit: contextlib.ExitStack = field(default_factory=contextlib.ExitStack, init=False)

    def __enter__(self) -> Self:
        try:
            self._open()
        except ServiceError as error:
            self._exit.close()
            self.address = None
            self.display.say(f"not monitored: {error}")
        except BaseException:
            self._exit.close()
            raise
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._exit.close()

    def run(self, title: str, argv: Sequence[str], *, ending: str, log_name: str) -> int:
        """Run an experiment, or the experiments of a sweep, to the end.

        Args:
            title: Its name on the screen.
            argv: Program and arguments.
            ending: End of the ids of all its runs; the beginning comes from its configuration.
            log_name: Name of its log.

        Returns:
            Its exit code; 128 + the signal's number if a signal ended it.
        """
        log_file = self.plan.state.log_file(log_name)
        child = ChildProcess(argv, log_file, env={**os.environ, **self._environment(ending)})
        try:
            self.display.say(f"{title}: its own output goes to {log_file}")
            self._follow(child, title, ending)
            self._settle(title, ending, is_due=child.poll() == 0 and self.address is not None)
        finally:
            code = child.stop(0.0)
        code = code if code >= 0 else 128 - code
        if code not in (0, 3) and self.stop.number is None:
            self._show_failure(child, code)
        return code

    def workers(self, ending: str) -> List[WorkerStatus]:
        """Return the workers of the runs whose ids have this ending."""
        return [worker for worker in self.runs.workers.values() if worker.run.endswith(ending)]

    def afterwards(self) -> List[str]:
        """Return advice on how to see the runs again, if the page was started for them alone and ended with them."""
        if self._supervisor is None or self.address is None or self.address.page is None:
            return []
        return ["page       ended too; `monty-mqtt up` shows these runs again, until Ctrl+C"]

    def tick(self, title: str, ending: str) -> None:
        """Process new messages, keep our services running, and show the progress; waits 0.1 s."""
        self.stop.pause(_TICK_SECS)
        for arrived in self._subscriber.drain() if self._subscriber else ():
            message = None if arrived.retain else decode(arrived.topic, arrived.payload)
            if message:
                self._announce(title, ending, self.runs.apply(message), message)
        if self._supervisor:
            self._supervisor.check()
        workers = self.workers(ending)
        self.display.update(title, [worker for worker in workers if worker.is_live] or workers[-1:])

    def _open(self) -> None:
        is_named = self.address is not None
        self.address = self.address or find_services.find(self.plan.state)
        if self.address is None:
            self._supervisor = Supervisor(self.plan, self.display.say, lambda: self.stop.number is not None)
            self._exit.enter_context(self._supervisor)
            self.address = find_services.address_of(self._supervisor.far_side, self.plan.state)
            if self.address is None:
                raise ServiceError("; ".join(f"no {name}: {why}" for name, why in self._supervisor.left_out.items()))
        broker = self.address.broker
        if self.address.page:
            self.display.say(f"page: {self.address.page.url}")
        elif not is_named:  # nothing is known about the page of services that the user named
            self.display.say(self._why_no_page())
        for note in self.plan.notes:
            self.display.say(note)
        filters = [f"{topics.JSON_PREFIX}/+/+/{kind}" for kind in _KINDS]
        self._subscriber = self._exit.enter_context(Subscriber(broker, filters))
        self.display.say(f"broker {broker}; in another terminal:")
        self.display.say(f"  {broker.subscribe_line}")

    def _announce(self, title: str, ending: str, worker: WorkerStatus, message: schema.Message) -> None:
        """Print where a run can be watched, once its first `info` message has arrived."""
        is_first = worker.run not in self._announced and worker.run.endswith(ending)
        if is_first and isinstance(message, schema.Info) and self.address and self.address.page:
            self._announced.add(worker.run)
            apart = ", ".join(f"{key}={value}" for key, value in message.overrides.items())
            self.display.say(f"{title}: watch {apart or 'it'} at {self.address.page.url}/run/{_in_path(worker.run)}")

    def _environment(self, ending: str) -> Dict[str, str]:
        # MONTY_MQTT_STATE_DIR determines where its spool is.
        named = {"MONTY_MQTT_STATE_DIR": str(self.plan.state.path), "MONTY_MQTT_RUN_ENDING": ending}
        if self.address is None:
            return named
        bridge = self.address.bridge
        if bridge.server_key:
            named |= {"MONTY_MQTT_BRIDGE": str(bridge), "MONTY_MQTT_KEY_FILE": bridge.client_key_file}
        else:
            named |= {"MONTY_MQTT_ZMQ_HOST": bridge.host, "MONTY_MQTT_ZMQ_PORT": str(bridge.port)}
        if page := self.address.page:
            named |= {"MONTY_MQTT_LIVEVIEW_HOST": page.host, "MONTY_MQTT_LIVEVIEW_PORT": str(page.port)}
        return named

    def _why_no_page(self) -> str:
        known = self._supervisor.left_out if self._supervisor else {}
        return f"no page: {known.get('liveview', 'the far side that runs has none; see `monty-mqtt status`')}"

    def _follow(self, child: ChildProcess, title: str, ending: str) -> None:
        seen, kill_at = self.stop.count, float("inf")
        while child.poll() is None:
            self.tick(title, ending)
            if self.stop.count > seen:
                kill_at = self._pass_on(child, first=kill_at == float("inf"))
                seen = self.stop.count
            if time.monotonic() > kill_at:
                child.kill()

    def _pass_on(self, child: ChildProcess, *, first: bool) -> float:
        if not first:
            return 0.0
        number = self.stop.number or signal.SIGINT
        self.display.say(f"stopping the experiment (at most {_STOP_SECS:g} s; again to stop it at once)")
        child.send_signal(number, to_group=True)
        return time.monotonic() + _STOP_SECS

    def _settle(self, title: str, ending: str, *, is_due: bool) -> None:
        """Wait for the last messages; if an experiment ended well and has sent none yet, also for its first ones."""
        deadline = time.monotonic() + _SETTLE_SECS
        while self.stop.count <= 1 and time.monotonic() < deadline:
            workers = self.workers(ending)
            if all(worker.end is not None for worker in workers) and (workers or not is_due):
                break
            self.tick(title, ending)

    def _show_failure(self, child: ChildProcess, code: int) -> None:
        self.display.say(f"the experiment failed with exit code {code}; the end of {child.log_file}:")
        for line in child.output().splitlines()[-_LOG_LINES:]:
            self.display.say(f"  {line}")


def _in_path(name: str) -> str:
    return quote(topics.escape(name), safe="")


_KINDS = ("info", "status", "progress", "episode/+", "step", "end")
