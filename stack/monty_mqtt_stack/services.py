"""The services of the far side, in the order in which they start.

Place in the flow: `supervisor` walks `TABLE`; a service added to it is started, shown, restarted and stopped like the
others.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import sys
from dataclasses import dataclass, field
from typing import Callable, Dict, FrozenSet, Iterable, List

from monty_mqtt.errors import ConfigError, ServiceError
from monty_mqtt_stack import broker, ports
from monty_mqtt_stack.launch import Launch, LeftOut, Planned
from monty_mqtt_stack.process import Child
from monty_mqtt_stack.state import Endpoint, StateDir

__all__ = ["MQTT_PORT", "NAMES", "TABLE", "ZMQ_PORT", "Plan", "check_without", "is_loopback"]

MQTT_PORT = 1883
ZMQ_PORT = 5555

_READY_LINE = "bridge ready:"
_BRIDGE_NEEDS = {"paho": "paho-mqtt", "numpy": "numpy", "PIL": "pillow", "zmq": "pyzmq"}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a service needs to know to plan its start.

    Attributes:
        state: The state directory.
        host: Address to listen on.
        without: Names that are left out.
        mqtt_port: Port the broker would like.
        zmq_port: Port the bridge would like.
        started: What runs already, by service name.
        notes: Lines for the person who started it; services append.
    """

    state: StateDir
    host: str = "127.0.0.1"
    without: FrozenSet[str] = frozenset()
    mqtt_port: int = MQTT_PORT
    zmq_port: int = ZMQ_PORT
    started: Dict[str, Endpoint] = field(default_factory=dict)
    notes: List[str] = field(default_factory=list)

    def port(self, wanted: int, what: str) -> int:
        """Return `wanted`, or the next free port, and note who has it then."""
        free = ports.next_free(self.host, wanted) if wanted else ports.any_free(self.host)
        if wanted and free != wanted:
            holder = ports.owner(wanted) or "another process"
            self.notes.append(f"port {wanted} is taken by {holder}: {what} uses {free}")
        return free


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_without(names: Iterable[str]) -> FrozenSet[str]:
    """Return the names as a set.

    Raises:
        ConfigError: One is no name of a service or of its program.
    """
    for name in names:
        if name not in NAMES:
            raise ConfigError("--without", name, f"one of {', '.join(NAMES)}")
    return frozenset(names)


def _broker(plan: Plan) -> Planned:
    candidates = {"mosquitto": broker.mosquitto_launch, "amqtt": broker.amqtt_launch}
    missing: List[str] = []
    for program, launch in candidates.items():
        if program in plan.without:
            missing.append(f"{program}: --without {program}")
            continue
        try:
            return launch(plan.state, plan.host, plan.port(plan.mqtt_port, "the broker"))
        except ServiceError as error:
            missing.append(str(error))
    return LeftOut("broker", "; ".join(missing))


def _bridge(plan: Plan) -> Planned:
    lacking = [name for module, name in _BRIDGE_NEEDS.items() if importlib.util.find_spec(module) is None]
    if lacking:
        return LeftOut("bridge", f"{', '.join(lacking)} not installed: pip install 'monty-mqtt[server]'")
    mqtt = plan.started.get("broker")
    if mqtt is None:
        return LeftOut("bridge", "there is no broker to publish to; for one of your own start `monty-mqtt-bridge`")
    port = plan.port(plan.zmq_port, "the bridge")
    flags = {
        "--zmq-host": plan.host,
        "--zmq-port": str(port),
        "--mqtt-host": mqtt.host,
        "--mqtt-port": str(mqtt.port),
        "--mqtt-username": "bridge",
        "--mqtt-password-file": str(plan.state.password_file("bridge")),
        "--journal": str(plan.state.path / "journal" / "bridge.sqlite"),
    }
    return Launch(
        name="bridge",
        program="monty-mqtt-bridge",
        argv=(sys.executable, "-m", "monty_mqtt_bridge", *(word for flag in flags.items() for word in flag)),
        host=plan.host,
        port=port,
        url=ports.url("tcp", plan.host, port),
        log_file=plan.state.log_file("bridge"),
        is_ready=_bridge_is_ready,
        stop_secs=15.0,
    )


def _bridge_is_ready(child: Child) -> bool:
    return any(line.startswith(_READY_LINE) for line in child.output().splitlines())


TABLE: Dict[str, Callable[[Plan], Planned]] = {"broker": _broker, "bridge": _bridge}
"""Service name -> what becomes of it. A service may look at those before it in `plan.started`."""

NAMES = (*TABLE, "mosquitto", "amqtt")
"""What `--without` takes: services, and the programs that can be the broker."""
