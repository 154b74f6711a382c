"""Describes how Grafana is started with the dashboards of this package.

Called by `table`, which starts it last. The files in grafana/ hold the rest, and read the environment variables below.
"""

from __future__ import annotations

import urllib.request
from functools import partial
from pathlib import Path

from monty_mqtt.conf_files import grafana_dir
from monty_mqtt.errors import ServiceError
from monty_mqtt_core.settings import passwords, ports
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.processes import programs
from monty_mqtt_stack.processes.child_process import ChildProcess
from monty_mqtt_stack.processes.launch import Launch
from monty_mqtt_stack.services import influxdb_setup
from monty_mqtt_stack.services.influxdb import InfluxDB

__all__ = ["grafana_launch"]

_HEALTH_SECS = 1.0
_PACKAGED_PLUGINS = Path("/var/lib/grafana/plugins-bundled")


def grafana_launch(state: StateDir, host: str, port: int, influxdb: InfluxDB) -> Launch:
    """Return how to start Grafana on InfluxDB's data. All visitors may look: on loopback, the users of this machine.

    Raises:
        ServiceError: Grafana is not installed.
    """
    program = programs.find("grafana")
    if program.path is None:
        raise ServiceError(program.why)
    url, home, shipped = ports.url("http", host, port), state.path / "grafana", grafana_dir()
    home.mkdir(mode=0o700, exist_ok=True)
    secret_key, password = (
        passwords.ensure_file(state, name) for name in ("grafana_secret_key", "grafana_admin_password")
    )
    influxdb_setup.provision(state, influxdb)  # makes its token
    token = _Token(state.secrets / influxdb_setup.GRAFANA_TOKEN)
    own_files = _home_of(Path(program.path))
    return Launch(
        name="grafana",
        program="grafana",
        argv=(
            *(program.path, "server", "--homepath", own_files),
            *("--config", str(shipped / "grafana.ini")),
        ),
        environment=lambda: {
            **_bundled_plugins(Path(own_files), _PACKAGED_PLUGINS),
            "GF_AUTH_ANONYMOUS_ENABLED": "true",
            "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
            "GF_LOG_MODE": "console",
            "GF_MONTY_DASHBOARDS": str(shipped / "dashboards"),
            "GF_MONTY_INFLUXDB_TOKEN": token.read(),
            "GF_MONTY_INFLUXDB_URL": influxdb.url,
            "GF_PATHS_DATA": str(home),
            "GF_PATHS_LOGS": str(home / "log"),
            "GF_PATHS_PROVISIONING": str(shipped / "provisioning"),
            "GF_SECURITY_ADMIN_PASSWORD": password,
            "GF_SECURITY_SECRET_KEY": secret_key,
            "GF_SERVER_HTTP_ADDR": host,
            "GF_SERVER_HTTP_PORT": str(port),
        },
        host=host,
        port=port,
        url=url,
        log_file=state.log_file("grafana"),
        is_ready=partial(_is_ready, url, port),
        trouble=token.changed,
        ready_secs=120.0,  # the first start creates its database
        notes=(f"Grafana: anyone on this machine may look; user admin's password is in {state.secrets}",),
    )


class _Token:
    """Remembers the token that Grafana was started with: a bucket that is made again has a new token."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._used = ""

    def read(self) -> str:
        self._used = self._path.read_text()
        return self._used

    def changed(self, _child: ChildProcess) -> str | None:
        return None if self._path.read_text() == self._used else "its token for InfluxDB has changed"


def _home_of(program: Path) -> str:
    """Return the folder of Grafana's own files: beside the program, or where a package has put it."""
    beside = program.resolve().parent.parent
    places = (beside, beside / "share" / "grafana", Path("/usr/share/grafana"))
    return str(next((place for place in places if (place / "conf" / "defaults.ini").exists()), beside))


def _bundled_plugins(own_files: Path, packaged: Path) -> dict[str, str]:
    """Return the environment variable for the plugins that come with Grafana; since 13.2 InfluxDB's data source is one.

    A system package keeps them apart from Grafana's own files, and only its systemd unit knows the place.
    """
    if (own_files / "data" / "plugins-bundled").is_dir() or not packaged.is_dir():
        return {}
    return {"GF_PATHS_BUNDLED_PLUGINS": str(packaged)}


def _is_ready(url: str, port: int, child: ChildProcess) -> bool:
    if not ports.listens(child.pid, port):
        return False
    try:
        with urllib.request.urlopen(f"{url}/api/health", timeout=_HEALTH_SECS):  # noqa: S310 - a URL of ours
            return True
    except OSError:
        return False
