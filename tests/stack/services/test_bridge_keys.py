"""Keys of the bridge and of its clients: 0600, made once, revoked at once."""

from __future__ import annotations

import re

import pytest
from zmq.auth import load_certificate

from monty_mqtt.errors import ConfigError
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.services.bridge_keys import BridgeKeys


@pytest.fixture
def state(tmp_path):
    return StateDir(tmp_path / "state")


def test_the_bridge_keeps_its_keys(state):
    first = BridgeKeys(state)
    own = state.client_key_file.read_bytes()
    assert re.fullmatch("[0-9a-f]{64}", first.server_key)
    assert BridgeKeys(state).server_key == first.server_key
    assert state.client_key_file.read_bytes() == own
    assert first.clients() == []


def test_nobody_else_may_read_them(state):
    keys = BridgeKeys(state)
    keys.invite("node-7")
    for path in state.keys.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
    assert state.keys.stat().st_mode & 0o777 == 0o700


def test_an_invitation_is_a_pair_of_which_the_bridge_has_the_public_key_only(state):
    keys = BridgeKeys(state)
    public, secret = load_certificate(keys.invite("node-7"))
    assert secret
    assert load_certificate(state.keys / "clients" / "node-7.key") == (public, None)
    assert keys.clients() == ["node-7"]


def test_who_is_revoked_can_be_invited_again_with_new_keys(state):
    keys = BridgeKeys(state)
    first = keys.invite("node-7").read_bytes()
    with pytest.raises(ConfigError, match="monty-mqtt revoke node-7"):
        keys.invite("node-7")
    keys.revoke("node-7")
    assert keys.clients() == []
    with pytest.raises(ConfigError, match="invited: nobody"):
        keys.revoke("node-7")
    assert keys.invite("node-7").read_bytes() != first


@pytest.mark.parametrize("name", ["", "../server", "a/b", "-x", ".x", "a b", "x" * 65, "this-machine", "a\nb"])
def test_other_names_are_refused_in_one_line(state, name):
    keys = BridgeKeys(state)
    for refuses in (keys.invite, keys.revoke):
        with pytest.raises(ConfigError, match="letters, digits") as refused:
            refuses(name)
        assert "\n" not in str(refused.value)
    assert keys.clients() == []
