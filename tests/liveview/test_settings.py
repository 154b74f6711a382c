"""Settings of the page: where they come from, and what is wrong with them."""

from __future__ import annotations

import pytest

from monty_mqtt.errors import ConfigError
from monty_mqtt_liveview.settings import ENVIRONMENT_PREFIX, PageConfig, build, load


def test_flags_beat_the_environment_the_environment_the_file(tmp_path):
    file = tmp_path / "page.toml"
    file.write_text('port = 1\nmqtt_port = 2\nmqtt_host = "file"\nkeep_days = 3\n')
    environ = {ENVIRONMENT_PREFIX + "MQTT_PORT": "20", ENVIRONMENT_PREFIX + "MQTT_HOST": "environment", "HOME": "/"}
    config, given, healthcheck = load(["--config", str(file), "--mqtt-host", "flag"], environ)
    assert (config.port, config.mqtt_port, config.mqtt_host, config.keep_days) == (1, 20, "flag", 3.0)
    assert given == {"port", "mqtt_port", "mqtt_host", "keep_days"}
    assert not healthcheck
    assert load(["--healthcheck"], {}).healthcheck
    assert load([], {}).config == PageConfig()


@pytest.mark.parametrize(
    ("arguments", "environ", "texts"),
    [
        (["--prot=1"], {}, ["--prot", "'--port'"]),
        ([], {ENVIRONMENT_PREFIX + "PROT": "1"}, [ENVIRONMENT_PREFIX + "PROT", "_PORT'"]),
        (["--port=65536"], {}, ["port", "65536", "0 to 65535"]),
        (["--host="], {}, ["host", "not empty"]),
        (["--host=0.0.0.0"], {}, ["host", "0.0.0.0", "loopback", "tls_certificate"]),
        (["--host=::"], {}, ["host", "tls_certificate"]),
        (["--host=example.org"], {}, ["host", "loopback"]),
        (["--tls-certificate=c.pem"], {}, ["tls_key"]),
        (["--tls-key=k.pem"], {}, ["tls_certificate"]),
        (["--depth-range-metres=2"], {}, ["depth_range_metres", "0:2"]),
        (["--depth-range-metres=2:1"], {}, ["depth_range_metres"]),
        (["--depth-range-metres=a:b"], {}, ["depth_range_metres"]),
        (["--log-level=loud"], {}, ["log_level", "debug"]),
    ],
)
def test_what_is_wrong_is_named(arguments, environ, texts):
    with pytest.raises(ConfigError) as caught:
        load(arguments, environ)
    assert all(text in str(caught.value) for text in texts), caught.value


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_on_loopback_anyone_may_look(host):
    assert not build({"host": host}).needs_login_to_read


def test_beyond_loopback_it_takes_tls_and_a_login():
    config = build({"host": "0.0.0.0", "tls_certificate": "c", "tls_key": "k"})
    assert config.needs_login_to_read


def test_inside_a_container_every_address_is_allowed_and_anyone_may_look():
    config = build({"host": "0.0.0.0", "container": "true"})
    assert not config.needs_login_to_read


def test_names_and_ranges_are_read():
    config = build({"public_name": "Lab.example, lab", "depth_range_metres": "0.5:2"})
    assert config.public_names == ["lab.example", "lab"]
    assert config.depth_range == (0.5, 2.0)
    assert build({}).depth_range is None


def test_help_describes_every_setting(capsys):
    with pytest.raises(SystemExit) as left:
        load(["--help"], {})
    assert left.value.code == 0
    printed = capsys.readouterr().out
    assert all("--" + name.replace("_", "-") in printed for name in PageConfig.__struct_fields__)
    assert "--healthcheck" in printed
