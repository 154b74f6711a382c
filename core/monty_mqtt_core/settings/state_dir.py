"""This module manages the state directory: secrets, logs, the broker's data, and which services run where.

Used by all services, whose data are below it, and by `run`, `tail` and `abort`, which find the running services here.

::

    <state dir>                 0700
    ├── secrets/<user>.password 0600, in 0700; with the secrets of InfluxDB and Grafana
    ├── keys/                   0700: CURVE keys of the bridge, of this machine, and public ones of the invited clients
    ├── logs/<service>.log      0600
    ├── influxdb/, grafana/     data of these services
    ├── mosquitto/              Mosquitto's generated files, hashed passwords and data
    ├── journal/bridge.sqlite   messages that the bridge accepted and the broker does not have yet
    ├── recordings/<run>/       the page's recording of each run, in parts
    ├── panels/, layout.toml, page.css   the operator's own panels, what is shown, and a style sheet
    ├── monty/                  MONTY_LOGS, MONTY_MODELS, MONTY_DATA of the demo
    ├── notified.json           notifications that were sent
    └── services.json           the services that run now (the "far side")
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Dict, Optional, Union

import msgspec

from monty_mqtt.errors import ServiceError

__all__ = ["Endpoint", "FarSide", "StateDir"]


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Endpoint is the address at which a service answers.

    Attributes:
        host: Address that the service listens on.
        port: TCP port; for the bridge its ZMQ port.
        pid: Process id.
        program: Name of the program: `mosquitto`, `amqtt`, …
        url: The address as a URL, for a person.
    """

    host: str
    port: int
    pid: int = 0
    program: str = ""
    url: str = ""


class FarSide(msgspec.Struct, frozen=True, kw_only=True):
    """FarSide describes the running services behind ZMQ: bridge, broker, page and history.

    Attributes:
        supervisor_pid: Id of the process that started them and stops them.
        services: Endpoint by service name: `broker`, `bridge`, …
        left_out: Reason why a service does not run, by its name.
        influxdb_url: The InfluxDB that keeps the history, our own or another; empty without one.
        influxdb_org: Organisation in that InfluxDB.
    """

    supervisor_pid: int = 0
    services: Dict[str, Endpoint] = {}
    left_out: Dict[str, str] = {}
    influxdb_url: str = ""
    influxdb_org: str = ""


class StateDir:
    """StateDir is the state directory, made on first use.

    Args:
        path: Path; default MONTY_MQTT_STATE_DIR of the environment, else ${XDG_STATE_HOME:-~/.local/state}/monty-mqtt.

    Raises:
        ServiceError: The directory cannot be made, or belongs to another user.
    """

    def __init__(self, path: Union[StateDir, Path, str, None] = None) -> None:
        self.path: Path = path.path if isinstance(path, StateDir) else _expanded(Path(path or _default()))
        try:
            self._make()
        except OSError as error:
            raise ServiceError(
                f"state directory {self.path}: {error.strerror}; choose another with --state-dir"
            ) from None

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"StateDir({str(self.path)!r})"

    @property
    def secrets(self) -> Path:
        """Directory of the secrets, mode 0700."""
        return self.path / "secrets"

    @property
    def keys(self) -> Path:
        """Directory of the keys with which ZMQ is encrypted; made, with mode 0700, when it is first needed."""
        return self.path / "keys"

    @property
    def client_key_file(self) -> Path:
        """File with the pair of keys that this user's experiments and commands have."""
        return self.keys / "client.key_secret"

    @property
    def mosquitto(self) -> Path:
        """Directory of the broker's own files, mode 0700."""
        return self.path / "mosquitto"

    def password_file(self, user: str) -> Path:
        """Return the file that holds the password of an MQTT user."""
        return self.secrets / f"{user}.password"

    def log_file(self, service: str) -> Path:
        """Return the log file of a service."""
        return self.path / "logs" / f"{service}.log"

    def write_private(self, path: Path, content: bytes) -> Path:
        """Write a file of mode 0600 in one step: it exists whole or not at all, and never with wider rights.

        Raises:
            ServiceError: The file cannot be written.
        """
        staged = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            staged.unlink(missing_ok=True)
            with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
            staged.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                staged.unlink(missing_ok=True)
            raise ServiceError(f"cannot write {path}: {error.strerror}") from None
        return path

    def write_far_side(self, far_side: Optional[FarSide]) -> None:
        """Record which services run; None records that none do."""
        if far_side is None:
            self._services_file.unlink(missing_ok=True)
        else:
            self.write_private(self._services_file, msgspec.json.format(msgspec.json.encode(far_side)))

    def read_far_side(self) -> Optional[FarSide]:
        """Return the services that were last recorded as running; the caller checks whether they still answer."""
        try:
            return msgspec.json.decode(self._services_file.read_bytes(), type=FarSide)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None

    @property
    def _services_file(self) -> Path:
        return self.path / "services.json"

    def _make(self) -> None:
        if not self.path.is_dir():
            self.path.mkdir(parents=True, mode=0o700, exist_ok=True)
        for directory in (self.secrets, self.mosquitto, self.path / "logs"):
            directory.mkdir(mode=0o700, exist_ok=True)
            directory.chmod(0o700)


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except RuntimeError:  # a user of a container may have neither HOME nor an entry in the password database
        raise ServiceError(f"state directory {path}: this user has no home; name one with --state-dir") from None


def _default() -> Path:
    named = os.environ.get("MONTY_MQTT_STATE_DIR")
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(named) if named else Path(home) / "monty-mqtt"
