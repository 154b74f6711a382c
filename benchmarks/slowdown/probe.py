"""This program runs one experiment, by Monty's own runner or monitored, and notes the time of its parts.

usage: python -m benchmarks.slowdown.probe plain|watched RESULT.json experiment=NAME [overrides…]

Wall times are of the machine's monotonic clock, so the parent can compare them with its own; processor times are those
of this process with all its threads.
"""

from __future__ import annotations

import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec


class Mark(msgspec.Struct):
    """Mark is a moment: seconds of the monotonic clock, and seconds of processor time so far."""

    wall_secs: float
    cpu_secs: float


class Times(msgspec.Struct):
    """Times holds what one run noted.

    Attributes:
        first: Before the first step.
        last: After the last episode.
        steps: Seconds of each step, without what is between two episodes.
        monitor_secs: What the monitor itself says that it took.
    """

    first: Mark | None = None
    last: Mark | None = None
    steps: list[float] = []
    monitor_secs: float = 0.0


def main() -> None:
    """Run Monty with the rest of the command line, and write the times."""
    kind, result = sys.argv.pop(1), Path(sys.argv.pop(1))
    times = Times()
    if kind == "watched":
        run: Any = import_module("monty_mqtt.run").main
        note_monitor(times)
    else:
        import_module("tbp.monty.frameworks.run_env").setup_env()
        run = import_module("tbp.monty.frameworks.run").main
    note_steps(times)
    if run():
        sys.exit(f"the {kind} run failed")
    result.write_bytes(msgspec.json.encode(times))


def note_steps(times: Times) -> None:
    """Have Monty's experiment note its steps and episodes; the same for both kinds of runs."""
    experiment = import_module("tbp.monty.frameworks.experiments.monty_experiment").MontyExperiment
    run_step, run_episode = experiment.run_step, experiment.run_episode

    def step(self: Any, *arguments: Any) -> Any:
        times.first = times.first or now()
        began = time.perf_counter()
        actions = run_step(self, *arguments)
        times.steps.append(time.perf_counter() - began)
        return actions

    def episode(self: Any) -> None:
        run_episode(self)
        times.last = now()

    experiment.run_step, experiment.run_episode = step, episode


def note_monitor(times: Times) -> None:
    """Have the monitor's own clock noted."""
    cost = import_module("monty_mqtt.monitor.monitor_cost").MonitorCost
    add = cost.add

    def added(self: Any, nanos: int) -> None:
        add(self, nanos)
        times.monitor_secs += nanos / 1e9

    cost.add = added


def now() -> Mark:
    """Return this moment."""
    return Mark(time.monotonic(), time.process_time())


if __name__ == "__main__":
    main()
