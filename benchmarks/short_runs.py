"""This program repeats a very short experiment in one process, watched and plain in turn, without a bridge.

usage: python -m benchmarks.short_runs COUNT PORT RESULTS.json
Results: the seconds of every run, {"watched": […], "plain": […]}.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import tbp.monty.hydra  # noqa: F401 - registers Monty's resolvers
from hydra import compose, initialize_config_module
from omegaconf import OmegaConf, open_dict
from tbp.monty.hydra import instantiate_experiment

from monty_mqtt.monitored_task import RunNaming, monitored, render_without_a_screen
from monty_mqtt.wire.run_id import new_ending

CONF = Path(__file__).resolve().parent.parent / "tests" / "conf"
OVERRIDES = (
    "experiment=mini_learn",
    "experiment.config.train_env_interface_args.object_names=[cubeSolid]",
    "experiment.config.recognition_policy.policies.1.max_total_steps=3",
    "experiment.config.logging.python_log_to_file=false",
)


def configuration(port: int) -> Any:
    """Return the configuration of the experiment, with this port as that of its bridge."""
    with initialize_config_module("tbp.monty.conf", version_base=None):
        config = compose("experiment", [f"hydra.searchpath=[file://{CONF}]", *OVERRIDES]).experiment
    OmegaConf.set_struct(config, value=False)
    config.config.zmq_port = port
    return config


def watched(config: Any) -> Any:
    """Return the configuration as `monty-mqtt run` would make it."""
    made = config.copy()
    with open_dict(made):
        monitored(made, "mini_learn", RunNaming(new_ending()))
        made.config.liveview.strict = True
    return made


def secs_of(config: Any) -> float:
    """Run the experiment; return its seconds, with its set-up."""
    began = time.perf_counter()
    experiment = instantiate_experiment(config)
    with experiment:
        experiment.run()
    return time.perf_counter() - began


def main(count: str, port: str, results: str) -> None:
    """Run each kind `count` times, in turn; write their seconds."""
    render_without_a_screen()
    plain = configuration(int(port))
    secs_of(plain)
    secs_of(watched(plain))
    secs: dict[str, list[float]] = {"plain": [], "watched": []}
    for _ in range(int(count)):
        secs["plain"].append(secs_of(plain))
        secs["watched"].append(secs_of(watched(plain)))
    Path(results).write_text(json.dumps(secs))


if __name__ == "__main__":
    main(*sys.argv[1:])
