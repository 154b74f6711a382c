"""Implements `monty-mqtt run`: runs an experiment and shows its progress and its summary.

Called by the command line; hands to `watched_experiment`. The page starts before the experiment, in a Python that may
lack Hydra. So `page_port` reads the page's port from what the user writes: an override on the command line, else the
experiment's own file on the search path.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Iterator, Optional, Sequence

from monty_mqtt.cli_parser import options_of_runner
from monty_mqtt.conf_files import conf_dir
from monty_mqtt.errors import ConfigError
from monty_mqtt.wire.run_id import new_ending
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.processes.stop_signals import Stopped, StopSignals
from monty_mqtt_stack.services.find_services import FarSideAddress, broker_of, parse_bridge
from monty_mqtt_stack.services.table import LIVEVIEW_PORT, Plan
from monty_mqtt_stack.watch.progress_display import make_display
from monty_mqtt_stack.watch.summary import summary
from monty_mqtt_stack.watch.watched_experiment import WatchedExperiment, experiment_argv, experiment_name

__all__ = ["command", "page_port", "run"]

_HIGHEST_PORT = 65535
_OVERRIDE = re.compile(r"\+{0,2}experiment\.config\.liveview_port=(\d{1,5})")
_LINE = re.compile(r"^ +liveview_port: *(\d{1,5}) *(?:#.*)?$", re.MULTILINE)
_EXPERIMENT = re.compile(r"\+{0,2}experiment=(.+)")
_SEARCH_PATH = re.compile(r"\+{0,2}hydra\.searchpath=\[(.*)\]", re.DOTALL)


def command(options: argparse.Namespace) -> int:
    """Run `monty-mqtt run`; return the experiment's exit code.

    Raises:
        ConfigError: No experiment is named, or only one of --bridge and --broker is given.
    """
    if not any(word.lstrip("+").startswith("experiment=") for word in options.overrides):
        raise ConfigError("run", " ".join(options.overrides), "experiment=NAME and overrides of it")
    address = None
    if options.bridge or options.broker:
        if not (options.bridge and options.broker):
            raise ConfigError("run", "--bridge" if options.bridge else "--broker", "named with the other of the two")
        address = FarSideAddress(broker_of(options), parse_bridge(options.bridge, StateDir(options.state_dir)))
    plan = Plan(
        state=StateDir(options.state_dir),
        mqtt_port=options.mqtt_port,
        zmq_port=options.zmq_port,
        liveview_port=page_port(options.overrides) if options.liveview_port is None else options.liveview_port,
    )
    return run(options_of_runner(options), plan, address)


def run(overrides: Sequence[str], plan: Plan, address: Optional[FarSideAddress] = None) -> int:
    """Run an experiment; return its exit code: 0 done, 1 failed, 3 aborted by command, 130 Ctrl+C.

    Args:
        overrides: Hydra's overrides: `experiment=NAME`, and changes to it; `--parallel=N` before them.
        plan: The services to start if none are running.
        address: Services to use; None looks for running ones, and else starts them and stops them at the end.
    """
    name = experiment_name(overrides)
    ending = new_ending()
    display = make_display()
    with StopSignals() as stop, display:
        try:
            with WatchedExperiment(plan, display, stop, address) as watch:
                code = watch.run(name, experiment_argv(overrides), ending=ending, log_name=f"{name}-{ending}")
        except Stopped:
            return stop.exit_code
    for line in [*summary(watch.workers(ending)), *watch.afterwards()] if watch.address else ():
        display.say(line)
    return code


def page_port(overrides: Sequence[str]) -> int:
    """Return the page's port; the default if neither the overrides nor the experiment's file name one.

    Args:
        overrides: Hydra's overrides: `experiment=NAME`, and changes to it.
    """
    named = _matches(_OVERRIDE, overrides)
    for file in _files(overrides) if not named else ():
        named += _LINE.findall(_text(file))
    port = int(named[-1]) if named else LIVEVIEW_PORT
    return port if 0 < port <= _HIGHEST_PORT else LIVEVIEW_PORT


def _files(overrides: Sequence[str]) -> Iterator[Path]:
    names = _matches(_EXPERIMENT, overrides)
    for folder in (*_folders(overrides), conf_dir()):
        for name in names:
            yield folder / "experiment" / f"{name}.yaml"


def _folders(overrides: Sequence[str]) -> Iterator[Path]:
    for paths in _matches(_SEARCH_PATH, overrides):
        for part in paths.split(","):
            folder = part.strip().strip("'\"").removeprefix("file://")
            if folder:
                yield Path(folder)


def _matches(pattern: re.Pattern[str], overrides: Sequence[str]) -> list[str]:
    return [match[1] for word in overrides if (match := pattern.fullmatch(word))]


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
