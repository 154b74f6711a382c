"""This module checks the arguments of a broadcaster, once.

Called by `broadcaster`; the modules below it read no environment variables. The keys of an experiment are in
`config`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Mapping, Optional, Tuple, Union

import msgspec

from monty_mqtt.errors import ConfigError
from monty_mqtt.wire.bridge_address import DEFAULT_HOST, DEFAULT_PORT, BridgeAddress
from monty_mqtt.wire.run_id import new_run_id

__all__ = ["SPOOL_MIB", "WINDOW_BYTES", "Settings"]

WINDOW_BYTES = 64 << 20
SPOOL_MIB = 2048
_EVERY_WORKER = "all"
"""`topics.ALL_WORKERS`, written out so that the experiment's process need not import that module."""

_SMALLEST_WINDOW_BYTES = 64 << 10
_LARGEST_SPOOL_MIB = 1 << 20
_LARGEST_PORT = 65535
_NO_HOST = frozenset(" \t\r\n/[]*;,")
"""Characters with which ZMQ would read the text as something other than a host."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings holds the arguments that `ZmqBroadcaster` describes; `run` is the id that is made of `run_name`."""

    run: str
    run_name: str
    worker: str
    bridges: Tuple[BridgeAddress, ...] = (BridgeAddress(),)
    enabled: bool = True
    strict: bool = False
    window_bytes: int = WINDOW_BYTES
    spool_dir: str = ""
    spool_mib: int = SPOOL_MIB

    @classmethod
    def checked(
        cls,
        *,
        run: Optional[str],
        run_id: Optional[str],
        bridge: Union[BridgeAddress, str, None],
        zmq_host: Optional[str],
        zmq_port: Optional[int],
        spool_dir: Optional[str],
        **others: Any,
    ) -> Settings:
        """Return the settings; a value that is None comes from the environment, and the run's id from its name.

        Bridge: MONTY_MQTT_BRIDGE if neither host nor port is given, else MONTY_MQTT_ZMQ_HOST and MONTY_MQTT_ZMQ_PORT.
        Key file: MONTY_MQTT_KEY_FILE, else keys/client.key_secret in the state directory. Spool directory: `spool`
        below MONTY_MQTT_STATE_DIR, else below ${XDG_STATE_HOME:-~/.local/state}/monty-mqtt.

        Raises:
            ConfigError: A setting is of the wrong type or out of its range.
        """
        enabled = others["enabled"]
        environ = os.environ if enabled else {}
        _check_users(environ)
        bridges = _bridges(bridge, zmq_host, zmq_port, environ)
        if enabled and any(address.server_key and not address.client_key_file for address in bridges):
            key_file = _key_file(environ)
            bridges = tuple(address._replace(client_key_file=key_file) for address in bridges)
        if spool_dir is not None:
            spool = _absolute("spool_dir", spool_dir, "directory")
        else:
            spool = _in_state_dir(environ, "spool") if enabled else ""
        known = _known_id(run, run_id)
        name = run if run is not None else known
        settings = cls(run=known, run_name=name, bridges=bridges, spool_dir=spool, **others)
        settings.check()
        return settings

    def check(self) -> None:
        """Raise ConfigError for the first setting that is wrong."""
        _check_name("worker", self.worker)
        if self.worker == _EVERY_WORKER:
            raise ConfigError("worker", self.worker, f"another name: {_EVERY_WORKER!r} addresses every worker")
        for key in ("enabled", "strict"):
            if not isinstance(getattr(self, key), bool):
                raise ConfigError(key, getattr(self, key), "true or false")
        _check_whole("window_bytes", self.window_bytes, _SMALLEST_WINDOW_BYTES, 1 << 40)
        _check_whole("spool_mib", self.spool_mib, 0, _LARGEST_SPOOL_MIB)
        if not isinstance(self.spool_dir, str) or "\0" in self.spool_dir:
            raise ConfigError("spool_dir", self.spool_dir, "the path of a directory")


