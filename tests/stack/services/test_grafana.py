"""How Grafana is started: with all that its files ask for, and no secret on its command line."""

from __future__ import annotations

import re

import pytest
from kit.history.history_chain import Chain

from monty_mqtt.conf_files import grafana_dir
from monty_mqtt_stack.processes import programs
from monty_mqtt_stack.services.grafana import grafana_launch
from monty_mqtt_stack.services.influxdb import InfluxDB
from monty_mqtt_stack.services.influxdb_setup import GRAFANA_TOKEN


@pytest.fixture
def launch(influxdb: Chain, tmp_path, monkeypatch):
    """What would be run of a Grafana that lies in the cache."""
    monkeypatch.setenv("MONTY_MQTT_CACHE_DIR", str(tmp_path))
    program = programs.cached("grafana")
    program.parent.mkdir()
    program.touch(mode=0o700)
    named = InfluxDB(influxdb.influxdb.url, "grafana")
    return influxdb.state, grafana_launch(influxdb.state, "127.0.0.1", 3000, named)


def test_it_has_everything_that_its_files_ask_for(launch):
    _, planned = launch
    files = [path for path in grafana_dir().rglob("*") if path.suffix in (".ini", ".yaml")]
    asked = {name for path in files for name in re.findall(r"\$__env\{(\w+)\}", path.read_text())}
    assert asked
    assert asked <= set(planned.environment())
    assert planned.environment()["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"


def test_no_secret_is_on_its_command_line_or_shown(launch):
    state, planned = launch
    secrets = [path.read_text().strip() for path in state.secrets.iterdir()]
    assert not [secret for secret in secrets if secret in " ".join(planned.argv) or secret in repr(planned)]
    assert planned.environment()["GF_MONTY_INFLUXDB_TOKEN"] == (state.secrets / GRAFANA_TOKEN).read_text()


def test_a_token_that_was_made_again_wants_a_new_start(launch):
    state, planned = launch
    assert planned.trouble is not None
    planned.environment()
    assert planned.trouble(None) is None
    (state.secrets / GRAFANA_TOKEN).write_text("another")
    assert planned.trouble(None) == "its token for InfluxDB has changed"
    assert planned.environment()["GF_MONTY_INFLUXDB_TOKEN"] == "another"
    assert planned.trouble(None) is None
