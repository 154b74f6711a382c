"""Implements `monty-mqtt up`: starts the services and keeps them running until Ctrl+C.

Called by the command line; hands to `supervisor`.
"""

from __future__ import annotations

import argparse
import os
from contextlib import ExitStack
from typing import List, Optional, Sequence

from monty_mqtt.errors import ConfigError, ServiceError
from monty_mqtt_core.reading.mqtt_client import BrokerAddress
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.commands.thin import StepThinning
from monty_mqtt_stack.notify import addresses
from monty_mqtt_stack.notify.notifications import Notifications
from monty_mqtt_stack.notify.receiver import Receiver
from monty_mqtt_stack.processes.stop_signals import Stopped, StopSignals
from monty_mqtt_stack.services.broker_tls import check_given
from monty_mqtt_stack.services.influxdb import InfluxDB
from monty_mqtt_stack.services.supervisor import Supervisor
from monty_mqtt_stack.services.table import Plan, check_without
from monty_mqtt_stack.watch.message_lines import table

__all__ = ["command", "report", "up"]

_TICK_SECS = 0.2


def up(plan: Plan, receivers: Sequence[Receiver] = ()) -> int:
    """Start the services, print what runs, keep them running until a signal; return the exit code.

    Ctrl+C and SIGTERM are the ordinary end: 0.

    Args:
        plan: What to start.
        receivers: Who is notified of what happens to runs.

    Raises:
        ServiceError: A needed service cannot start.
    """
    with StopSignals() as stop:
        try:
            with Supervisor(plan, _say, lambda: stop.number is not None) as supervisor, ExitStack() as more:
                for line in report(supervisor, plan):
                    _say(line)
                influxdb = plan.history()
                if plan.keep_steps_days and influxdb:
                    more.enter_context(StepThinning(plan.state, influxdb, plan.keep_steps_days, _say))
                if receivers:
                    more.enter_context(_notifications(plan, receivers))
                while not stop.wait(_TICK_SECS):
                    supervisor.check()
                _say("stopping")
        except Stopped:
            pass
    _say("stopped")
    return 0


def command(options: argparse.Namespace) -> int:
    """Run `monty-mqtt up`; return the exit code."""
    state = StateDir(options.state_dir)
    receivers = addresses.receivers(options.notify, os.environ, state)
    return up(
        Plan(
            state=state,
            host=options.host,
            certificate=check_given(options.host, options.tls_cert, options.tls_key),
            without=check_without(options.without),
            keeps_history=True,
            influxdb=_influxdb(options.influxdb, options.influxdb_org),
            keep_steps_days=options.keep_steps_days,
            mqtt_port=options.mqtt_port,
            zmq_port=options.zmq_port,
            liveview_port=options.liveview_port,
            panels=options.panels,
            title=options.title,
        ),
        receivers,
    )


def _notifications(plan: Plan, receivers: Sequence[Receiver]) -> Notifications:
    broker, page = plan.started.get("broker"), plan.started.get("liveview")
    if broker is None:
        raise ServiceError("notifications need the broker, which is left out here")
    _say(f"notifications: {', '.join(receiver.name for receiver in receivers)}")
    return Notifications(plan.state, BrokerAddress(broker.host, broker.port), page.url if page else "", receivers, _say)


def _influxdb(url: Optional[str], org: str) -> Optional[InfluxDB]:
    if url is None:
        return None
    if not url.startswith(("http://", "https://")):
        raise ConfigError("--influxdb", url, "an address, such as http://127.0.0.1:8086")
    return InfluxDB(url.rstrip("/"), org)


def report(supervisor: Supervisor, plan: Plan) -> List[str]:
    """Return lines of text: which service runs where, what is left out and why, and how to watch messages."""
    endpoints = supervisor.far_side.services
    rows = [[name, endpoint.url, f"{endpoint.program} (pid {endpoint.pid})"] for name, endpoint in endpoints.items()]
    lines = table(rows)
    lines += [f"left out: {name}: {why}" for name, why in supervisor.left_out.items()]
    lines += plan.notes
    broker = endpoints.get("broker")
    if broker:
        lines.append(f"watch: {BrokerAddress(broker.host, broker.port).subscribe_line}")
    return [*lines, f"state, secrets, logs: {plan.state.path}   Ctrl+C stops everything"]


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command's output
