"""Where the addresses for notifications come from, and what is refused, in one line that shows none of them."""

from __future__ import annotations

import builtins

import pytest

from monty_mqtt.errors import ConfigError, ServiceError
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.notify.addresses import receivers

SECRET = "tok-3nDf9s7"
GOOD = f"json://127.0.0.1:1/{SECRET}"


@pytest.fixture
def state(tmp_path):
    return StateDir(tmp_path / "state")


def kept(state, text, mode=0o600):
    path = state.secrets / "notify_urls"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_nobody_is_notified_unless_asked_for(state):
    assert receivers(None, {}, state) == []
    assert receivers(None, {"MONTY_MQTT_NOTIFY": " "}, state) == []


def test_the_flag_beats_the_environment_and_that_the_file(state):
    kept(state, f"# mine\n\n ntfy://{SECRET} \n")
    environ = {"MONTY_MQTT_NOTIFY": f"{GOOD} xml://127.0.0.1:1/{SECRET}", "HOME": "/"}
    assert [receiver.name for receiver in receivers([GOOD], dict(environ), state)] == ["JSON"]
    assert [receiver.name for receiver in receivers(None, environ, state)] == ["JSON", "XML"]
    assert environ == {"HOME": "/"}  # what is started later does not inherit it
    assert [receiver.name for receiver in receivers(None, environ, state)] == ["ntfy"]


@pytest.mark.parametrize(
    "url", [SECRET, f"nothing://{SECRET}", f"https://example.org/{SECRET}", "json://", f"://{SECRET}"]
)
def test_what_apprise_does_not_know_is_one_line_without_the_address(state, url, capfd, caplog):
    with pytest.raises(ConfigError) as raised:
        receivers([GOOD, url], {}, state)
    text = str(raised.value)
    assert text.startswith("--notify: '*** (number 2 of 2)' is not allowed; it must be an address that Apprise knows")
    assert "\n" not in text
    everything = "".join([text, *capfd.readouterr(), caplog.text])
    assert SECRET not in everything
    assert "127.0.0.1" not in everything


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622])
def test_a_file_that_others_can_read_is_refused(state, mode):
    path = kept(state, GOOD, mode)
    with pytest.raises(ConfigError, match="only its owner can read: chmod 600") as raised:
        receivers(None, {}, state)
    assert str(path) in str(raised.value)
    assert SECRET not in str(raised.value)


def test_a_file_that_is_no_text_is_refused(state):
    kept(state, "").write_bytes(b"json://\xff\xfe")
    with pytest.raises(ConfigError, match="a file that can be read"):
        receivers(None, {}, state)


def test_a_receiver_shows_no_address(state):
    assert repr(receivers([GOOD], {}, state)) == "[Receiver('JSON')]"


def test_without_apprise_the_line_says_what_to_install(state, monkeypatch):
    real = builtins.__import__

    def without(name, *more):
        if name == "apprise":
            raise ImportError(name)
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    assert receivers(None, {}, state) == []
    with pytest.raises(ServiceError, match="pip install"):
        receivers([GOOD], {}, state)
