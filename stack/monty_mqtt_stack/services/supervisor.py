"""Starts all services, keeps them running, and stops them.

Called by `monty-mqtt up` until Ctrl+C, and by `monty-mqtt run` beside the experiment. One thread starts all children:
on Linux a child ends with the thread that started it. Another thread removes the sessions of anonymous clients.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import ExitStack
from types import TracebackType
from typing import IO, Callable, Dict, Optional, Self, Type

from monty_mqtt.errors import ServiceError
from monty_mqtt_core.reading.mqtt_client import BrokerAddress
from monty_mqtt_core.settings.state_dir import FarSide, StateDir
from monty_mqtt_stack.processes.launch import LeftOut, Planned, PortTakenError, RunningService
from monty_mqtt_stack.services import table
from monty_mqtt_stack.services.anonymous_sessions import AnonymousSessions

__all__ = ["Supervisor"]

_FIRST_BACKOFF_SECS = 0.5
_LONGEST_BACKOFF_SECS = 30.0
_PORT_TRIES = 5
_GOOD_SECS = 60.0
"""A service that ran for this long failed for a new reason: the delay before a restart begins again."""


class Supervisor:
    """Runs services of our own, from `__enter__` to `__exit__`. Call `check` a few times a second in between.

    Args:
        plan: State directory, host, ports, and what to leave out.
        say: Receives each line for the user.
        is_stopped: Returns whether to abandon a start.

    Raises:
        Stopped: On entering: `is_stopped` returned true.
        ConfigError: No program can listen on the plan's host.
        ServiceError: On entering: another process runs services from the state directory, or a needed service does not
            start.
    """

    def __init__(
        self, plan: table.Plan, say: Callable[[str], None], is_stopped: Callable[[], bool] = lambda: False
    ) -> None:
        table.check_host(plan.host)
        self._plan = plan
        self._say = say
        self._is_stopped = is_stopped
        self._exit = ExitStack()
        self._retry_at: Dict[str, float] = {}
        self.running: Dict[str, RunningService] = {}
        self.left_out: Dict[str, str] = {}

    def __enter__(self) -> Self:
        state = self._plan.state
        self._exit.enter_context(lock(state))
        self._exit.callback(state.write_far_side, None)
        self._exit.callback(self._stop_services)
        try:
            self._start()
            self._remove_anonymous_sessions()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.stop()

    @property
    def far_side(self) -> FarSide:
        """Description of the running services and their addresses."""
        endpoints = {name: service.endpoint for name, service in self.running.items()}
        history = self._plan.history() if "telegraf" in endpoints else None
        return FarSide(
            supervisor_pid=os.getpid(),
            services=endpoints,
            left_out=dict(self.left_out),
            influxdb_url=history.url if history else "",
            influxdb_org=history.org if history else "",
        )

    def check(self) -> None:
        """Restart services that ended, each time after a longer delay; never waits."""
        for name, service in self.running.items():
            was_ready = service.is_ready
            if service.check():
                if not was_ready:
                    self._write_addresses()
                    self._say(f"{name} runs again")
                trouble = service.trouble()
                if trouble:
                    self._say(f"{name}: {trouble}")
                    service.child.kill()
                continue
            if service.child.poll() is not None:
                self._restart(name, service)

    def stop(self) -> None:
        """Stop everything, in reverse order of the start; may be called twice."""
        self._exit.close()

    def _stop_services(self) -> None:
        for service in reversed(self.running.values()):
            service.stop()

    def _start(self) -> None:
        for name, plan_service in table.TABLE.items():
            if name in self._plan.without:
                self.left_out[name] = f"--without {name}"
            else:
                self._start_service(name, plan_service)
        if not self.running:
            raise ServiceError("; ".join(f"no {name}: {why}" for name, why in self.left_out.items()))
        self._plan.state.write_far_side(self.far_side)

    def _start_service(self, name: str, plan_service: Callable[[table.Plan], Planned]) -> None:
        for attempt in range(_PORT_TRIES):
            planned = plan_service(self._plan)
            if isinstance(planned, LeftOut):
                self.left_out[name] = planned.why
                return
            service = self.running[name] = RunningService(planned)
            try:
                service.wait_until_ready(self._is_stopped)
            except ServiceError as error:
                if isinstance(error, PortTakenError) and attempt + 1 < _PORT_TRIES:
                    continue  # the port was taken since the plan was made; the next plan sees it
                if planned.is_needed:
                    raise
                del self.running[name]
                self.left_out[name] = str(error)
                return
            else:
                self._plan.started[name] = service.endpoint
                self._plan.notes.extend(planned.notes)
                return

    def _remove_anonymous_sessions(self) -> None:
        broker = self.running.get("broker")
        if broker and broker.endpoint.program == "mosquitto":
            endpoint, child = broker.endpoint, broker.child
            sessions = AnonymousSessions(child.log_file, child.log_start, BrokerAddress(endpoint.host, endpoint.port))
            self._exit.enter_context(sessions)

    def _write_addresses(self) -> None:
        try:
            self._plan.state.write_far_side(self.far_side)
        except ServiceError as error:  # a full disk is no reason to end running services
            self._say(str(error))

    def _restart(self, name: str, service: RunningService) -> None:
        now = time.monotonic()
        if name not in self._retry_at:
            if now - service.started > _GOOD_SECS:
                service.restarts = 0
            pause_secs = min(_FIRST_BACKOFF_SECS * 2**service.restarts, _LONGEST_BACKOFF_SECS)
            self._retry_at[name] = now + pause_secs
            ended = f"{name} ended (exit code {service.child.poll()}: {service.why()})"
            self._say(f"{ended}; starting it again in {pause_secs:g} s")
        elif now >= self._retry_at[name]:
            del self._retry_at[name]
            service.child.kill()  # what may be left of its process group
            service.restarts += 1
            try:
                service.spawn()
            except ServiceError as error:  # it was uninstalled meanwhile, and may come back
                self._say(f"{name}: {error}")


def lock(state: StateDir) -> IO[bytes]:
    """Return a file that reserves the state directory for this process until the file is closed or the process ends.

    Raises:
        ServiceError: Another process has reserved it.
    """
    file = (state.path / "up.lock").open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        far_side = state.read_far_side()
        who = f" (pid {far_side.supervisor_pid})" if far_side else ""
        raise ServiceError(f"a far side runs already from {state.path}{who}; see `monty-mqtt status`") from None
    return file
