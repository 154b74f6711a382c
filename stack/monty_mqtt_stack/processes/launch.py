"""Starts a service, and checks whether it answers.

`table` and its modules describe what to start; `supervisor` and `mosquitto` run it.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict, Optional, Tuple, Union

from monty_mqtt.errors import ServiceError
from monty_mqtt_core.settings import ports
from monty_mqtt_core.settings.state_dir import Endpoint
from monty_mqtt_stack.processes.child_process import ChildProcess
from monty_mqtt_stack.processes.stop_signals import Stopped

__all__ = ["Launch", "LeftOut", "PortTakenError", "RunningService"]

_POLL_SECS = 0.02


class PortTakenError(ServiceError):
    """Another process listens on the port; the caller should try the next port."""


@dataclass(frozen=True, kw_only=True)
class Launch:
    """Describes a service that can be started here.

    Attributes:
        name: Its name in the table: `broker`, `bridge`, …
        program: The program: `mosquitto`, `amqtt`, …
        argv: Program and arguments, without secrets.
        host: Address it will listen on.
        port: Port it will listen on.
        url: Its address as shown to people.
        log_file: File for its output.
        is_ready: Returns whether a started process answers.
        ready_secs: How long it may take to answer, in seconds.
        stop_secs: How long it may take to end, in seconds.
        environment: Returns its additional environment variables; called at each start.
        prepare: Called before each start.
        trouble: Returns a problem of a running process that only a restart solves; None if there is none.
        is_needed: Whether nothing works without it; a service that is not needed is left out if it does not start.
        notes: What the user must know about it, one line each.
    """

    name: str
    program: str
    argv: Tuple[str, ...]
    host: str
    port: int
    url: str
    log_file: Path
    is_ready: Callable[[ChildProcess], bool]
    ready_secs: float = 15.0
    stop_secs: float = 10.0
    environment: Callable[[], Dict[str, str]] = dict
    prepare: Optional[Callable[[], None]] = None
    trouble: Optional[Callable[[ChildProcess], Optional[str]]] = None
    is_needed: bool = True
    notes: Tuple[str, ...] = ()


@dataclass(frozen=True)
class LeftOut:
    """Names a service that is not started, and the reason."""

    name: str
    why: str


@dataclass
class RunningService:
    """Runs a launched service: holds its present process, whether it answers, and how often it was restarted."""

    launch: Launch
    child: ChildProcess = field(init=False)
    is_ready: bool = field(default=False, init=False)
    restarts: int = field(default=0, init=False)
    started: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.spawn()

    @property
    def endpoint(self) -> Endpoint:
        """Address of the service, with its process id."""
        launch = self.launch
        return Endpoint(host=launch.host, port=launch.port, pid=self.child.pid, program=launch.program, url=launch.url)

    def spawn(self) -> None:
        """Start its process.

        Raises:
            ServiceError: It cannot be started, or its preparation fails.
        """
        self.is_ready = False
        if self.launch.prepare:
            self.launch.prepare()
        self.started = time.monotonic()
        env = {**os.environ, **self.launch.environment()}
        self.child = ChildProcess(self.launch.argv, self.launch.log_file, env=env)

    def check(self) -> bool:
        """Return whether it runs and answers; returns quickly."""
        if self.child.poll() is not None:
            self.is_ready = False
        elif not self.is_ready:
            self.is_ready = self.launch.is_ready(self.child)
        return self.is_ready

    def trouble(self) -> Optional[str]:
        """Return a problem that only a restart solves; None if there is none."""
        return self.launch.trouble(self.child) if self.is_ready and self.launch.trouble else None

    def wait_until_ready(self, is_stopped: Callable[[], bool] = lambda: False) -> None:
        """Wait until the service answers.

        Args:
            is_stopped: Returns whether to give up; called many times a second.

        Raises:
            Stopped: `is_stopped` returned true.
            PortTakenError: Another process listens on its port.
            ServiceError: It ended, or did not answer in time; it is stopped then.
        """
        deadline = self.started + self.launch.ready_secs
        while not self.check():
            if self.child.poll() is not None or time.monotonic() > deadline:
                self.stop()
                error = ServiceError if ports.is_free(self.launch.host, self.launch.port) else PortTakenError
                raise error(f"{self.launch.name} did not start: {self.why()}")
            if is_stopped():
                raise Stopped
            self.child.wait(_POLL_SECS)

    def why(self) -> str:
        """Return in one line why it does not run: which process has its port, else the end of its log."""
        if self.child.poll() is not None and not ports.is_free(self.launch.host, self.launch.port):
            return f"port {self.launch.port} is taken by {ports.owner(self.launch.port) or 'another process'}"
        return f"{last_words(self.child) or 'no answer'} (log: {self.launch.log_file})"

    def stop(self) -> None:
        """Ask the service to end, and kill it after `stop_secs`; may be called twice."""
        self.child.stop(self.launch.stop_secs)


def last_words(child: ChildProcess) -> Optional[str]:
    """Return the last line of output that mentions an error, else the last line."""
    lines = [line.strip() for line in child.output().splitlines() if line.strip()]
    telling = [line for line in lines if "rror" in line] or lines
    return telling[-1] if telling else None


Planned = Union[Launch, LeftOut]
"""A service of the table: it is either started or left out."""
