"""Passwords: made once, readable by us alone, and nowhere else."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from kit.mqtt_publisher import WAIT_SECS, Client
from kit.mqtt_subscriber import Subscriber

from monty_mqtt_core.settings import passwords as secrets
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.services.mosquitto import Mosquitto


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with Mosquitto(tmp_path_factory.mktemp("state") / "with a space") as mosquitto:
        yield mosquitto


def test_secrets_are_0600_and_in_no_log_command_line_environment_or_message(broker):
    state = broker.state
    passwords = [broker.password(user).encode() for user in secrets.USERS]
    for path in [*state.secrets.iterdir(), state.mosquitto / "passwd", state.mosquitto / "mosquitto.conf"]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    for directory in (state.path, state.secrets, state.mosquitto, state.log_file("x").parent):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700, directory
    shown = broker.child.output().encode() + b"".join(
        Path(f"/proc/{broker.pid}/{name}").read_bytes() for name in ("cmdline", "environ")
    )
    with Subscriber(broker.host, broker.port, "#") as anyone:
        with Client(broker.port, "bridge", broker.password("bridge")) as bridge:
            bridge.publish("monty/v1/run/main/metric/last")
        anyone.wait_for(lambda seen: [message for message in seen if message.topic.endswith("last")], WAIT_SECS)
        shown += b"".join(message.payload for message in anyone.received)
    hashed = (state.mosquitto / "passwd").read_bytes()
    for password in passwords:
        assert len(password) >= 43
        assert password not in shown
        assert password not in hashed


def test_secrets_are_made_once_and_their_rights_put_right(tmp_path):
    state = StateDir(tmp_path)
    secrets.ensure(state)
    before = {user: secrets.read(state, user) for user in secrets.USERS}
    assert len(set(before.values())) == len(secrets.USERS)
    state.password_file("bridge").chmod(0o644)
    state.secrets.chmod(0o755)
    secrets.ensure(StateDir(tmp_path))
    assert {user: secrets.read(state, user) for user in secrets.USERS} == before
    assert stat.S_IMODE(state.password_file("bridge").stat().st_mode) == 0o600
    assert stat.S_IMODE(state.secrets.stat().st_mode) == 0o700


def test_the_file_for_nats_has_every_user_and_stays_as_it_is(tmp_path):
    state = StateDir(tmp_path)
    made = secrets.nats_file(state, ["a:6222", "b:6222"]).decode()
    assert made == secrets.nats_file(StateDir(tmp_path), ["a:6222", "b:6222"]).decode()
    for user in secrets.USERS:
        assert f'NATS_{user.upper()}_PASSWORD: "{secrets.read(state, user)}"\n' in made
    assert made.count("nats://route:") == 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in state.secrets.iterdir()} == {0o600}
