"""Nobody puts the bridge, the page or Telegraf out by coming with their client id: it has a part that is made up."""

from __future__ import annotations

import os
import re
import stat

import pytest
from kit.bridge import config_for
from kit.machine.missing import is_missing
from kit.mqtt_publisher import Client
from kit.page.page_process import PageProcess

from monty_mqtt_bridge.bridge import Bridge
from monty_mqtt_core.settings import passwords, ports
from monty_mqtt_core.settings.state_dir import Endpoint, StateDir
from monty_mqtt_stack.services.influxdb import InfluxDB
from monty_mqtt_stack.services.mosquitto import Mosquitto

CONSTANT = ("monty-mqtt-liveview", "monty-telegraf", "monty-mqtt-main", f"monty-mqtt-main-{os.getpid()}")
"""What they were called once."""


def ids_in_log(broker):
    return re.findall(r"New client connected from \S+ as (\S+) \(", broker.state.log_file("mosquitto").read_text())


def test_an_id_is_made_once_and_kept_with_the_secrets(tmp_path):
    state, other = StateDir(tmp_path / "one"), StateDir(tmp_path / "other")
    for service in ("liveview", "telegraf"):
        made = passwords.client_id(state, service)
        assert re.fullmatch(rf"monty-mqtt-{service}-[0-9a-f]{{24}}", made)
        assert passwords.client_id(state, service) == made
        assert passwords.client_id(other, service) != made
        assert stat.S_IMODE((state.secrets / f"{service}_client_id").stat().st_mode) == 0o600


@pytest.mark.timeout(120)
def test_who_comes_with_a_name_of_before_puts_nobody_out(tmp_path):
    with Mosquitto(tmp_path / "broker") as broker, Bridge(config_for(broker, bridge_id="main")):
        with PageProcess(broker, tmp_path / "page", "--mqtt-client-id=") as page:
            page.ready()
            own = passwords.client_id(StateDir(tmp_path / "page"), "liveview")
            for name in CONSTANT:
                with Client(broker.port, client_id=name) as anyone:
                    assert not anyone.code.is_failure
            assert page.json("/healthz")["status"] == "ok"
            shown = page.json("/healthz")
        log = broker.state.log_file("mosquitto").read_text()
        assert "already connected" not in log
        assert own in ids_in_log(broker)
        assert own not in str(shown)


def test_a_bridge_has_another_id_at_each_start(tmp_path):
    with Mosquitto(tmp_path / "broker") as broker:
        for _ in range(2):
            with Bridge(config_for(broker, bridge_id="main")):
                pass
        first, second = [name for name in ids_in_log(broker) if re.fullmatch("monty-mqtt-main-[0-9a-f]{24}", name)]
    assert first != second


def test_telegraf_is_given_its_id(tmp_path):
    from monty_mqtt_stack.processes import programs  # noqa: PLC0415
    from monty_mqtt_stack.services import telegraf  # noqa: PLC0415 - half a second: InfluxDB's client library

    state = StateDir(tmp_path)
    passwords.ensure(state)
    found = programs.find("telegraf")
    if found.path is None:
        is_missing(found.why)
    influxdb = InfluxDB("http://127.0.0.1:1", "monty")
    mqtt = Endpoint(host="127.0.0.1", port=1883)
    launch = telegraf.telegraf_launch(state, "127.0.0.1", ports.any_free("127.0.0.1"), mqtt, influxdb)
    assert launch.environment()["MONTY_MQTT_TELEGRAF_CLIENT_ID"] == passwords.client_id(state, "telegraf")
