"""A wrong setting is said once, at construction: the key, the value, and what is allowed."""

import pickle
from pathlib import Path

import pytest

from monty_mqtt import ZmqBroadcaster
from monty_mqtt.errors import ConfigError
from monty_mqtt.wire import topics
from monty_mqtt.wire.bridge_address import BridgeAddress


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("run", ""),
        ("run", None),
        ("run", 7),
        ("run", "\udc80"),
        ("worker", ""),
        ("worker", topics.ALL_WORKERS),
        ("worker", b"main"),
        ("zmq_host", ""),
        ("zmq_host", 5555),
        ("zmq_host", "a host"),
        ("zmq_host", "tcp://127.0.0.1"),
        ("zmq_host", "*"),
        ("zmq_port", 0),
        ("zmq_port", 65536),
        ("zmq_port", -1),
        ("zmq_port", "5555"),
        ("zmq_port", 5555.0),
        ("zmq_port", True),
        ("enabled", "false"),
        ("enabled", None),
        ("strict", 1),
        ("window_bytes", 0),
        ("window_bytes", 1.5e6),
        ("spool_dir", 7),
        ("spool_dir", "a\0b"),
        ("spool_mib", -1),
        ("spool_mib", 2**20 + 1),
        ("spool_mib", True),
    ],
)
def test_wrong_settings(key, value):
    with pytest.raises(ConfigError) as raised:
        ZmqBroadcaster(**{"run": "x", key: value})
    line = str(raised.value)
    assert line.startswith(f"{key}: {value!r} is not allowed; it must be ")
    assert "\n" not in line
    assert raised.value.key == key


def wrong(**names):
    with pytest.raises(ConfigError) as raised:
        ZmqBroadcaster(**names)
    return str(raised.value)


def test_a_run_has_a_name_or_an_id():
    assert wrong(run_id="").startswith("run_id: '' is not allowed; it must be a text")
    assert wrong().startswith("run: None is not allowed; it must be a text")
    assert wrong(run="x", run_id="y") == (
        "run_id: 'y' is not allowed; it must be left out where `run` gives a name: the id is made of it"
    )


@pytest.mark.parametrize("port", ["x", "0", "65536", "-1", "5555.0", "\u0665", " 5555"])
def test_a_wrong_port_in_the_environment_is_named(monkeypatch, port):
    monkeypatch.setenv("MONTY_MQTT_ZMQ_PORT", port)
    with pytest.raises(ConfigError, match=r"^(MONTY_MQTT_ZMQ_PORT|zmq_port): "):
        ZmqBroadcaster(run="x")


def test_where_host_and_port_come_from(monkeypatch):
    monkeypatch.delenv("MONTY_MQTT_ZMQ_HOST", raising=False)
    monkeypatch.delenv("MONTY_MQTT_ZMQ_PORT", raising=False)
    settings = ZmqBroadcaster(run="x")._settings
    assert settings.bridges == (BridgeAddress("127.0.0.1", 5555),)
    monkeypatch.setenv("MONTY_MQTT_ZMQ_HOST", "far.example.org")
    monkeypatch.setenv("MONTY_MQTT_ZMQ_PORT", "6000")
    settings = ZmqBroadcaster(run="x")._settings
    assert settings.bridges == (BridgeAddress("far.example.org", 6000),)
    settings = ZmqBroadcaster(run="x", zmq_host="::1", zmq_port=1)._settings
    assert settings.bridges == (BridgeAddress("::1", 1),)
    monkeypatch.setenv("MONTY_MQTT_BRIDGE", "tcp://a:1,tcp://[::1]:2")
    settings = ZmqBroadcaster(run="x")._settings
    assert settings.bridges == (BridgeAddress("a", 1), BridgeAddress("::1", 2))
    assert pickle.loads(pickle.dumps(settings)).bridges == settings.bridges


def test_where_the_spool_is(monkeypatch, tmp_path):
    monkeypatch.setenv("MONTY_MQTT_STATE_DIR", str(tmp_path))
    assert ZmqBroadcaster(run="x")._settings.spool_dir == str(tmp_path / "spool")
    assert ZmqBroadcaster(run="x", spool_dir="/here")._settings.spool_dir == "/here"
    assert ZmqBroadcaster(run="x", spool_dir="here")._settings.spool_dir == str(Path.cwd() / "here")
    monkeypatch.delenv("MONTY_MQTT_STATE_DIR")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert ZmqBroadcaster(run="x")._settings.spool_dir == str(tmp_path / "xdg" / "monty-mqtt" / "spool")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ZmqBroadcaster(run="x")._settings.spool_dir == str(tmp_path / ".local/state/monty-mqtt/spool")


def test_whose_bridges_are_used_is_own_or_any(monkeypatch):
    monkeypatch.setenv("MONTY_MQTT_BRIDGE_ZMQ_USERS", "all")
    with pytest.raises(ConfigError, match=r"^MONTY_MQTT_BRIDGE_ZMQ_USERS: 'all'.*own or any"):
        ZmqBroadcaster(run="x")


def test_a_disabled_broadcaster_does_not_look_at_the_environment(monkeypatch):
    monkeypatch.setenv("MONTY_MQTT_ZMQ_PORT", "nonsense")
    assert ZmqBroadcaster(run="x", enabled=False)._settings.spool_dir == ""


@pytest.mark.parametrize("name", ["a/b", "+", "#", ".", "%", " ", "quote \" '", "line\nbreak", "🤖", "n" * 300])
def test_any_other_name_will_do(name):
    assert ZmqBroadcaster(run_id=name, worker=name).run == name
    assert ZmqBroadcaster(run=name).run.startswith(f"{name}-")


@pytest.mark.parametrize("wrong", [{"zmq_host": "a b"}, {"zmq_port": 0}, {"bridge": "lab"}])
def test_what_is_given_is_checked_also_where_nothing_is_published(wrong):
    with pytest.raises(ConfigError):
        ZmqBroadcaster(run="x", enabled=False, **wrong)
