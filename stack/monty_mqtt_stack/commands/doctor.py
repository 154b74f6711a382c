"""Implements `monty-mqtt doctor`: lists what is installed, which ports are free, and how to get the rest.

With `--broker` it tries that broker instead. Called by the command line.
"""

from __future__ import annotations

import argparse
import ctypes.util
import importlib.metadata
import json
import os
import platform
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import List, NamedTuple, Optional

from monty_mqtt_core.settings import ports
from monty_mqtt_core.settings.broker_address import BrokerAddress
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.broker_trial.trial import Outcome, try_broker
from monty_mqtt_stack.processes import programs
from monty_mqtt_stack.services import mosquitto
from monty_mqtt_stack.services import table as services
from monty_mqtt_stack.services.bridge_keys import zmq_encrypts
from monty_mqtt_stack.watch.message_lines import table

__all__ = ["Finding", "as_json", "command", "examine", "report"]

_VERSION_SECS = 10.0
_NEED_WIDTH = 27
_MEGA = 1e6
_SERVER = "pip install 'monty-mqtt[server]'"
_DISTRIBUTIONS = {
    "monty-mqtt": None, "msgspec": _SERVER, "pyzmq": _SERVER, "paho-mqtt": _SERVER, "psutil": _SERVER, "rich": _SERVER,
    "influxdb-client": _SERVER, "numpy": _SERVER, "pillow": _SERVER, "mcap": _SERVER,
}  # fmt: skip
_OPTIONAL = {
    "fastapi": f"only for the page: {_SERVER}",
    "uvicorn": f"only for the page: {_SERVER}",
    "tbp-monty": "Monty: in this Python, or name the one that has it with MONTY_PYTHON",
    "mujoco": "only for experiments on MuJoCo: pip install 'tbp-monty[simulator-mujoco]'",
}


class Finding(NamedTuple):
    """Holds the result of one check. `advice`: what to do, None if nothing. `is_fatal`: no service runs without it."""

    name: str
    found: str
    advice: Optional[str] = None
    is_fatal: bool = False


def command(options: argparse.Namespace) -> int:
    """Run `monty-mqtt doctor`; return the exit code: 1 if the services cannot run here, or at that broker."""
    state = StateDir(options.state_dir)
    if options.broker:
        broker = BrokerAddress.parse(options.broker, "--broker", options.ca_file or "", "--ca-file")
        return _try_broker(broker, options.passwords or state.secrets, prints_json=options.json)
    findings = examine(state)
    print(as_json(findings) if options.json else "\n".join(report(findings)))  # noqa: T201 - a command's output
    return 1 if any(finding.is_fatal and finding.advice for finding in findings) else 0


def _try_broker(broker: BrokerAddress, passwords: Path, *, prints_json: bool) -> int:
    outcomes: List[Outcome] = []
    for outcome in try_broker(broker, passwords):
        outcomes.append(outcome)
        if not prints_json:
            print(_line(outcome), flush=True)  # noqa: T201 - a command's output
    if prints_json:
        print(json.dumps([outcome._asdict() for outcome in outcomes], indent=2))  # noqa: T201 - a command's output
    return 1 if any(outcome.is_met is False for outcome in outcomes) else 0


def _line(outcome: Outcome) -> str:
    word = {True: "ok", False: "MISSING", None: "not tried"}[outcome.is_met]
    return f"{outcome.need:<{_NEED_WIDTH}}  {word:<9}  {outcome.found} ({outcome.why})"


def examine(state: StateDir, host: str = "127.0.0.1") -> List[Finding]:
    """Check packages, programs, ports (on `host`) and the state directory; return one finding for each."""
    findings = [Finding("python", f"{platform.python_version()} ({sys.executable})")]
    findings += [_distribution(name, advice, is_fatal=True) for name, advice in _DISTRIBUTIONS.items()]
    findings += [_distribution(name, advice, is_fatal=False) for name, advice in _OPTIONAL.items()]
    findings += [
        _curve(),
        _egl(),
        _mosquitto(),
        _program("mosquitto_sub", "`apt install mosquitto-clients`; or use `monty-mqtt tail`"),
    ]
    findings += [_history(name) for name in programs.PROGRAMS]
    wanted = {services.MQTT_PORT: "broker", services.ZMQ_PORT: "bridge", services.LIVEVIEW_PORT: "page"}
    findings += [_port(host, port, service, state) for port, service in wanted.items()]
    return [*findings, _state(state), _spools(state)]


