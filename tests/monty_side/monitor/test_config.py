"""Settings of an experiment's monitor: ranges, types, names, environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from monty_mqtt.config import ENVIRONMENT, SETTINGS, TOP_LEVEL, LiveViewConfig
from monty_mqtt.errors import ConfigError

LEVELS = "debug, info, warning, error, critical"


def test_defaults():
    config = LiveViewConfig.of({}, {})
    assert config == LiveViewConfig()
    assert (config.enable_liveview, config.zmq_host, config.zmq_port) == (True, "127.0.0.1", 5555)
    assert (config.liveview_host, config.liveview_port, config.sensor_image_throttle_ms) == ("127.0.0.1", 8000, 100)


def test_users_keys_stand_beside_montys_own():
    monty = {"seed": 42, "logging": {}, "enable_liveview": False, "zmq_port": 7000, "sensor_image_throttle_ms": 0}
    config = LiveViewConfig.of(monty, {})
    assert (config.enable_liveview, config.zmq_port, config.sensor_image_throttle_ms) == (False, 7000, 0)


def test_further_settings_stand_in_liveview():
    config = LiveViewConfig.of({"liveview": {"strict": True, "log_level": "WARNING", "flush_secs": 2}}, {})
    assert (config.strict, config.log_level, config.flush_secs) == (True, "warning", 2.0)


def test_nothing_is_set_by_null():
    assert LiveViewConfig.of({"zmq_port": None, "liveview": {"strict": None}}, {}) == LiveViewConfig()
    assert LiveViewConfig.of({"liveview": None}, {}) == LiveViewConfig()


def test_environment_wins():
    environ = {"MONTY_MQTT_ZMQ_HOST": "bridge", "MONTY_MQTT_ZMQ_PORT": "6000", "MONTY_MQTT_RUN": "mine", "OTHER": "x"}
    config = LiveViewConfig.of({"zmq_host": "elsewhere", "zmq_port": 1, "liveview": {"run": "theirs"}}, environ)
    assert (config.zmq_host, config.zmq_port, config.run) == ("bridge", 6000, "mine")
    assert LiveViewConfig.of({"zmq_host": "elsewhere"}, {"MONTY_MQTT_ZMQ_HOST": ""}).zmq_host == "elsewhere"


def test_it_says_where_a_run_can_be_watched():
    environ = {"MONTY_MQTT_LIVEVIEW_HOST": "::1", "MONTY_MQTT_LIVEVIEW_PORT": "8123"}
    assert LiveViewConfig.of({"liveview_port": 1}, environ).page_url("a/b") == "http://[::1]:8123/run/a%252Fb"
    assert LiveViewConfig.of({"liveview_port": 9}, {}).page_url("run") == "http://127.0.0.1:9/run/run"


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (
            {"zmq_port": 0},
            "experiment.config.zmq_port: 0 is not allowed; it must be a whole number from 1 to 65535",
        ),
        (
            {"zmq_port": "5555"},
            "experiment.config.zmq_port: '5555' is not allowed; it must be a whole number from 1 to 65535",
        ),
        (
            {"zmq_host": ""},
            "experiment.config.zmq_host: '' is not allowed; it must be text of 1 to 253 characters",
        ),
        (
            {"enable_liveview": "yes"},
            "experiment.config.enable_liveview: 'yes' is not allowed; it must be true or false",
        ),
        (
            {"liveview": {"log_level": "loud"}},
            "experiment.config.liveview.log_level: 'loud' is not allowed; it must be one of " + LEVELS,
        ),
        (
            {"liveview": {"flush_secs": 61}},
            "experiment.config.liveview.flush_secs: 61.0 is not allowed; it must be a number from 0 to 60",
        ),
        (
            {"liveview": {"flush_sec": 1}},
            "experiment.config.liveview.flush_sec: no such setting; did you mean 'flush_secs'?",
        ),
        (
            {"liveview": 3},
            "experiment.config.liveview: 3 is not allowed; it must be a mapping of settings",
        ),
    ],
)
def test_wrong_setting_is_one_line_that_names_key_value_and_what_is_allowed(given, line):
    with pytest.raises(ConfigError) as error:
        LiveViewConfig.of(given, {})
    assert str(error.value) == line


def test_key_of_the_upper_level_is_not_one_of_the_lower():
    with pytest.raises(ConfigError, match="no such setting"):
        LiveViewConfig.of({"liveview": {"zmq_port": 5555}}, {})


def test_unknown_key_without_a_near_name_lists_all():
    with pytest.raises(ConfigError, match="known are: abort_exit_code, bridge, experiment, flush_secs"):
        LiveViewConfig.of({"liveview": {"zzz": 1}}, {})


@pytest.mark.parametrize("text", ["abc", "70000", "-1", "5555.0"])
def test_wrong_port_in_the_environment_names_the_variable(text):
    with pytest.raises(ConfigError, match=r"MONTY_MQTT_ZMQ_PORT: .*a whole number from 1 to 65535"):
        LiveViewConfig.of({}, {"MONTY_MQTT_ZMQ_PORT": text})


@pytest.mark.parametrize("name", [n for n, setting in SETTINGS.items() if setting.kind in (int, float)])
def test_range_is_what_it_says(name):
    setting = SETTINGS[name]
    for value, allowed in (
        (setting.low, True),
        (setting.high, True),
        (setting.low - 1, False),
        (setting.high + 1, False),
    ):
        given = setting.kind(value)
        config = {name: given} if name in TOP_LEVEL else {"liveview": {name: given}}
        if allowed:
            assert getattr(LiveViewConfig.of(config, {}), name) == value
        else:
            with pytest.raises(ConfigError):
                LiveViewConfig.of(config, {})


def test_every_field_is_a_setting_and_every_default_is_allowed():
    assert set(LiveViewConfig.__struct_fields__) == set(SETTINGS)
    assert set(TOP_LEVEL) | set(ENVIRONMENT.values()) <= set(SETTINGS)
    defaults = {name: getattr(LiveViewConfig(), name) for name in SETTINGS}
    upper = {name: defaults.pop(name) for name in TOP_LEVEL}
    assert LiveViewConfig.of({**upper, "liveview": defaults}, {}) == LiveViewConfig()


def test_every_setting_is_documented_with_its_range_and_default():
    page = (Path(__file__).parents[3] / "docs" / "monty.md").read_text()
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    for name, setting in SETTINGS.items():
        row = rows[name if name in TOP_LEVEL else f"liveview.{name}"]
        assert f"| {shown(getattr(LiveViewConfig(), name))} | {setting} |" in row, row


def shown(default):
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default) or "empty"
