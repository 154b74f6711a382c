"""Describes how Telegraf is started, and detects what InfluxDB refuses from it.

Called by `table`, which starts it after InfluxDB; conf/telegraf/telegraf.conf contains the rest.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from functools import partial

from monty_mqtt.conf_files import conf_dir
from monty_mqtt.errors import ServiceError
from monty_mqtt_core.settings import passwords, ports
from monty_mqtt_core.settings.state_dir import Endpoint, StateDir
from monty_mqtt_stack.processes import programs
from monty_mqtt_stack.processes.child_process import ChildProcess
from monty_mqtt_stack.processes.launch import Launch
from monty_mqtt_stack.processes.log_watch import LogWatch
from monty_mqtt_stack.services import influxdb_setup
from monty_mqtt_stack.services.influxdb import InfluxDB

__all__ = ["telegraf_launch"]

_HEALTH_SECS = 1.0
_REFUSED = r"E! \[outputs\.influxdb_v2[^]]*\] (.*\b4\d\d [A-Z][a-z].*)"
"""Matches refused points. They are not acknowledged, and the broker sends them again only to a restarted Telegraf; a
restart also creates deleted buckets again, and replaces a token that InfluxDB does not accept."""


def telegraf_launch(state: StateDir, host: str, port: int, mqtt: Endpoint, influxdb: InfluxDB) -> Launch:
    """Return how to start Telegraf between a broker and an InfluxDB.

    Before each start InfluxDB is set up if necessary: deleted buckets and tokens are made again.

    Raises:
        ServiceError: Telegraf is not installed.
    """
    program = programs.find("telegraf")
    if program.path is None:
        raise ServiceError(program.why)
    # Without the newline that ends the other password files: Telegraf sends exactly what it reads.
    state.write_private(state.secrets / "mqtt_telegraf_password", passwords.read(state, "telegraf").encode())
    url, log_file = ports.url("http", host, port), state.log_file("telegraf")
    return Launch(
        name="telegraf",
        program="telegraf",
        argv=(program.path, "--strict-env-handling", "--config", str(conf_dir() / "telegraf" / "telegraf.conf")),
        environment=lambda: {
            "MONTY_MQTT_BROKER_URL": ports.url("tcp", mqtt.host, mqtt.port),
            "MONTY_MQTT_INFLUXDB_URL": influxdb.url,
            "MONTY_MQTT_INFLUXDB_ORG": influxdb.org,
            "MONTY_MQTT_SECRETS_DIR": str(state.secrets),
            "MONTY_MQTT_TELEGRAF_CLIENT_ID": passwords.client_id(state, "telegraf"),
            "MONTY_MQTT_TELEGRAF_HEALTH": url,
            "MONTY_MQTT_TELEGRAF_LOG": str(log_file),
        },
        host=host,
        port=port,
        url=url,
        log_file=log_file,
        prepare=partial(influxdb_setup.provision, state, influxdb),
        is_ready=partial(_is_ready, url, port),
        trouble=LogWatch(_REFUSED, "InfluxDB refuses points"),
        stop_secs=10.0,
    )


def _is_ready(url: str, port: int, child: ChildProcess) -> bool:
    if not ports.listens(child.pid, port):
        return False
    try:
        with urllib.request.urlopen(url, timeout=_HEALTH_SECS):  # noqa: S310 - a URL of ours
            return True
    except urllib.error.HTTPError:  # it answers; `trouble` detects what it complains about
        return True
    except OSError:
        return False
