"""Implements `monty-mqtt invite` and `monty-mqtt revoke`: who may send to the bridge from another machine.

Called by the command line; hands to `bridge_keys`.
"""

from __future__ import annotations

import argparse

from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt_core.settings import ports
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.services.bridge_keys import BridgeKeys

__all__ = ["invite", "line_to_set", "revoke"]


def invite(options: argparse.Namespace) -> int:
    """Run `monty-mqtt invite`; return the exit code.

    Raises:
        ConfigError: The name is not allowed, or invited already.
    """
    state = StateDir(options.state_dir)
    keys = BridgeKeys(state)
    file = keys.invite(options.name)
    _say(f"move to the other machine, as ~/.local/state/monty-mqtt/keys/client.key_secret: {file}")
    _say(f"set there:  {line_to_set(state, keys)}")
    return 0


def revoke(options: argparse.Namespace) -> int:
    """Run `monty-mqtt revoke`; return the exit code.

    Raises:
        ConfigError: No client of this name is invited.
    """
    BridgeKeys(StateDir(options.state_dir)).revoke(options.name)
    _say(f"{options.name} is not invited any more: the bridge cuts it off within a second")
    return 0


def line_to_set(state: StateDir, keys: BridgeKeys) -> str:
    """Return the line that a user sets on another machine, so that experiments there find this bridge."""
    far_side = state.read_far_side()
    endpoint = far_side.services.get("bridge") if far_side else None
    address = BridgeAddress.parse(endpoint.url, "services.json") if endpoint else BridgeAddress()
    named = address._replace(host=ports.known_as(address.host), server_key=keys.server_key)
    return f"export MONTY_MQTT_BRIDGE='{named}'"


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command's output
