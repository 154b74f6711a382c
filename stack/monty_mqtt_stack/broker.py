"""The MQTT broker of the far side: Mosquitto with the configuration that ships.

Place in the flow: the supervisor starts it first; tests start one each. Who may do what is in conf/mosquitto.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path
from types import TracebackType
from typing import List, Optional, Self, Type, Union

from monty_mqtt.conf_dir import conf_dir
from monty_mqtt.errors import ServiceError
from monty_mqtt_stack import ports, secrets
from monty_mqtt_stack.process import Child
from monty_mqtt_stack.state import StateDir

__all__ = ["Mosquitto", "find_mosquitto"]

_TRIES = 3


def find_mosquitto() -> Optional[str]:
    """Return the program's path, None where it is not installed. Debian keeps it in /usr/sbin, off users' PATH."""
    if not os.environ.get("PATH"):
        return None
    return shutil.which("mosquitto")


class Mosquitto:
    """A Mosquitto of our own, from `__enter__` to `__exit__`.

    Args:
        state_dir: Where its secrets, data and log are.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        start_secs: How long it may take to answer.
        stop_secs: How long it may take to save and end.

    Attributes:
        host: Address it listens on.
        port: Port it listens on, known once it runs.
    """

    def __init__(
        self,
        state_dir: Union[StateDir, Path, str, None] = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        start_secs: float = 10.0,
        stop_secs: float = 10.0,
    ) -> None:
        self.state = StateDir(state_dir)
        self.host = host
        self.port = port
        self._start_secs = start_secs
        self._stop_secs = stop_secs
        self._child: Optional[Child] = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Its process id, 0 while it does not run."""
        return self._child.pid if self._child and self._child.poll() is None else 0

    @property
    def child(self) -> Optional[Child]:
        """The process, once it was started."""
        return self._child

    def password_file(self, user: str) -> Path:
        """Return the file that holds a user's password."""
        return self.state.password_file(user)

    def password(self, user: str) -> str:
        """Return a user's password."""
        return secrets.read(self.state, user)

    def start(self) -> None:
        """Start it, or start it again on the port it had, and return when it answers.

        Raises:
            ServiceError: It is not installed, the port is taken, or it does not answer in time.
        """
        fixed = self.port != 0
        for _ in range(1 if fixed else _TRIES):
            self._spawn(self.port if fixed else ports.any_free(self.host))
            if self._wait_until_ready():
                return
            if fixed or "Address already in use" not in self._output():
                break
        self.stop()
        if not fixed:
            self.port = 0
        raise ServiceError(f"mosquitto did not start: {self._last_line()} (log: {self.state.log_file('mosquitto')})")

    def stop(self) -> None:
        """Let it save and end; may be called twice."""
        if self._child:
            self._child.stop(self._stop_secs)

    def kill(self) -> None:
        """End it as `kill -9` does; `start()` starts it again on the same port."""
        if self._child:
            self._child.send_signal(signal.SIGKILL)
            self._child.kill()

    def _spawn(self, port: int) -> None:
        program = find_mosquitto()
        if program is None:
            raise ServiceError("mosquitto is not installed: `apt install mosquitto` or `brew install mosquitto`")
        self.port = port
        passwords = secrets.ensure(self.state)
        config = self.state.write_private(
            self.state.mosquitto / "mosquitto.conf", "\n".join(self._places(passwords)).encode() + b"\n"
        )
        self._child = Child([program, "-c", str(config)], self.state.log_file("mosquitto"))

    def _places(self, passwords: Path) -> List[str]:
        shipped = conf_dir() / "mosquitto"
        acl = self.state.write_private(self.state.mosquitto / "acl", (shipped / "acl").read_bytes())
        places = [
            "# Written by monty-mqtt at each start: what differs from machine to machine.",
            f"listener {self.port} {self.host}",
            f"password_file {passwords}",
            f"acl_file {acl}",
            f"persistence_location {self.state.mosquitto}/",
            f"include_dir {shipped / 'conf.d'}",
        ]
        if os.geteuid() == 0:
            # Started as root, Mosquitto would become user `mosquitto`, who may not read files of mode 0600 of ours
            # nor enter root's home; opening them to another user would be worse than staying who we are.
            places.append("user root")
        return places

    def _wait_until_ready(self) -> bool:
        child, deadline = self._child, time.monotonic() + self._start_secs
        while child and child.poll() is None and time.monotonic() < deadline:
            if ports.answers_mqtt(self.host, self.port) and child.poll() is None:
                return True
            child.wait(0.02)
        return False

    def _output(self) -> str:
        return self._child.output() if self._child else ""

    def _last_line(self) -> str:
        lines = [line for line in self._output().splitlines() if "rror" in line] or self._output().splitlines()
        return lines[-1] if lines else "no answer"
