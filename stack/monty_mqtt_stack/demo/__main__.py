"""Runs the demo for `make run`: Monty learns four objects, then recognises them, shown live.

Like `commands.run`, with two experiments and the same services. MONTY=0 in the environment plays the committed
recording of the same demo instead, without Monty.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Iterator, List, NamedTuple

from monty_mqtt.errors import MontyMqttError, ServiceError
from monty_mqtt.wire.run_id import new_ending
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.demo.demo_recording import replay_argv
from monty_mqtt_stack.processes.stop_signals import Stopped, StopSignals
from monty_mqtt_stack.services.table import Plan
from monty_mqtt_stack.watch.progress_display import make_display
from monty_mqtt_stack.watch.summary import summary
from monty_mqtt_stack.watch.watched_experiment import WatchedExperiment, experiment_argv

__all__ = ["main"]

_DIRECTORIES = ("MONTY_LOGS", "MONTY_MODELS", "MONTY_DATA")


class _Part(NamedTuple):
    title: str
    argv: List[str]
    ending: str
    log_name: str


def main() -> int:
    """Run the demo; return its exit code: 0 done, 1 failed, 3 aborted by command, 130 Ctrl+C."""
    state = StateDir()
    display = make_display()
    code, workers = 0, []
    with StopSignals() as stop, display:
        try:
            with WatchedExperiment(Plan(state=state), display, stop) as watch:
                for part in _replayed(watch) if os.environ.get("MONTY") == "0" else _real(state):
                    code = watch.run(part.title, part.argv, ending=part.ending, log_name=part.log_name)
                    workers += watch.workers(part.ending)
                    if code:
                        break
        except Stopped:
            return stop.exit_code
    for line in [*summary(workers), *watch.afterwards()] if watch.address else ():
        display.say(line)
    return code


def _real(state: StateDir) -> Iterator[_Part]:
    defaults = {name: str(state.path / "monty" / name.removeprefix("MONTY_").lower()) for name in _DIRECTORIES}
    for name, value in {"WANDB_MODE": "disabled", **defaults}.items():
        os.environ.setdefault(name, value)
    for name in _DIRECTORIES:
        Path(os.environ[name]).mkdir(parents=True, exist_ok=True)
    names = {"monty_mqtt_demo_learn": "demo 1/2, learning", "monty_mqtt_demo_recognise": "demo 2/2, recognising"}
    for name, title in names.items():  # one after the other: a run's id contains its start time
        ending = new_ending()
        yield _Part(title, experiment_argv([f"experiment={name}"]), ending, log_name=f"{name}-{ending}")


def _replayed(watch: WatchedExperiment) -> Iterator[_Part]:
    if watch.address is None:
        raise ServiceError("nothing to replay to without a broker and a bridge")
    ending = new_ending()
    yield _Part("demo, replayed", replay_argv(watch.address.bridge, ending), ending, log_name="replay")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except MontyMqttError as error:
        sys.exit(f"monty-mqtt: {error}")
