"""Runs the same very short experiment again and again in one process, watched and not in turn, without a bridge.

`python short_runs.py CONF COUNT PORT RESULTS.json`. Results: of every run its seconds on the clock and on the
processor, {"watched": [[clock, processor], …], "plain": […]}.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import time
from pathlib import Path
from typing import Any

import tbp.monty.hydra  # noqa: F401 - registers Monty's resolvers
from hydra import compose, initialize_config_module
from omegaconf import OmegaConf, open_dict
from tbp.monty.hydra import instantiate_experiment

from monty_mqtt.run import monitored

OVERRIDES = (
    "experiment=mini_learn",
    "experiment.config.train_env_interface_args.object_names=[cubeSolid]",
    "experiment.config.recognition_policy.policies.1.max_total_steps=3",
    "experiment.config.logging.python_log_to_file=false",
)


def configuration(conf: str, port: int) -> Any:
    with initialize_config_module("tbp.monty.conf", version_base=None):
        config = compose("experiment", [f"hydra.searchpath=[{conf}]", *OVERRIDES]).experiment
    OmegaConf.set_struct(config, value=False)
    config.config.zmq_port = port
    return config


def watched(config: Any) -> Any:
    made = config.copy()
    with open_dict(made):
        monitored(made, "mini_learn", dt.datetime.now(dt.timezone.utc))
        made.config.liveview.strict = True
    return made


def secs_of(config: Any) -> tuple[float, float]:
    began, worked = time.perf_counter(), time.process_time()
    experiment = instantiate_experiment(config)
    with experiment:
        experiment.run()
    return time.perf_counter() - began, time.process_time() - worked


def main() -> None:
    conf, count, port, results = sys.argv[1:]
    plain = configuration(conf, int(port))
    secs_of(plain)
    secs_of(watched(plain))
    found: dict[str, list[tuple[float, float]]] = {"plain": [], "watched": []}
    for _ in range(int(count)):
        found["plain"].append(secs_of(plain))
        found["watched"].append(secs_of(watched(plain)))
    Path(results).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
