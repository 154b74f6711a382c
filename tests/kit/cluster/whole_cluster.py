"""Runs all that docs/scaling.md puts on several machines, each part on a simulated host of its own.

Three NATS servers as one broker, two bridges that encrypt, two Telegrafs with a partition each, one InfluxDB. The test
itself is on one more host, the observer. Each part can be killed and started again.
"""

from __future__ import annotations

import dataclasses
import shutil
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import paho.mqtt.client as mqtt
from kit.cluster.order_witness import OrderWitness
from kit.history.history_chain import need
from kit.machine.child_process import Process, until
from kit.machine.nats_cluster import NatsCluster
from kit.machine.simulated_hosts import Host, Network

from monty_mqtt.wire import topics
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt_core.reading.broker_client import BrokerClient
from monty_mqtt_core.settings import passwords
from monty_mqtt_core.settings.broker_address import BrokerAddress
from monty_mqtt_core.settings.state_dir import Endpoint, StateDir
from monty_mqtt_stack.processes.launch import RunningService
from monty_mqtt_stack.services.bridge_keys import BridgeKeys
from monty_mqtt_stack.services.influxdb import InfluxDB, Series, influxdb_launch, query
from monty_mqtt_stack.services.telegraf import telegraf_launch

NODES, BRIDGES = 3, 2
PARTITIONS = ("monty/influx/v1/+", "monty/influx/v1/1/+")
"""What each Telegraf reads."""

ZMQ_PORT, INFLUXDB_PORT, HEALTH_PORT = 5555, 8086, 8080
CLIENT = "workers"
WARM_UP = "warm-up"
WARM_SECS = 60
AGAIN_SECS = 0.3


class EncryptedBridge:
    """A bridge on a host, with keys and a journal of its own; it begins with the first node of the address."""

    def __init__(self, host: Host, where: Path, broker: BrokerAddress) -> None:
        self._host = host
        self.keys = BridgeKeys(StateDir(where))
        settings = {
            "zmq-host": host.address,
            "zmq-port": ZMQ_PORT,
            "zmq-keys": self.keys.directory,
            "mqtt-brokers": broker,
            "mqtt-username": broker.username,
            "mqtt-password-file": broker.password_file,
            "bridge-id": host.name,
            "influx-partitions": len(PARTITIONS),
            "journal": where / "journal.sqlite",
            "spool": "",
            "liveview-url": "",
        }
        flags = (f"--{name}={value}" for name, value in settings.items())
        self._processes: list[Process] = []
        self._argv = (sys.executable, "-m", "monty_mqtt_bridge", *flags)

    @property
    def address(self) -> BridgeAddress:
        return BridgeAddress(self._host.address, ZMQ_PORT, self.keys.server_key)

    @property
    def log(self) -> str:
        return "\n".join(process.text for process in self._processes)

    def start(self) -> None:
        with self._host.inside():
            self._processes.append(Process(argv=self._argv))
        self._processes[-1].wait_for("bridge ready: ")

    def kill(self) -> None:
        self._processes[-1].__exit__()