def as_json(findings: List[Finding]) -> str:
    """Return the findings as a JSON list, one object per finding, with the names that `Finding` has."""
    return json.dumps([finding._asdict() for finding in findings], indent=2)


def report(findings: List[Finding]) -> List[str]:
    """Return the findings as lines of text; all advice comes last."""
    lines = table([[finding.name, finding.found] for finding in findings])
    advice = [f"{finding.name}: {finding.advice}" for finding in findings if finding.advice]
    return [*lines, "", *(["missing, and what to do:", *advice] if advice else ["nothing is missing"])]


def _distribution(name: str, advice: Optional[str], *, is_fatal: bool) -> Finding:
    try:
        return Finding(name, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, "not installed", advice, is_fatal)


def _mosquitto() -> Finding:
    program = mosquitto.find_mosquitto()
    if program is None:
        amqtt = _distribution("amqtt", _SERVER, is_fatal=True)
        version = f"not installed; amqtt {amqtt.found}, for looking only"
        return Finding("mosquitto", version, mosquitto.HOW_TO_INSTALL, is_fatal=amqtt.advice is not None)
    shown = subprocess.run([program, "-h"], capture_output=True, text=True, check=False, timeout=_VERSION_SECS)  # noqa: S603
    return Finding("mosquitto", f"{(shown.stdout.splitlines() or ['?'])[0]} ({program})")


def _history(name: str) -> Finding:
    program = programs.find(name)
    if program.path is None:
        advice = f"only for history: {programs.PROGRAMS[name].how_to_install}"
        return Finding(name, program.why.partition(":")[0], advice)
    return Finding(name, f"{program.version} ({program.path})")


def _curve() -> Finding:
    if zmq_encrypts():
        return Finding("ZMQ CURVE", "built in, for a bridge that encrypts")
    advice = "only for a bridge on another machine: pip install --force-reinstall pyzmq, whose wheel has it"
    return Finding("ZMQ CURVE", "not built in", advice)


def _egl() -> Finding:
    if sys.platform != "linux" or ctypes.util.find_library("EGL"):
        return Finding("EGL", "installed" if sys.platform == "linux" else "not needed here")
    return Finding("EGL", "not installed", "only for MuJoCo without a screen: `apt install libegl1 libgl1-mesa-dri`")


def _program(name: str, advice: str) -> Finding:
    path = shutil.which(name)
    return Finding(name, path) if path else Finding(name, "not installed", advice)


def _port(host: str, port: int, service: str, state: StateDir) -> Finding:
    name = f"port {port}"
    if ports.is_free(host, port):
        return Finding(name, f"free, for the {service}")
    holder = ports.owner(port) or "another process"
    far_side = state.read_far_side()
    if far_side and any(endpoint.port == port for endpoint in far_side.services.values()):
        return Finding(name, f"our {service}: {holder}")
    return Finding(name, f"taken by {holder}", f"the {service} will use the next free port; `monty-mqtt up` says which")


def _state(state: StateDir) -> Finding:
    mode = stat.S_IMODE(state.secrets.stat().st_mode)
    if not os.access(state.path, os.W_OK):
        return Finding("state", f"{state.path} is not writable", "choose another with --state-dir", is_fatal=True)
    return Finding("state", f"{state.path} (secrets {mode:04o})")


def _spools(state: StateDir) -> Finding:
    spools = list((state.path / "spool").glob("*/*.spool"))
    if not spools:
        return Finding("spool", "nothing is left in it")
    size = sum(path.stat().st_size for path in spools) / _MEGA
    left = f"{len(spools)} files of {len({path.parent for path in spools})} runs, {size:.1f} MB"
    advice = f"what experiments could not deliver; when they have ended: monty-mqtt replay {state.path}/spool/*/*.spool"
    return Finding("spool", left, advice)
