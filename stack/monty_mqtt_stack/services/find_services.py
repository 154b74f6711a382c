"""Finds the running services: named by the user, started from our state directory, or at the default ports.

Called by every command that connects to a broker.
"""

from __future__ import annotations

import argparse
import socket
from pathlib import Path
from typing import NamedTuple, Optional

from monty_mqtt.errors import ConfigError, ServiceError
from monty_mqtt.wire import topics
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt.wire.vocabulary import is_online
from monty_mqtt_core.reading.mqtt_client import BrokerAddress, retained
from monty_mqtt_core.settings import ports
from monty_mqtt_core.settings.broker_address import HostAndPort, parse_host
from monty_mqtt_core.settings.state_dir import Endpoint, FarSide, StateDir
from monty_mqtt_stack.services import table

__all__ = [
    "FarSideAddress",
    "accepts",
    "address_of",
    "as_user",
    "bridge_of",
    "broker_of",
    "find",
    "find_bridge",
    "find_broker",
    "parse_address",
    "parse_bridge",
]

_HOST = "127.0.0.1"
_CONNECT_SECS = 1.0


class FarSideAddress(NamedTuple):
    """Holds the broker, the bridge as experiments reach it, and the page's address (None: there is no page)."""

    broker: BrokerAddress
    bridge: BridgeAddress
    page: Optional[Endpoint] = None


def parse_address(text: str, default_port: int) -> HostAndPort:
    """Parse `HOST` or `HOST:PORT`; IPv6 as `[::1]:1883`.

    Raises:
        ConfigError: The text is neither.
    """
    try:
        return parse_host(text, default_port)
    except ValueError:
        raise ConfigError("address", text, f"HOST or HOST:PORT, such as 127.0.0.1:{default_port}") from None


def find_broker(state: StateDir) -> BrokerAddress:
    """Return the broker to use: that of the state directory, else the one at the default port.

    Raises:
        ServiceError: No broker answers.
    """
    known = state.read_far_side()
    endpoint = known.services.get("broker") if known else None
    for host, port in ((endpoint.host, endpoint.port) if endpoint else (_HOST, 0), (_HOST, table.MQTT_PORT)):
        if port and ports.answers_mqtt(host, port):
            return BrokerAddress(host, port)
    raise ServiceError(
        f"no far side answers (state directory {state.path}, nor {_HOST}:{table.MQTT_PORT}): start one with "
        "`monty-mqtt up`, or name a broker with --broker HOST:PORT"
    )


def parse_bridge(text: str, state: StateDir) -> BridgeAddress:
    """Parse `HOST`, `HOST:PORT`, or the `tcp://HOST:PORT?key=HEX` of a bridge that encrypts.

    Raises:
        ConfigError: The text is none of these.
    """
    if text.startswith("tcp://"):
        return BridgeAddress.parse(text, "--bridge", str(state.client_key_file))
    return BridgeAddress(*parse_address(text, table.ZMQ_PORT))


def find_bridge(state: StateDir) -> BridgeAddress:
    """Return the bridge to use: that of the state directory, else the one at the default port.

    Raises:
        ServiceError: No bridge answers.
    """
    known = state.read_far_side()
    endpoint = known.services.get("bridge") if known else None
    usual = BridgeAddress(port=table.ZMQ_PORT)
    for address in (bridge_of(endpoint, state) if endpoint else usual, usual):
        if accepts(address.host, address.port):
            return address
    raise ServiceError(
        f"no bridge answers (state directory {state.path}, nor {_HOST}:{table.ZMQ_PORT}): start one with "
        "`monty-mqtt up`, or name it with --bridge HOST:PORT"
    )


def broker_of(options: argparse.Namespace, user: Optional[str] = None) -> BrokerAddress:
    """Return the broker that the command line selects.

    Args:
        options: Parsed options with `state_dir`, `broker`, `ca_file`, `username`, `password_file`.
        user: MQTT user if the options name none; None connects anonymously.

    Raises:
        ConfigError, ServiceError: An option is wrong, or no broker answers.
    """
    state = StateDir(options.state_dir)
    if options.broker:
        broker = BrokerAddress.parse(options.broker, "--broker", options.ca_file or "", "--ca-file")
    elif options.ca_file:
        raise ConfigError("--ca-file", options.ca_file, "given with an mqtts:// address in --broker")
    else:
        broker = find_broker(state)
    user = options.username or user
    return as_user(broker, state, user, options.password_file) if user else broker


def as_user(broker: BrokerAddress, state: StateDir, user: str, password_file: Optional[Path] = None) -> BrokerAddress:
    """Return the broker with `user` and the password from the user's file.

    Raises:
        ServiceError: The file does not exist, or is not readable.
    """
    path = password_file or state.password_file(user)
    try:
        path.read_text()
    except OSError as error:
        raise ServiceError(f"password of user {user}: {path}: {error.strerror}; name it with --password-file") from None
    return broker._replace(username=user, password_file=path)


def find(state: StateDir) -> Optional[FarSideAddress]:
    """Return running services of ours; None if none answer.

    They are those of the state directory; else those at the default ports, if their broker accepts our password.
    Services of others are never used: on a shared machine they would show our experiment to them.
    """
    known = address_of(state.read_far_side() or FarSide(), state)
    if (
        known
        and ports.answers_mqtt(known.broker.host, known.broker.port)
        and accepts(known.bridge.host, known.bridge.port)
    ):
        return known
    usual = FarSideAddress(BrokerAddress(_HOST, table.MQTT_PORT), BridgeAddress(port=table.ZMQ_PORT))
    return usual if accepts(usual.bridge.host, usual.bridge.port) and is_ours(usual.broker, state) else None


def address_of(far_side: FarSide, state: StateDir) -> Optional[FarSideAddress]:
    """Return the addresses of services that include a broker and a bridge; None if either is missing."""
    broker, bridge = far_side.services.get("broker"), far_side.services.get("bridge")
    if broker is None or bridge is None:
        return None
    page = far_side.services.get("liveview")
    return FarSideAddress(BrokerAddress(broker.host, broker.port), bridge_of(bridge, state), page)


def bridge_of(endpoint: Endpoint, state: StateDir) -> BridgeAddress:
    """Return how programs of this machine reach a bridge of ours."""
    address = BridgeAddress.parse(endpoint.url, "services.json", str(state.client_key_file))
    return address._replace(host=ports.reached_at(address.host))


def is_ours(broker: BrokerAddress, state: StateDir) -> bool:
    """Return whether a broker accepts our password, and has a bridge that is online."""
    try:
        statuses = retained(as_user(broker, state, "liveview"), [f"{topics.BRIDGE_PREFIX}/+/status"])
    except ServiceError:
        return False
    return any(is_online(status.payload) for status in statuses)


def accepts(host: str, port: int) -> bool:
    """Return whether a program accepts TCP connections at this address."""
    try:
        with socket.create_connection((host, port), _CONNECT_SECS):
            return True
    except OSError:
        return False