class WholeCluster:
    """Runs everything from entering to leaving, the calling thread on the host of the observer.

    Args:
        where: An empty directory.
        own_statuses: As `OrderWitness` takes it.

    Attributes:
        nodes: The NATS servers.
        bridges: The bridges.
        witness: The subscriber with a persistent session.
        key_file: Key file of the workers, invited at each bridge.
    """

    def __init__(self, where: Path, own_statuses: set[int]) -> None:
        self._where, self._own_statuses = where, own_statuses
        self._telegrafs: list[RunningService] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        need("telegraf", "influxd")
        with ExitStack() as stack:
            self.network = stack.enter_context(Network())
            stack.enter_context(self.network.host("observer").inside())
            hosts = self._hosts("node", NODES)
            self.nodes = stack.enter_context(NatsCluster(self._where / "nats", places=hosts))
            self._start_influxdb(stack)
            self.bridge_hosts = self._hosts("bridge", BRIDGES)
            self._start_bridges(stack)
            self._start_telegrafs(stack)
            witness = OrderWitness(turned(self.nodes.as_user("liveview"), 2), self._own_statuses)
            self.witness = stack.enter_context(witness)
            self._warm_up()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def restart_node(self, number: int) -> None:
        """Kill a NATS server; return when it is started again, and has what the others have."""
        self.nodes.kill(number)
        self.nodes.start(number)
        self.nodes.wait_until_ready(number)

    def restart_bridge(self, number: int) -> None:
        """Kill a bridge; return when it is ready again."""
        self.bridges[number].kill()
        self.bridges[number].start()

    def restart_telegraf(self, number: int) -> None:
        """Kill a Telegraf; return when it is ready again."""
        self._telegrafs[number].child.kill()
        with self._telegraf_hosts[number].inside():
            self._telegrafs[number].spawn()
            self._telegrafs[number].wait_until_ready()

    def query(self, influxql: str) -> list[Series]:
        """Ask InfluxDB."""
        return query(self._influxdb.url, (self.nodes.state.secrets / "influxdb_grafana_token").read_text(), influxql)

    def logs(self) -> str:
        """Return the ends of all logs."""
        telegrafs = [telegraf.launch.log_file.read_text() for telegraf in self._telegrafs]
        return "\n".join(text[-4000:] for text in (*(bridge.log for bridge in self.bridges), *telegrafs))

    def _hosts(self, name: str, count: int) -> list[Host]:
        return [self.network.host(f"{name}-{number}") for number in range(count)]

    def _start_influxdb(self, stack: ExitStack) -> None:
        host = self.network.host("influxdb")
        with host.inside():
            service = RunningService(influxdb_launch(self.nodes.state, host.address, INFLUXDB_PORT))
            stack.callback(service.stop)
            service.wait_until_ready()
        self._influxdb = InfluxDB(service.launch.url)

    def _start_bridges(self, stack: ExitStack) -> None:
        user = self.nodes.as_user("bridge")
        self.bridges = [
            EncryptedBridge(host, self._where / host.name, turned(user, number))
            for number, host in enumerate(self.bridge_hosts)
        ]
        first, *others = self.bridges
        self.key_file = first.keys.invite(CLIENT)
        for other in others:
            shutil.copy(first.keys.directory / "clients" / f"{CLIENT}.key", other.keys.directory / "clients")
        for bridge in self.bridges:
            stack.callback(bridge.kill)
            bridge.start()

    def _start_telegrafs(self, stack: ExitStack) -> None:
        self._telegraf_hosts = self._hosts("telegraf", len(PARTITIONS))
        for number, host in enumerate(self._telegraf_hosts):
            with host.inside():
                service = self._telegraf(number)
                stack.callback(service.stop)
                service.wait_until_ready()
            self._telegrafs.append(service)

    def _telegraf(self, number: int) -> RunningService:
        """Start the Telegraf of a partition."""
        state, name = self.nodes.state, f"telegraf-{number}"
        first, *others = (f"tcp://{node.host}:{node.port}" for node in turned(self.nodes.address, number + 1).endpoints)
        launch = telegraf_launch(state, "127.0.0.1", HEALTH_PORT, Endpoint(host="", port=0), self._influxdb)
        log_file = state.log_file(name)
        environment = {
            **launch.environment(),
            "MONTY_MQTT_BROKER_URL": first,
            **{f"MONTY_MQTT_BROKER_URL_{place}": url for place, url in enumerate(others, 2)},
            "MONTY_MQTT_TELEGRAF_CLIENT_ID": passwords.client_id(state, name),
            "MONTY_MQTT_TELEGRAF_TOPIC": PARTITIONS[number],
            "MONTY_MQTT_TELEGRAF_NAME": name,
            "MONTY_MQTT_TELEGRAF_LOG": str(log_file),
        }
        return RunningService(dataclasses.replace(launch, environment=lambda: environment, log_file=log_file))

    def _warm_up(self) -> None:
        """Wait until what is published at any node comes to the subscriber and to both Telegrafs.

        NATS takes some seconds for this after a subscription is new.
        """
        for node in self.nodes.as_user("bridge").each:
            client = BrokerClient(node)
            client.username_pw_set(node.username, node.password_file.read_text().strip())
            client.connect_to_any()
            client.loop_start()
            try:
                until(lambda node=node, client=client: self._is_warm(node.host, client), WARM_SECS)
            finally:
                client.disconnect()
                client.loop_stop()

    def _is_warm(self, node: str, client: mqtt.Client) -> bool:
        client.publish(topics.build(WARM_UP, node, "state"), b'{"seq":0,"time_unix_nanos":0}', 1)
        for partition in range(len(PARTITIONS)):
            client.publish(topics.influx_topic(WARM_UP, partition), f"warm_up,node={node} part{partition}=1i 1\n", 1)
        threading.Event().wait(AGAIN_SECS)
        stored = self.query(f"SELECT * FROM warm_up WHERE node = '{node}'")
        columns = {f"part{partition}" for partition in range(len(PARTITIONS))}
        return bool((WARM_UP, node) in self.witness.workers and stored and columns <= set(stored[0].columns))


def turned(broker: BrokerAddress, first: int) -> BrokerAddress:
    """Return the address of the same nodes, in the same order but from another one on."""
    endpoints: Sequence[tuple[str, int]] = broker.endpoints[first:] + broker.endpoints[:first]
    (host, port), *others = endpoints
    return broker._replace(host=host, port=port, others=tuple(others))
