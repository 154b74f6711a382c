"""How a service is started, and how one knows that it answers.

Place in the flow: `table` says what to launch, `supervisor` and `mosquitto` run it.
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
from monty_mqtt_stack.processes.child_process import Child
from monty_mqtt_stack.processes.stop_signals import Stopped

__all__ = ["Launch", "LeftOut", "PortTakenError", "Running"]

_POLL_SECS = 0.02


class PortTakenError(ServiceError):
    """Somebody else listens on the port: try the next one."""


@dataclass(frozen=True, kw_only=True)
class Launch:
    """A service that can be started here.

    Attributes:
        name: Its name in the table: `broker`, `bridge`, …
        program: What runs: `mosquitto`, `amqtt`, …
        argv: Program and arguments, without secrets.
        host: Address it will listen on.
        port: Port it will listen on.
        url: The same for a person.
        log_file: Where its output goes.
        is_ready: Whether a started one answers.
        ready_secs: How long it may take to answer.
        stop_secs: How long it may take to end.
        environment: What its environment has beside ours, looked up at each start.
        prepare: What must be done before each start of it.
        trouble: What a running one reports that only a new start mends; None if nothing.
        is_needed: Whether nothing works without it; another that does not start is left out.
        notes: What a person must know about it, one line each.
    """

    name: str
    program: str
    argv: Tuple[str, ...]
    host: str
    port: int
    url: str
    log_file: Path
    is_ready: Callable[[Child], bool]
    ready_secs: float = 15.0
    stop_secs: float = 10.0
    environment: Callable[[], Dict[str, str]] = dict
    prepare: Optional[Callable[[], None]] = None
    trouble: Optional[Callable[[Child], Optional[str]]] = None
    is_needed: bool = True
    notes: Tuple[str, ...] = ()


@dataclass(frozen=True)
class LeftOut:
    """A service that is not started, and why."""

    name: str
    why: str


@dataclass
class Running:
    """A launched service: its present process, whether it answers, how often it was started again."""

    launch: Launch
    child: Child = field(init=False)
    is_ready: bool = field(default=False, init=False)
    restarts: int = field(default=0, init=False)
    started: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.spawn()

    @property
    def endpoint(self) -> Endpoint:
        """Where it answers."""
        one = self.launch
        return Endpoint(host=one.host, port=one.port, pid=self.child.pid, program=one.program, url=one.url)

    def spawn(self) -> None:
        """Start its process.

        Raises:
            ServiceError: It cannot be started, or what must come before cannot be done.
        """
        self.is_ready = False
        if self.launch.prepare:
            self.launch.prepare()
        self.started = time.monotonic()
        env = {**os.environ, **self.launch.environment()}
        self.child = Child(self.launch.argv, self.launch.log_file, env=env)

    def check(self) -> bool:
        """Return whether it runs and answers; never waits long."""
        if self.child.poll() is not None:
            self.is_ready = False
        elif not self.is_ready:
            self.is_ready = self.launch.is_ready(self.child)
        return self.is_ready

    def trouble(self) -> Optional[str]:
        """Return what only a new start mends, None if there is nothing."""
        return self.launch.trouble(self.child) if self.is_ready and self.launch.trouble else None

    def wait_until_ready(self, is_stopped: Callable[[], bool] = lambda: False) -> None:
        """Return when it answers.

        Args:
            is_stopped: Whether to give up, looked at many times a second.

        Raises:
            Stopped: `is_stopped` said so.
            PortTakenError: Somebody else listens where it should.
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
        """Return in one line why it does not run: who has its port, else its last words."""
        if self.child.poll() is not None and not ports.is_free(self.launch.host, self.launch.port):
            return f"port {self.launch.port} is taken by {ports.owner(self.launch.port) or 'another process'}"
        return f"{last_words(self.child) or 'no answer'} (log: {self.launch.log_file})"

    def stop(self) -> None:
        """Let it end in its own way, within its bound; may be called twice."""
        self.child.stop(self.launch.stop_secs)


def last_words(child: Child) -> Optional[str]:
    """Return the last line with an error in it, else the last line."""
    lines = [line.strip() for line in child.output().splitlines() if line.strip()]
    telling = [line for line in lines if "rror" in line] or lines
    return telling[-1] if telling else None


Planned = Union[Launch, LeftOut]
"""What becomes of a service of the table."""
