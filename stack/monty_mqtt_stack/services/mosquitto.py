"""Starts the MQTT broker: Mosquitto with the configuration of this package, else amqtt.

Called by the supervisor, which starts it first, and by tests. The access rules are in conf/mosquitto.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import sys
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import List, Optional, Self, Sequence, Type, Union

from monty_mqtt.conf_files import conf_dir
from monty_mqtt.errors import ServiceError
from monty_mqtt_core.settings import passwords, ports
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.processes.child_process import ChildProcess
from monty_mqtt_stack.processes.launch import Launch, PortTakenError, RunningService
from monty_mqtt_stack.services.broker_tls import TlsListener

__all__ = ["HOW_TO_INSTALL", "Mosquitto", "amqtt_launch", "find_mosquitto", "mosquitto_launch"]

HOW_TO_INSTALL = "`apt install mosquitto mosquitto-clients` or `brew install mosquitto`"

_OFF_PATH = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")
"""Where Debian and Homebrew install it; the PATH of ordinary users contains none of these."""

_TRIES = 3


def find_mosquitto() -> Optional[str]:
    """Return the path of the program; None if it is not installed."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=os.pathsep.join(_OFF_PATH))


def mosquitto_launch(state: StateDir, host: str, port: int, beyond: Optional[TlsListener] = None) -> Launch:
    """Write Mosquitto's files into the state directory, and return how to start it with them.

    Args:
        state: The state directory.
        host: Address to listen on, for everybody.
        port: Its port.
        beyond: A listener for other machines, with TLS and a login.

    Raises:
        ServiceError: Mosquitto is not installed.
    """
    program = find_mosquitto()
    if program is None:
        raise ServiceError(f"mosquitto is not installed: {HOW_TO_INSTALL}")
    config = state.mosquitto / "mosquitto.conf"
    state.write_private(config, "".join(f"{line}\n" for line in _places(state, host, port, beyond)).encode())
    return Launch(
        name="broker",
        program="mosquitto",
        argv=(program, "-c", str(config)),
        host=host,
        port=port,
        url=ports.url("mqtt", host, port),
        log_file=state.log_file("mosquitto"),
        is_ready=partial(_is_ready, host, (port, *([beyond.port] if beyond else []))),
        notes=tuple(beyond.notes(state)) if beyond else (),
    )


def amqtt_launch(state: StateDir, host: str, port: int) -> Launch:
    """Return how to start the broker in pure Python.

    Raises:
        ServiceError: amqtt is not installed.
    """
    if importlib.util.find_spec("amqtt") is None:
        raise ServiceError("amqtt is not installed: pip install 'monty-mqtt[server]'")
    passwords.ensure(state)
    return Launch(
        name="broker",
        program="amqtt",
        argv=(sys.executable, "-m", "monty_mqtt_stack.services.amqtt_broker", host, str(port), str(state.path)),
        host=host,
        port=port,
        url=ports.url("mqtt", host, port),
        log_file=state.log_file("amqtt"),
        is_ready=partial(_is_ready, host, (port,)),
        notes=(
            f"amqtt is for looking: it is slow and keeps nothing when it ends; install Mosquitto: {HOW_TO_INSTALL}",
        ),
    )


class Mosquitto:
    """Runs a Mosquitto of our own, from `__enter__` to `__exit__`.

    Args:
        state_dir: Directory of its passwords, data and log.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        beyond: A listener for other machines, with TLS and a login.

    Attributes:
        host: Address it listens on.
        port: Port it listens on; known after the start.
    """

    def __init__(
        self,
        state_dir: Union[StateDir, Path, str, None] = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        beyond: Optional[TlsListener] = None,
    ) -> None:
        self.state = StateDir(state_dir)
        self.host = host
        self.port = port
        self._beyond = beyond
        self._running: Optional[RunningService] = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.stop()

    @property
    def child(self) -> Optional[ChildProcess]:
        """Its process; None before the first start."""
        return self._running.child if self._running else None

    @property
    def pid(self) -> int:
        """Its process id; 0 while it does not run."""
        return self.child.pid if self.child and self.child.poll() is None else 0

    def password_file(self, user: str) -> Path:
        """Return the file of a user's password."""
        return self.state.password_file(user)

    def password(self, user: str) -> str:
        """Return a user's password."""
        return passwords.read(self.state, user)

    def start(self) -> None:
        """Start it, or restart it on the same port, and wait until it answers.

        Raises:
            ServiceError: It is not installed, the port is taken, or it does not answer in time.
        """
        if self.port:
            self._start_on(self.port)
            return
        for attempt in range(_TRIES):
            port = ports.any_free(self.host)
            try:
                self._start_on(port)
            except PortTakenError:  # taken since `any_free` looked
                if attempt + 1 == _TRIES:
                    raise
            else:
                self.port = port
                return

    def stop(self) -> None:
        """Let it save its data and end; may be called twice."""
        if self._running:
            self._running.stop()

    def kill(self) -> None:
        """End it as `kill -9` does; `start()` restarts it on the same port."""
        if self._running:
            self._running.child.send_signal(signal.SIGKILL)
            self._running.child.kill()

    def _start_on(self, port: int) -> None:
        self._running = RunningService(mosquitto_launch(self.state, self.host, port, self._beyond))
        self._running.wait_until_ready()


def _places(state: StateDir, host: str, port: int, beyond: Optional[TlsListener]) -> List[str]:
    shipped = conf_dir() / "mosquitto"
    acl = state.write_private(state.mosquitto / "acl", (shipped / "acl").read_bytes())
    users = [f"password_file {passwords.ensure(state)}", f"acl_file {acl}"]
    places = [
        "# Written by monty-mqtt at each start: what differs from machine to machine.",
        *(_listener_beyond(beyond, users) if beyond else ()),
        f"listener {port} {host}",
        *(["allow_anonymous true"] if beyond else ()),
        *users,
        f"persistence_location {state.mosquitto}/",
        f"include_dir {shipped / 'conf.d'}",
    ]
    if os.geteuid() == 0:
        # Started as root, Mosquitto would become user `mosquitto`, which may neither read our files of mode 0600
        # nor enter root's home; making them readable to another user would be worse than running as root.
        places.append("user root")
    return places


def _listener_beyond(beyond: TlsListener, users: List[str]) -> List[str]:
    """Return the lines of the listener for other machines; it is first, because what follows is of the last one."""
    return [
        "per_listener_settings true",
        f"listener {beyond.port} {beyond.host}",
        "allow_anonymous false",
        f"certfile {beyond.certificate}",
        f"keyfile {beyond.key}",
        *users,
    ]


def _is_ready(host: str, listening: Sequence[int], child: ChildProcess) -> bool:
    return all(ports.listens(child.pid, port) for port in listening) and ports.answers_mqtt(host, listening[0])
