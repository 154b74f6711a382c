"""Telegraf's configuration: the windows in their order, and nothing in it that the build lacks."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import tomllib

from monty_mqtt_bridge.publish import line_batches

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools"))
import services  # noqa: E402


@pytest.fixture(scope="module")
def telegraf():
    return tomllib.loads((ROOT / "conf" / "telegraf" / "telegraf.conf").read_text())


def mosquitto(name):
    text = (ROOT / "conf" / "mosquitto" / "conf.d" / "monty.conf").read_text()
    return re.search(rf"^{name} (\S+)$", text, re.MULTILINE)[1]


def test_the_windows_are_in_their_order(telegraf):
    points = telegraf["inputs"]["mqtt_consumer"][0]
    undelivered = points["max_undelivered_messages"]
    assert 0 < int(mosquitto("max_inflight_messages")) < undelivered
    assert undelivered * line_batches._POINTS < telegraf["agent"]["metric_buffer_limit"]
    assert telegraf["agent"]["metric_batch_size"] <= telegraf["agent"]["metric_buffer_limit"]
    assert (mosquitto("max_queued_messages"), mosquitto("max_queued_bytes")) == ("0", "0")
    assert (mosquitto("persistence"), mosquitto("autosave_interval")) == ("true", "1")


def test_a_message_is_acknowledged_only_once_it_is_stored(telegraf):
    points = telegraf["inputs"]["mqtt_consumer"][0]
    assert (points["qos"], points["persistent_session"]) == (1, True)
    assert re.fullmatch(r"\$\{MONTY_MQTT_TELEGRAF_CLIENT_ID:\?[\w ]+\}", points["client_id"])
    assert telegraf["agent"]["flush_interval"] == "250ms"
    assert "influxdb" not in telegraf["outputs"], "it drops what is refused, a wrong token included"


def test_each_point_goes_to_one_bucket(telegraf):
    metrics, logs = telegraf["outputs"]["influxdb_v2"]
    assert (metrics["bucket"], metrics["namedrop"]) == ("monty", ["log"])
    assert (logs["bucket"], logs["namepass"]) == ("monty_logs", ["log"])


def test_no_secret_is_in_it_and_every_plugin_in_the_build(telegraf):
    for plugin in (*telegraf["inputs"]["mqtt_consumer"], *telegraf["outputs"]["influxdb_v2"]):
        assert re.fullmatch(r"@\{files:\w+\}", plugin.get("password") or plugin.get("token"))
    used = {f"{kind}.{name}" for kind in ("inputs", "outputs", "secretstores") for name in telegraf[kind]}
    used |= {f"parsers.{consumer['data_format']}" for consumer in telegraf["inputs"]["mqtt_consumer"]}
    assert used == set(services.TELEGRAF_PLUGINS)