def _check_users(environ: Mapping[str, str]) -> None:
    """Check what `access` reads before each connection: whose bridges of this machine are used."""
    users = environ.get("MONTY_MQTT_BRIDGE_ZMQ_USERS")
    if users not in (None, "", "own", "any"):
        raise ConfigError("MONTY_MQTT_BRIDGE_ZMQ_USERS", users, "own or any")


def _known_id(run: Optional[str], run_id: Optional[str]) -> str:
    if run_id is None:
        _check_name("run", run)
        return new_run_id(str(run))
    if run is not None:
        raise ConfigError("run_id", run_id, "left out where `run` gives a name: the id is made of it")
    _check_name("run_id", run_id)
    return run_id


def _check_name(key: str, name: Any) -> None:
    if not isinstance(name, str) or not name:
        raise ConfigError(key, name, "a text that is not empty")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ConfigError(key, name, "text that UTF-8 can hold (no lone surrogates)") from None


def _check_whole(key: str, number: Any, least: int, most: int) -> None:
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
        raise ConfigError(key, number, f"a whole number from {least} to {most}")


def _bridges(
    bridge: Union[BridgeAddress, str, None], host: Any, port: Any, environ: Mapping[str, str]
) -> Tuple[BridgeAddress, ...]:
    """Return where the bridges are; what is not given comes from the environment."""
    if isinstance(bridge, BridgeAddress):
        return (bridge,)
    named, key = (bridge, "bridge") if bridge else (None, "MONTY_MQTT_BRIDGE")
    if not named and host is None and port is None:
        named = environ.get(key)
    return BridgeAddress.parse_all(named, key) if named else (_plain_bridge(host, port, environ),)


def _plain_bridge(host: Any, port: Any, environ: Mapping[str, str]) -> BridgeAddress:
    """Return where a bridge is that does not encrypt."""
    host = environ.get("MONTY_MQTT_ZMQ_HOST") or DEFAULT_HOST if host is None else host
    port = _port(environ) if port is None else port
    if not isinstance(host, str) or not host or _NO_HOST & set(host):
        raise ConfigError("zmq_host", host, "a host name or an IP address")
    _check_whole("zmq_port", port, 1, _LARGEST_PORT)
    return BridgeAddress(host, port)


def _key_file(environ: Mapping[str, str]) -> str:
    """Return the path of this user's key file, after a look at whether it will do."""
    from monty_mqtt.broadcast.link import client_keys  # noqa: PLC0415 - importing zmq takes 40 ms

    named = environ.get(client_keys.ENVIRONMENT)
    default = ("keys", "client.key_secret")
    path = _absolute(client_keys.ENVIRONMENT, named, "file") if named else _in_state_dir(environ, *default)
    client_keys.read(path)
    return str(path)


def _port(environ: Mapping[str, str]) -> int:
    text = environ.get("MONTY_MQTT_ZMQ_PORT")
    if not text:
        return DEFAULT_PORT
    if not (text.isascii() and text.isdigit()):
        raise ConfigError("MONTY_MQTT_ZMQ_PORT", text, f"a whole number from 1 to {_LARGEST_PORT}")
    return int(text)


def _absolute(key: str, path: Any, what: str) -> Any:
    """Return the path made absolute, so that a later change of directory does no harm; `check` refuses bad ones."""
    if not isinstance(path, str) or not path or "\0" in path:
        return path
    try:
        return str(Path(path).expanduser().absolute())
    except RuntimeError:
        raise ConfigError(key, path, f"the path of a {what}; this user has no home") from None


def _in_state_dir(environ: Mapping[str, str], *names: str) -> str:
    """Return a path below the state directory; empty for a user without a home."""
    state = environ.get("MONTY_MQTT_STATE_DIR")
    home = environ.get("XDG_STATE_HOME") or "~/.local/state"
    try:
        return str(Path(state or f"{home}/monty-mqtt").expanduser().absolute().joinpath(*names))
    except RuntimeError:  # a user of a container may have neither HOME nor an entry in the password database
        return ""
