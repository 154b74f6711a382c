"""Makes missing secrets for `docker compose up`, and gives each file to the service that reads it, before all services.

Started as service `setup` of compose.yaml. All secrets are kept in the state directory, a volume that no service sees;
each service has a volume of its own, with copies of the few files that it reads, owned by its user. The words `adopt`
and `certificate` are for profiles of compose.yaml. Each step may be interrupted anywhere: the next run completes it.
"""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from monty_mqtt.errors import MontyMqttError, ServiceError
from monty_mqtt_core.settings import passwords as secrets
from monty_mqtt_core.settings.state_dir import Endpoint, FarSide, StateDir
from monty_mqtt_stack.services import influxdb_setup
from monty_mqtt_stack.services.influxdb import InfluxDB

__all__ = ["CLUSTER_OWNERS", "OWNERS", "Volumes", "adopt", "certificate", "give_cluster", "main", "set_up"]

OWNERS = {
    "mosquitto": 1883,
    "bridge": 10001,
    "telegraf": 10002,
    "cli": 10003,
    "liveview": 10004,
    "grafana": 472,
    "tls": 99,
}
"""User ids under which compose.yaml starts the services that read the files."""

CLUSTER_OWNERS = {"nats": 10005, "telegraf-2": 10002}
"""Those of the services that compose.cluster.yaml has beside them."""

_GRAFANA_SECRETS = ("grafana_admin_password", "grafana_secret_key")
_LIVEVIEW_LOGIN = "liveview_login"
_TELEGRAF_ID, _TELEGRAF_PASSWORD = "telegraf_client_id", "mqtt_telegraf_password"
_BROKER_USERS = ("bridge", "telegraf", "liveview", "control")
_ADOPTED, _CERTIFICATE, _KEY = "/adopted", "server.crt", "server.key"


class Volumes:
    """Writes files into the services' volumes, one folder each.

    Args:
        path: Where the volumes are mounted.
        owners: User id of each service.
    """

    def __init__(
        self, path: Path = Path("/secrets"), owners: Mapping[str, int] = MappingProxyType(OWNERS | CLUSTER_OWNERS)
    ) -> None:
        self._path = path
        self._owners = owners

    def give(self, service: str, name: str, content: bytes) -> None:
        """Write a file that only this service can read: it appears complete or not at all, never with wider rights."""
        path = self._path / service / name
        staged = path.with_name(f".{name}.new")
        staged.unlink(missing_ok=True)
        with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "wb") as file:
            file.write(content)
            os.fchown(file.fileno(), self._owners[service], self._owners[service])
        staged.replace(path)

    def give_folder(self, service: str, folder: Path) -> None:
        """Give a service the folder that it keeps its data in: a new volume belongs to root."""
        os.chown(folder, self._owners[service], self._owners[service])

    def own(self, state: StateDir) -> None:
        """Give the state directory to the user of the command line's container, which also creates files there."""
        for path in (state.path, *state.path.rglob("*")):
            os.chown(path, self._owners["cli"], self._owners["cli"], follow_symlinks=False)


def set_up(state: StateDir, volumes: Volumes, environ: Mapping[str, str]) -> Iterator[str]:
    """Make everything that the services need; yield a line after each step.

    Raises:
        ServiceError: InfluxDB does not answer, or a file cannot be written.
    """
    passwords = secrets.ensure(state)
    for name in (*_GRAFANA_SECRETS, _LIVEVIEW_LOGIN):
        secrets.ensure_file(state, name)
    yield "secrets are there"
    influxdb = InfluxDB(environ.get("MONTY_MQTT_INFLUXDB_URL", "http://influxdb:8086"))
    influxdb_setup.provision(state, influxdb)
    yield f"InfluxDB at {influxdb.url} has its organisation, buckets and tokens"
    if nodes := environ.get("MONTY_MQTT_NATS_NODES"):
        yield from give_cluster(state, volumes, nodes.split(","))
    else:
        volumes.give("mosquitto", "mosquitto_passwd", passwords.read_bytes())
        yield "mosquitto has its passwords"
    yield from _give_passwords(state, volumes)
    volumes.give("liveview", _LIVEVIEW_LOGIN, _secret(state, _LIVEVIEW_LOGIN))
    volumes.give("telegraf", influxdb_setup.TELEGRAF_TOKEN, _secret(state, influxdb_setup.TELEGRAF_TOKEN))
    volumes.give("telegraf", _TELEGRAF_ID, secrets.client_id(state, "telegraf").encode())
    yield "telegraf has its token and its client id"
    for name in (*_GRAFANA_SECRETS, influxdb_setup.GRAFANA_TOKEN):
        volumes.give("grafana", name, _secret(state, name))
    yield "grafana has its files"
    state.write_far_side(_far_side(environ, influxdb))
    volumes.own(state)
    yield f"Grafana: http://127.0.0.1:{environ.get('MONTY_MQTT_GRAFANA_PORT', '3000')}, anyone on this machine may look"
    yield "password of its user admin: docker compose exec grafana cat /run/secrets/grafana_admin_password"
    yield f"the page: http://127.0.0.1:{environ.get('MONTY_MQTT_LIVEVIEW_PORT', '8000')}, likewise"
    yield f"password that controls runs there: docker compose exec liveview cat /run/secrets/{_LIVEVIEW_LOGIN}"


