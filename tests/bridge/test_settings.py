"""Settings of the bridge: where they come from, and what is wrong with them."""

from __future__ import annotations

import re
import socket

import pytest

from monty_mqtt.errors import ConfigError
from monty_mqtt_bridge.settings import ENVIRONMENT_PREFIX, BridgeConfig, build, load, read_password


def test_flags_beat_the_environment_the_environment_the_file(tmp_path):
    file = tmp_path / "bridge.toml"
    file.write_text('zmq_port = 1\nmqtt_port = 2\nbridge_id = "file"\ndrain_secs = 3\n')
    environ = {ENVIRONMENT_PREFIX + "MQTT_PORT": "20", ENVIRONMENT_PREFIX + "BRIDGE_ID": "environment", "HOME": "/"}
    config, healthcheck = load(["--config", str(file), "--bridge-id", "flag"], environ)
    assert (config.zmq_port, config.mqtt_port, config.bridge_id, config.drain_secs) == (1, 20, "flag", 3.0)
    assert not healthcheck
    assert load(["--healthcheck"], {}).healthcheck
    assert load([], {ENVIRONMENT_PREFIX + "CONFIG": str(file)}).config.bridge_id == "file"
    named = load(["--bridge-id=a/b"], {"MONTY_MQTT_STATE_DIR": "/state"}).config
    assert named == BridgeConfig(bridge_id="a/b", journal="/state/journal/a%2Fb.sqlite", spool="/state/spool")
    assert load([], {"XDG_STATE_HOME": "/xdg"}).config.journal == "/xdg/monty-mqtt/journal/bridge.sqlite"
    assert load(["--journal=", "--spool=", "--bridge-id=bridge"], {}).config == BridgeConfig(bridge_id="bridge")


def test_each_state_directory_gives_its_bridge_an_id_that_stays():
    one, other = ({"MONTY_MQTT_STATE_DIR": path} for path in ("/state/one", "/state/other"))
    assert load([], one).config.bridge_id == load([], one).config.bridge_id
    assert load([], one).config.bridge_id != load([], other).config.bridge_id
    assert re.fullmatch(re.escape(socket.gethostname()) + "-[0-9a-f]{6}", load([], one).config.bridge_id)


@pytest.mark.parametrize(
    ("arguments", "environ", "texts"),
    [
        (["--zmqport=1"], {}, ["--zmqport", "'--zmq-port'"]),
        (["stray"], {}, ["stray"]),
        ([], {ENVIRONMENT_PREFIX + "ZMQ_PROT": "1"}, [ENVIRONMENT_PREFIX + "ZMQ_PROT", "_ZMQ_PORT'"]),
        ([], {ENVIRONMENT_PREFIX + "CONTAINER": "maybe"}, ["container", "'maybe'", "true or false"]),
        (["--drain-secs=-1"], {}, ["drain_secs", "-1.0", "0 to 600"]),
        (["--drain-secs=nan"], {}, ["drain_secs", "nan", "0 to 600"]),
        (["--bridge-id="], {}, ["bridge_id", "not empty"]),
        (["--zmq-users=all"], {}, ["zmq_users", "'all'", "own or any"]),
        (["--zmq-host=192.0.2.1"], {}, ["zmq_host", "192.0.2.1", "loopback"]),
        (["--zmq-host=example.org"], {}, ["zmq_host", "loopback"]),
        (["--liveview-url=lab.example"], {}, ["liveview_url", "'lab.example'", "http://"]),
        (["--liveview-url=javascript:alert(1)"], {}, ["liveview_url", "http://"]),
        (["--liveview-url=http://a b"], {}, ["liveview_url", "without spaces"]),
        (["--liveview-url=http://page/?run="], {}, ["liveview_url"]),
    ],
)
def test_what_is_wrong_is_named(arguments, environ, texts):
    with pytest.raises(ConfigError) as caught:
        load(arguments, environ)
    assert all(text in str(caught.value) for text in texts), caught.value


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("zmq_prot = 1", "did you mean 'zmq_port'?"),
        ('zmq_port = "5555x"', "whole number"),
        ("zmq_port = 1.5", "whole number"),
        ("a = [", "TOML"),
        ("\xff", "TOML"),
    ],
)
def test_a_wrong_file_is_named(tmp_path, text, allowed):
    file = tmp_path / "bridge.toml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=allowed.replace("?", r"\?")):
        load(["--config", str(file)], {})


def test_without_a_home_directory_the_journal_must_be_named(monkeypatch):
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as it is for a user id that no one has
    with pytest.raises(ConfigError, match=r"journal.*no home directory"):
        load([], {})
    assert load(["--journal=/j"], {}).config.journal == "/j"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"])
def test_loopback_is_allowed(host):
    assert build({"zmq_host": host}).zmq_host == host


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:8000", "https://lab.example/monty/", "http://[::1]:8000"])
def test_the_page_may_be_anywhere_or_nowhere(url):
    assert build({"liveview_url": url}).liveview_url == url


def test_inside_a_container_every_address_is_allowed():
    assert build({"zmq_host": "0.0.0.0", "container": "true"}).container


def test_a_password_is_the_first_line_of_its_file_and_shows_nowhere(tmp_path):
    file = tmp_path / "password"
    file.write_text("s3cret\nmore\n")
    config = build({"mqtt_password_file": str(file)})
    assert read_password(config) == "s3cret"
    assert "s3cret" not in repr(config)
    assert read_password(BridgeConfig()) is None


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"])
def test_a_password_file_without_a_password_is_named(tmp_path, content):
    file = tmp_path / "password"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match="mqtt_password_file"):
        read_password(build({"mqtt_password_file": str(file)}))


def test_help_describes_every_setting(capsys):
    with pytest.raises(SystemExit) as left:
        load(["--help"], {})
    assert left.value.code == 0
    text = capsys.readouterr().out
    assert all("--" + name.replace("_", "-") in text for name in BridgeConfig.__struct_fields__)
    assert "--healthcheck" in text
