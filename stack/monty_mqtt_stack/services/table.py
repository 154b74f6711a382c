"""Lists the services, in the order in which they start.

Called by `supervisor`, which goes through `TABLE`: each service in it is started, shown, restarted and stopped.
"""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, FrozenSet, Iterable, List, Optional

from monty_mqtt.errors import ConfigError, ServiceError
from monty_mqtt.wire.bridge_address import DEFAULT_PORT as ZMQ_PORT
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt_core.settings import ports
from monty_mqtt_core.settings.bridge_id import default_bridge_id
from monty_mqtt_core.settings.service_settings import is_loopback
from monty_mqtt_core.settings.state_dir import Endpoint, StateDir
from monty_mqtt_stack.processes.child_process import ChildProcess
from monty_mqtt_stack.processes.launch import Launch, LeftOut, Planned
from monty_mqtt_stack.services import mosquitto
from monty_mqtt_stack.services.bridge_keys import BridgeKeys
from monty_mqtt_stack.services.broker_tls import GivenCertificate, tls_listener
from monty_mqtt_stack.services.influxdb import InfluxDB, influxdb_launch

__all__ = ["LIVEVIEW_PORT", "MQTT_PORT", "NAMES", "TABLE", "ZMQ_PORT", "Plan", "check_host", "check_without"]

MQTT_PORT = 1883
MQTTS_PORT = 8883
LIVEVIEW_PORT = 8000
INFLUXDB_PORT = 8086
GRAFANA_PORT = 3000

