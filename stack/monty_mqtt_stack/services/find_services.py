"""Where is the far side: named by the user, started from our state directory, or at the usual ports.

Place in the flow: every command that talks to a broker asks here first.
"""

from __future__ import annotations

import argparse
import socket
from pathlib import Path
from typing import NamedTuple, Optional

from monty_mqtt.errors import ConfigError, ServiceError
from monty_mqtt.wire import topics
from monty_mqtt_core.reading.mqtt_client import Broker, retained
from monty_mqtt_core.settings import ports
from monty_mqtt_core.settings.state_dir import Endpoint, FarSide, StateDir
from monty_mqtt_stack.services import table

__all__ = [
    "Address",
    "FarSideAddress",
    "accepts",
    "address_of",
    "as_user",
    "broker_of",
    "find",
    "find_broker",
    "parse_address",
]

_HOST = "127.0.0.1"
_CONNECT_SECS = 1.0
_HIGHEST_PORT = 65535


class Address(NamedTuple):
    """A host and a TCP port."""

    host: str
    port: int


class FarSideAddress(NamedTuple):
    """Where to subscribe, where experiments send to, and where a person looks (None: there is no page)."""

    broker: Broker
    zmq: Address
    page: Optional[Endpoint] = None


def parse_address(text: str, default_port: int) -> Address:
    """Return `HOST` or `HOST:PORT` as an address; IPv6 as `[::1]:1883`.

    Raises:
        ConfigError: It is neither.
    """
    host, colon, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not colon:
        host, port = text, str(default_port)
    if (
        not host
        or (":" in host and not host.startswith("["))
        or not port.isdecimal()
        or not 0 < int(port) <= _HIGHEST_PORT
    ):
        raise ConfigError("address", text, f"HOST or HOST:PORT, such as 127.0.0.1:{default_port}")
    return Address(host.strip("[]"), int(port))


def find_broker(state: StateDir, named: Optional[Address] = None) -> Broker:
    """Return the broker to look at: `named`, else that of the state directory, else the one at the usual port.

    Raises:
        ServiceError: None answers.
    """
    if named:
        return Broker(*named)
    known = state.read_far_side()
    endpoint = known.services.get("broker") if known else None
    for host, port in ((endpoint.host, endpoint.port) if endpoint else (_HOST, 0), (_HOST, table.MQTT_PORT)):
        if port and ports.answers_mqtt(host, port):
            return Broker(host, port)
    raise ServiceError(
        f"no far side answers (state directory {state.path}, nor {_HOST}:{table.MQTT_PORT}): start one with "
        "`monty-mqtt up`, or name a broker with --broker HOST:PORT"
    )


def broker_of(options: argparse.Namespace, user: Optional[str] = None) -> Broker:
    """Return the broker that the command line means.

    Args:
        options: With `state_dir`, `broker`, `username`, `password_file`.
        user: As whom to come where no other is named; default anonymous.

    Raises:
        ConfigError, ServiceError: An option is wrong, or no broker answers.
    """
    state = StateDir(options.state_dir)
    named = parse_address(options.broker, table.MQTT_PORT) if options.broker else None
    broker, user = find_broker(state, named), options.username or user
    return as_user(broker, state, user, options.password_file) if user else broker


def as_user(broker: Broker, state: StateDir, user: str, password_file: Optional[Path] = None) -> Broker:
    """Return the broker, to be visited as `user` with the password from its file.

    Raises:
        ServiceError: The file is not there, or not for us.
    """
    path = password_file or state.password_file(user)
    try:
        path.read_text()
    except OSError as error:
        raise ServiceError(f"password of user {user}: {path}: {error.strerror}; name it with --password-file") from None
    return broker._replace(username=user, password_file=path)


def find(state: StateDir) -> Optional[FarSideAddress]:
    """Return a running far side of ours, None if none answers.

    That of the state directory; else one at the usual ports whose broker takes our password. Never another's: on a
    shared machine it would show our experiment to them.
    """
    known = address_of(state.read_far_side() or FarSide())
    if known and ports.answers_mqtt(known.broker.host, known.broker.port) and accepts(known.zmq):
        return known
    usual = FarSideAddress(Broker(_HOST, table.MQTT_PORT), Address(_HOST, table.ZMQ_PORT))
    return usual if accepts(usual.zmq) and is_ours(usual.broker, state) else None


def address_of(far_side: FarSide) -> Optional[FarSideAddress]:
    """Return where a far side with a broker and a bridge is; None if it lacks one."""
    broker, bridge = far_side.services.get("broker"), far_side.services.get("bridge")
    if broker is None or bridge is None:
        return None
    address = Address(bridge.host, bridge.port)
    return FarSideAddress(Broker(broker.host, broker.port), address, far_side.services.get("liveview"))


def is_ours(broker: Broker, state: StateDir) -> bool:
    """Return whether a broker takes our password, and has a bridge that is online."""
    try:
        kept = retained(as_user(broker, state, "liveview"), [f"{topics.BRIDGE_PREFIX}/+/status"])
    except ServiceError:
        return False
    return any(b"online" in one.payload for one in kept)


def accepts(address: Address) -> bool:
    """Return whether something takes TCP connections there."""
    try:
        with socket.create_connection(address, _CONNECT_SECS):
            return True
    except OSError:
        return False
