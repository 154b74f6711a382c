"""Implements `monty-mqtt run`: runs an experiment and shows its progress and its summary.

Called by the command line; hands to `watched_experiment`.
"""

from __future__ import annotations

import argparse
from typing import Optional, Sequence

from monty_mqtt.cli_parser import options_of_runner
from monty_mqtt.errors import ConfigError
from monty_mqtt.wire.run_id import new_ending
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.commands.page_port import page_port
from monty_mqtt_stack.processes.stop_signals import Stopped, StopSignals
from monty_mqtt_stack.services.find_services import FarSideAddress, broker_of, parse_address
from monty_mqtt_stack.services.table import ZMQ_PORT, Plan
from monty_mqtt_stack.watch.progress_display import make_display
from monty_mqtt_stack.watch.summary import summary
from monty_mqtt_stack.watch.watched_experiment import Watch, experiment_argv, experiment_name

__all__ = ["command", "run"]


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
        address = FarSideAddress(broker_of(options), parse_address(options.bridge, ZMQ_PORT))
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
            with Watch(plan, display, stop, address) as watch:
                code = watch.run(name, experiment_argv(overrides), ending=ending, log_name=f"{name}-{ending}")
        except Stopped:
            return stop.exit_code
    for line in [*summary(watch.workers(ending)), *watch.afterwards()] if watch.address else ():
        display.say(line)
    return code