_READY_LINES = {"bridge": "bridge ready:", "liveview": "page ready:"}
_BRIDGE_NEEDS = {"paho": "paho-mqtt", "numpy": "numpy", "PIL": "pillow", "zmq": "pyzmq"}
_LIVEVIEW_NEEDS = {
    "fastapi": "fastapi", "uvicorn": "uvicorn", "paho": "paho-mqtt", "numpy": "numpy", "PIL": "pillow", "mcap": "mcap",
}  # fmt: skip
_INSTALL = "pip install 'monty-mqtt[server]'"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Holds what the services need to know to plan their start.

    Attributes:
        state: The state directory.
        host: Address on which bridge and broker also serve other machines; the other services listen on loopback.
        certificate: The user's own certificate for the broker; None: of a private authority.
        without: Names of services and programs to leave out.
        keeps_history: Whether InfluxDB, Telegraf and Grafana run too, if they are installed.
        influxdb: An InfluxDB 2 that runs already, instead of one of our own.
        keep_steps_days: For how many days InfluxDB keeps each step; None: for ever.
        mqtt_port: Preferred port of the broker.
        zmq_port: Preferred port of the bridge.
        liveview_port: Preferred port of the page.
        panels: Directory of the page's panels of one's own; None: that in the state directory.
        title: What the page calls itself; empty: as it always does.
        started: Services that run already, by name.
        notes: Lines for the user; services append to it.
    """

    state: StateDir
    host: str = "127.0.0.1"
    certificate: Optional[GivenCertificate] = None
    without: FrozenSet[str] = frozenset()
    keeps_history: bool = False
    influxdb: Optional[InfluxDB] = None
    keep_steps_days: Optional[int] = None
    mqtt_port: int = MQTT_PORT
    zmq_port: int = ZMQ_PORT
    liveview_port: int = LIVEVIEW_PORT
    panels: Optional[Path] = None
    title: str = ""
    started: Dict[str, Endpoint] = field(default_factory=dict)
    notes: List[str] = field(default_factory=list)

    @property
    def local_host(self) -> str:
        """Loopback address on which every service listens but the bridge, which has one address."""
        return self.host if is_loopback(self.host) else "127.0.0.1"

    def port(self, wanted: int, service: str, host: str = "") -> int:
        """Return `wanted`, or the next free port; note which process has `wanted` then."""
        host = host or self.local_host
        free = ports.next_free(host, wanted) if wanted else ports.any_free(host)
        if wanted and free != wanted:
            holder = ports.owner(wanted) or "another process"
            self.notes.append(f"port {wanted} is taken by {holder}: {service} uses {free}")
        return free

    def history(self) -> Optional[InfluxDB]:
        """Return the InfluxDB that points are written to; None if there is none."""
        started = self.started.get("influxdb")
        return InfluxDB(started.url) if started else self.influxdb


def check_host(host: str) -> None:
    """Check `--host`.

    Raises:
        ConfigError: No program can listen on it.
    """
    try:
        ports.any_free(host)
    except OSError as error:
        raise ConfigError("--host", host, f"an address of this machine ({error.strerror})") from None


def check_without(names: Iterable[str]) -> FrozenSet[str]:
    """Check the names of `--without`, and return them as a set.

    Raises:
        ConfigError: A name is neither a service nor a program of one.
    """
    for name in names:
        if name not in NAMES:
            raise ConfigError("--without", name, f"one of {', '.join(NAMES)}")
    return frozenset(names)


def _broker(plan: Plan) -> Planned:
    candidates = {"mosquitto": _mosquitto, "amqtt": _amqtt}
    missing: List[str] = []
    for program, launch in candidates.items():
        if program in plan.without:
            missing.append(f"{program}: --without {program}")
            continue
        try:
            return launch(plan, plan.port(plan.mqtt_port, "the broker"))
        except ServiceError as error:
            missing.append(str(error))
    return LeftOut("broker", "; ".join(missing))


def _mosquitto(plan: Plan, port: int) -> Launch:
    beyond = None
    if not is_loopback(plan.host):
        tls_port = plan.port(MQTTS_PORT, "the broker's listener for other machines", plan.host)
        try:
            beyond = tls_listener(plan.state, plan.host, tls_port, plan.certificate)
        except ServiceError as error:  # experiments of other machines need the bridge only
            plan.notes.append(f"the broker is for this machine only: {error}")
    return mosquitto.mosquitto_launch(plan.state, plan.local_host, port, beyond)


def _amqtt(plan: Plan, port: int) -> Launch:
    if not is_loopback(plan.host):
        plan.notes.append("the broker is for this machine only: amqtt has no TLS here")
    return mosquitto.amqtt_launch(plan.state, plan.local_host, port)


def _bridge(plan: Plan) -> Planned:
    if why := _why_not(plan, "bridge", _BRIDGE_NEEDS, "publish to"):
        return LeftOut("bridge", why)
    port = plan.port(plan.zmq_port, "the bridge", plan.host)
    keys = None if is_loopback(plan.host) else BridgeKeys(plan.state)
    page = plan.started.get("liveview")
    flags = {
        "--zmq-host": plan.host,
        "--zmq-port": str(port),
        "--zmq-keys": str(keys.directory) if keys else "",
        "--bridge-id": default_bridge_id(plan.state.path),
        "--journal": str(plan.state.path / "journal" / "bridge.sqlite"),
        "--spool": str(plan.state.path / "spool"),
        "--liveview-url": page.url if page else "",
    }
    address = BridgeAddress(plan.host, port, keys.server_key if keys else "")
    return _own_launch(plan, "bridge", str(address), plan.host, port, flags, stop_secs=15.0)


def _liveview(plan: Plan) -> Planned:
    if why := _why_not(plan, "liveview", _LIVEVIEW_NEEDS, "listen to"):
        return LeftOut("liveview", why)
    port = plan.port(plan.liveview_port, "the page")
    own = {"--panels": str(plan.panels or ""), "--title": plan.title}
    flags = {"--host": plan.local_host, "--port": str(port), "--state-dir": str(plan.state.path), **own}
    login = f"page: to control runs there, log in with the password in {plan.state.secrets / 'liveview_login'}"
    more = {"ready_secs": 30.0, "is_needed": False, "notes": (login,)}
    return _own_launch(plan, "liveview", ports.url("http", plan.local_host, port), plan.local_host, port, flags, **more)


def _why_not(plan: Plan, name: str, needs: Dict[str, str], what_for: str) -> str:
    """Return why one of our services cannot be started; an empty text if it can."""
    if lacking := _lacking(needs):
        return lacking
    if "broker" not in plan.started:
        return f"there is no broker to {what_for}; for one of your own start `monty-mqtt-{name}`"
    return ""


def _own_launch(plan: Plan, name: str, url: str, host: str, port: int, flags: Dict[str, str], **more: Any) -> Launch:
    """Return how one of our services is started; it connects to the broker as the MQTT user of its name."""
    mqtt = plan.started["broker"]
    flags = {
        "--mqtt-host": mqtt.host,
        "--mqtt-port": str(mqtt.port),
        "--mqtt-username": name,
        "--mqtt-password-file": str(plan.state.password_file(name)),
        **flags,
    }
    return Launch(
        name=name,
        program=f"monty-mqtt-{name}",
        argv=(sys.executable, "-m", f"monty_mqtt_{name}", *(word for flag in flags.items() for word in flag)),
        host=host,
        port=port,
        url=url,
        log_file=plan.state.log_file(name),
        is_ready=_says_that_it_is_ready(name),
        **more,
    )


def _lacking(needs: Dict[str, str]) -> str:
    """Return which needed packages are not installed, and how to install them; an empty text if none is missing."""
    missing = [name for module, name in needs.items() if importlib.util.find_spec(module) is None]
    return f"{', '.join(missing)} not installed: {_INSTALL}" if missing else ""


def _says_that_it_is_ready(name: str) -> Callable[[ChildProcess], bool]:
    line = _READY_LINES[name]
    return lambda child: any(printed.startswith(line) for printed in child.output().splitlines())


def _influxdb(plan: Plan) -> Planned:
    if "broker" not in plan.started:
        return LeftOut("influxdb", "there is no broker whose points it could keep")
    if plan.influxdb:
        return LeftOut("influxdb", f"that at {plan.influxdb.url} is used")
    return influxdb_launch(plan.state, plan.local_host, plan.port(INFLUXDB_PORT, "InfluxDB"))


def _telegraf(plan: Plan) -> Planned:
    from monty_mqtt_stack.services.telegraf import telegraf_launch  # noqa: PLC0415 - imports InfluxDB's client: 0.5 s

    mqtt, influxdb = plan.started.get("broker"), plan.history()
    if mqtt is None or influxdb is None:
        return LeftOut("telegraf", f"there is no {'InfluxDB to write to' if mqtt else 'broker to read from'}")
    return telegraf_launch(plan.state, plan.local_host, ports.any_free(plan.local_host), mqtt, influxdb)


def _grafana(plan: Plan) -> Planned:
    from monty_mqtt_stack.services.grafana import grafana_launch  # noqa: PLC0415 - as Telegraf

    influxdb = plan.history()
    if influxdb is None:
        return LeftOut("grafana", "there is no InfluxDB to show")
    return grafana_launch(plan.state, plan.local_host, plan.port(GRAFANA_PORT, "Grafana"), influxdb)


def _of_history(name: str, plan_service: Callable[[Plan], Planned]) -> Callable[[Plan], Planned]:
    def plan_where_wanted(plan: Plan) -> Planned:
        if not plan.keeps_history:
            return LeftOut(name, "only `monty-mqtt up` keeps a history")
        if "history" in plan.without:
            return LeftOut(name, "--without history")
        try:
            return plan_service(plan)
        except ServiceError as error:
            return LeftOut(name, str(error))
        except ImportError as error:
            return LeftOut(name, f"{error.name} is not installed: {_INSTALL}")

    return plan_where_wanted


_HISTORY = {"influxdb": _influxdb, "telegraf": _telegraf, "grafana": _grafana}

TABLE: Dict[str, Callable[[Plan], Planned]] = {
    "broker": _broker,
    "liveview": _liveview,
    "bridge": _bridge,
    **{name: _of_history(name, plan_service) for name, plan_service in _HISTORY.items()},
}
"""Maps a service's name to the function that plans it. A service finds the services before it in `plan.started`."""

NAMES = (*TABLE, "history", "mosquitto", "amqtt")
"""Names that `--without` accepts: services, `history` for all of its services, and the two programs for the broker."""