def give_cluster(
    state: StateDir, volumes: Volumes, nodes: Sequence[str], stores: Path = Path("/nats")
) -> Iterator[str]:
    """Give the nodes of NATS and the second Telegraf what they need; yield a line after each step.

    Args:
        state: The state directory.
        volumes: The services' volumes.
        nodes: `HOST:PORT` at which each node is reached by the others.
        stores: The folder with what each node keeps.
    """
    volumes.give("nats", "nats_passwords.conf", secrets.nats_file(state, nodes))
    for store in stores.iterdir():
        volumes.give_folder("nats", store)
    yield f"{len(nodes)} nodes of NATS have their passwords"
    volumes.give("telegraf-2", _TELEGRAF_PASSWORD, _password(state, "telegraf"))
    volumes.give("telegraf-2", influxdb_setup.TELEGRAF_TOKEN, _secret(state, influxdb_setup.TELEGRAF_TOKEN))
    volumes.give("telegraf-2", _TELEGRAF_ID, secrets.client_id(state, "telegraf-2").encode())
    yield "the second telegraf has its password, its token and its client id"


def adopt(state: StateDir, volumes: Volumes, folder: Path) -> Iterator[str]:
    """Take over the passwords of a broker that already runs: one file `<user>.password` for each user in `folder`.

    Raises:
        ServiceError: A file is missing or empty.
    """
    for user in _BROKER_USERS:
        state.write_private(state.password_file(user), _given(folder / f"{user}.password") + b"\n")
    yield from _give_passwords(state, volumes)
    volumes.own(state)


def certificate(_state: StateDir, volumes: Volumes, folder: Path) -> Iterator[str]:
    """Hand the certificate and its key to the TLS service, in one file as HAProxy reads it.

    Raises:
        ServiceError: A file is missing, or they do not belong together.
    """
    chain, key = _given(folder / _CERTIFICATE), _given(folder / _KEY)
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(folder / _CERTIFICATE, folder / _KEY)
    except (ssl.SSLError, OSError) as error:
        raise ServiceError(f"{_CERTIFICATE} and {_KEY} are no certificate and its key: {error}") from None
    volumes.give("tls", "server.pem", chain + b"\n" + key + b"\n")
    yield "the TLS certificate is there"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the setup, `adopt` or `certificate`; print each step; return the exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    work: dict[str, Callable[[StateDir, Volumes, Path], Iterator[str]]] = {"adopt": adopt, "certificate": certificate}
    try:
        state, volumes = StateDir(), Volumes()
        steps = work[words[0]](state, volumes, Path(_ADOPTED)) if words else set_up(state, volumes, os.environ)
        for line in steps:
            print(line, flush=True)  # noqa: T201 - a command's output
    except (MontyMqttError, OSError) as error:
        print(f"setup: {error}", file=sys.stderr)  # noqa: T201 - a command's output
        return 1
    return 0


def _give_passwords(state: StateDir, volumes: Volumes) -> Iterator[str]:
    volumes.give("bridge", "bridge.password", _password(state, "bridge") + b"\n")
    yield "bridge has its password"
    volumes.give("telegraf", _TELEGRAF_PASSWORD, _password(state, "telegraf"))
    yield "telegraf has its password"
    for user in ("liveview", "control"):
        volumes.give("liveview", f"{user}.password", _password(state, user) + b"\n")
    yield "liveview has its passwords"


def _password(state: StateDir, user: str) -> bytes:
    return secrets.read(state, user).encode()


def _secret(state: StateDir, name: str) -> bytes:
    return (state.secrets / name).read_bytes().strip()


def _given(path: Path) -> bytes:
    try:
        content = path.read_bytes().strip()
    except OSError as error:
        raise ServiceError(f"{path.name}: {error.strerror}; docs/compose.md says where it belongs") from None
    if not content:
        raise ServiceError(f"{path.name} is empty; docs/compose.md says what belongs there")
    return content


def _far_side(environ: Mapping[str, str], influxdb: InfluxDB) -> FarSide:
    """Return where the command line, in a container beside them, finds the services."""
    broker, port = environ.get("MONTY_MQTT_BROKER", "mosquitto"), int(environ.get("MONTY_MQTT_BROKER_PORT", "1883"))
    return FarSide(
        services={
            "broker": Endpoint(host=broker, port=port, program="container", url=f"mqtt://{broker}:{port}"),
            "bridge": Endpoint(host="bridge", port=5555, program="container", url="tcp://bridge:5555"),
            "liveview": Endpoint(host="liveview", port=8000, program="container", url="http://liveview:8000"),
            "influxdb": Endpoint(host="influxdb", port=8086, program="container", url=influxdb.url),
        },
        influxdb_url=influxdb.url,
        influxdb_org=influxdb.org,
    )


if __name__ == "__main__":
    sys.exit(main())
