"""Starts three real NATS servers as one broker, with the configuration that ships, conf/nats."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import NamedTuple, Protocol, Self

from kit.machine.child_process import Process, until
from kit.machine.go_program import go_program

from monty_mqtt_core.settings import passwords, ports
from monty_mqtt_core.settings.broker_address import BrokerAddress
from monty_mqtt_core.settings.state_dir import StateDir

CONF = Path(__file__).resolve().parents[3] / "conf" / "nats" / "nats.conf"
BUILD_SECS = 900
READY_SECS = 60
LOOPBACK = "127.0.0.1"


class Place(Protocol):
    """Where a node runs: an address, and what is around its start."""

    address: str
    inside: Callable[[], AbstractContextManager[None]]


class ThisMachine(NamedTuple):
    address: str = LOOPBACK
    inside: Callable[[], AbstractContextManager[None]] = nullcontext


class NatsCluster:
    """Runs the nodes from entering to leaving; `kill` and `start` one of them in between.

    Args:
        path: An empty directory.
        anonymous: What `NATS_ANONYMOUS` is.
        places: Where each node runs.

    Attributes:
        state: State directory with the users' passwords.
        address: All nodes, as the bridge's user is told them.
    """

    def __init__(
        self, path: Path, *, anonymous: str = "anonymous", places: Sequence[Place] = (ThisMachine(),) * 3
    ) -> None:
        self.state = StateDir(path / "state")
        self._path, self._anonymous = path, anonymous
        self._places = list(places)
        self._ports = [_free_ports(place) for place in places]
        self._running: list[Process | None] = [None] * len(places)
        self._stack = ExitStack()
        nodes = ",".join(f"{place.address}:{mqtt}" for place, (mqtt, *_) in self._each())
        self.address = BrokerAddress.parse(f"mqtt://{nodes}", "nodes")

    def __enter__(self) -> Self:
        routes = [f"{place.address}:{cluster}" for place, (_, cluster, *_) in self._each()]
        lines = passwords.nats_file(self.state, routes)
        for node in range(len(self._ports)):
            for file, content in (
                ("etc/nats/nats.conf", CONF.read_bytes()),
                ("run/secrets/nats_passwords.conf", lines),
            ):
                path = self._path / f"node-{node}" / file
                path.parent.mkdir(parents=True)
                path.write_bytes(content)
            self.start(node)
        for node in range(len(self._ports)):
            until(lambda node=node: self._is_ready(node), READY_SECS)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def port(self) -> int:
        """Port of the first node."""
        return self.address.port

    def password_file(self, user: str) -> Path:
        """Return the file of a user's password."""
        return self.state.password_file(user)

    def as_user(self, user: str) -> BrokerAddress:
        """Return all nodes, as a user reaches them."""
        return self.address._replace(username=user, password_file=self.password_file(user))

    def start(self, node: int) -> None:
        """Start a node, or start it again."""
        place, (mqtt, cluster, client, monitor) = self._places[node], self._ports[node]
        path = self._path / f"node-{node}"
        places = {
            "NATS_NAME": f"node-{node}",
            "NATS_HOST": place.address,
            "NATS_MQTT_PORT": mqtt,
            "NATS_CLUSTER_PORT": cluster,
            "NATS_CLIENT_PORT": client,
            "NATS_MONITOR_PORT": monitor,
            "NATS_STORE_DIR": path / "data",
            "NATS_ANONYMOUS": self._anonymous,
        }
        argv = (str(nats_server()), "-c", str(path / "etc" / "nats" / "nats.conf"))
        env = {name: str(value) for name, value in places.items()}
        with place.inside():
            self._running[node] = self._stack.enter_context(Process(argv=argv, env=env))

    def kill(self, node: int) -> None:
        """End a node as `kill -9` does."""
        self._running[node].signal(9)
        self._running[node].wait()

    def wait_until_ready(self, node: int) -> None:
        """Wait until a node has its part of what the others have."""
        until(lambda: self._is_ready(node), READY_SECS)

    def _is_ready(self, node: int) -> bool:
        place, (mqtt, *_, monitor) = self._places[node], self._ports[node]
        try:
            with place.inside(), urllib.request.urlopen(f"http://{LOOPBACK}:{monitor}/healthz", timeout=2) as answer:
                return answer.status == 200 and ports.answers_mqtt(place.address, mqtt)
        except OSError:
            return False

    def _each(self) -> list[tuple[Place, list[int]]]:
        return list(zip(self._places, self._ports, strict=True))


def _free_ports(place: Place) -> list[int]:
    """Return ports for MQTT, the other nodes, NATS's own protocol, and the monitor."""
    with place.inside():
        return [ports.any_free(host) for host in (place.address, place.address, LOOPBACK, LOOPBACK)]


def nats_server() -> Path:
    """Return the program, built on first use of what nats_server/ pins and kept in the user's cache."""
    source = Path(__file__).with_name("nats_server")
    return go_program("nats-server", source, "github.com/nats-io/nats-server/v2", BUILD_SECS)
