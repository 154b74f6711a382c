"""This module runs the recognising half of the demo with and without the monitor, in turn, and compares the pairs.

usage: python -m benchmarks slowdown

Without: Monty's own runner, and nothing of monty_mqtt in the process. With: `python -m monty_mqtt.run`, and a far side
without history beside it, as `monty-mqtt up` starts it, with no browser. The far side's processor time is that between
two moments before and after a watched run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

import msgspec
import psutil

from benchmarks.history import running
from benchmarks.slowdown import bridge_cost
from benchmarks.slowdown.intervals import Estimate, median_of
from benchmarks.slowdown.probe import Mark, Times
from monty_mqtt.conf_files import conf_dir
from monty_mqtt_core.settings.state_dir import FarSide, StateDir

__all__ = ["rows"]

Row = Dict[str, Any]
PAIRS, QUICK_PAIRS = 9, 1
EXPERIMENT_SECS = 900
LEARN, RECOGNISE = "experiment=monty_mqtt_demo_learn", "experiment=monty_mqtt_demo_recognise"
ONE_OBJECT = "experiment.config.eval_env_interface_args.object_names=[capsule3DSolid]"
ONE_ROTATION = "experiment.config.eval_env_interface_args.object_init_sampler.rotations=[[0.0,45.0,0.0]]"
SHORT = ("experiment.config.n_eval_epochs=1", ONE_OBJECT, ONE_ROTATION)
VERY_SHORT = (*SHORT, "experiment.config.recognition_policy.max_eval_steps=5")
MOST_STARTUP_SECS = 0.3


class Case(NamedTuple):
    """Case says which cores Monty and the far side have (`taskset -c`), and the greatest share of the steps' time."""

    name: str
    monty_cores: str
    far_side_cores: str
    most_percent: float


CASES = (
    Case("on the same two cores", "0,1", "0,1", 1.5),
    Case("Monty alone on core 0", "0", "1", 1.0),
)


class Run(NamedTuple):
    """Run is one run of the experiment: wall and processor seconds of its start-up, its steps and the whole."""

    startup: Mark
    steps: Mark
    whole: Mark
    times: Times


class Pair(NamedTuple):
    """Pair is a run without and one with the monitor, and the far side's processor seconds during the latter."""

    plain: Run
    watched: Run
    far_side: Dict[str, float]


def rows(*, quick: bool = False) -> List[Row]:
    """Return the figures, and print nothing."""
    with tempfile.TemporaryDirectory() as where:
        folder = Path(where)
        learn(folder, quick=quick)
        figures = [figure for case in CASES for figure in compared(case, folder, quick=quick)]
        return figures + bridge_cost.rows(folder, quick=quick)


def compared(case: Case, folder: Path, *, quick: bool) -> Iterator[Row]:
    """Run the pairs of a case; yield its figures."""
    with far_side(folder, case.far_side_cores) as services:
        command = ("taskset", "-c", case.monty_cores, sys.executable, "-m", "benchmarks.slowdown.probe")
        overrides = (RECOGNISE, *(VERY_SHORT if quick else SHORT))
        pairs = []
        for number in range(QUICK_PAIRS if quick else PAIRS):
            runs: Dict[str, Run] = {}
            used: Dict[str, float] = {}
            for kind in ("plain", "watched") if number % 2 else ("watched", "plain"):
                before = cpu_secs(services)
                runs[kind] = run(command, kind, overrides, folder, services)
                if kind == "watched":
                    used = {name: secs - before[name] for name, secs in cpu_secs(services).items()}
            pairs.append(Pair(runs["plain"], runs["watched"], used))
    yield from figures_of(case, pairs)


def figures_of(case: Case, pairs: List[Pair]) -> Iterator[Row]:
    """Yield the figures of a case."""
    steps, secs = len(pairs[0].plain.times.steps), pairs[0].plain.steps.wall_secs

    def of(measure: Callable[[Pair], float]) -> Estimate:
        return median_of([measure(pair) for pair in pairs])

    longer = of(lambda pair: 100 * (pair.watched.steps.wall_secs / pair.plain.steps.wall_secs - 1))
    name = f"{case.name}: {steps} steps in {secs:.0f} s take longer, median of {len(pairs)} pairs"
    yield row(name, longer, "%", case.most_percent)
    each = of(lambda pair: 100 * (median_ratio(pair.watched.times.steps, pair.plain.times.steps) - 1))
    yield row("  step by step, the median step", each, "%", None)
    least = 100 * (fastest_secs([pair.watched for pair in pairs]) / fastest_secs([pair.plain for pair in pairs]) - 1)
    yield row("  each step in the fastest of its runs", median_of([least]), "%", None)
    busy = of(lambda pair: 100 * (pair.watched.steps.cpu_secs / pair.plain.steps.cpu_secs - 1))
    yield row("  processor time of its own process", busy, "%", None)
    own = of(lambda pair: 100 * pair.watched.times.monitor_secs / pair.watched.steps.wall_secs)
    yield row("  of which by the monitor's own clock", own, "%", None)
    later = of(lambda pair: pair.watched.startup.wall_secs - pair.plain.startup.wall_secs)
    yield row("  the first step begins later", later, "s", MOST_STARTUP_SECS)
    later = of(lambda pair: pair.watched.startup.cpu_secs - pair.plain.startup.cpu_secs)
    yield row("  processor time until then, more", later, "s", None)
    whole = of(lambda pair: 100 * (pair.watched.whole.wall_secs / pair.plain.whole.wall_secs - 1))
    yield row("  the whole program takes longer", whole, "%", None)
    for service in pairs[0].far_side:
        yield row(f"  {service}, processor time a step", micros_a_step(service, pairs), "µs", None)


def micros_a_step(service: str, pairs: List[Pair]) -> Estimate:
    """Return the microseconds of processor time that a service takes for a step."""
    return median_of([1e6 * pair.far_side[service] / len(pair.watched.times.steps) for pair in pairs])


def median_ratio(watched: List[float], plain: List[float]) -> float:
    """Return the median of the ratios of steps: both runs take the same steps.

    Raises:
        RuntimeError: They took different numbers of steps, so nothing can be compared.
    """
    if len(watched) != len(plain):
        raise RuntimeError(f"{len(watched)} steps with the monitor, {len(plain)} without")
    return median_of([ours / theirs for ours, theirs in zip(watched, plain)]).median


def fastest_secs(runs: List[Run]) -> float:
    """Return the seconds of all steps, each in the run that took it fastest: most of the noise is not in it."""
    return sum(map(min, zip(*(run.times.steps for run in runs))))


def row(name: str, measured: Estimate, unit: str, most: float | None) -> Row:
    """Return a row of the table; the target is for the median."""
    target, met = (f"<= {most:g} {unit}", measured.median <= most) if most is not None else (None, None)
    interval = [measured.low, measured.high]
    return {"name": name, "measured": measured.median, "interval": interval, "unit": unit, "target": target, "met": met}


def learn(folder: Path, *, quick: bool) -> None:
    """Have the demo's first half make the model that the second half recognises."""
    short = ("experiment.config.n_train_epochs=1", ONE_OBJECT.replace("eval_env", "train_env")) if quick else ()
    command = (sys.executable, "-m", "benchmarks.slowdown.probe")
    finished(command, "plain", (LEARN, *short), folder, environment(folder))


def run(command: tuple[str, ...], kind: str, overrides: tuple[str, ...], folder: Path, services: FarSide) -> Run:
    """Run the experiment in a process of its own; return what it took."""
    ports = {"MONTY_MQTT_ZMQ_PORT": str(services.services["bridge"].port)}
    began = time.monotonic()
    times = finished(command, kind, overrides, folder, {**environment(folder), **ports})
    ended = time.monotonic()
    assert times.first is not None
    assert times.last is not None
    first, last = times.first, times.last
    startup = Mark(first.wall_secs - began, first.cpu_secs)
    steps = Mark(last.wall_secs - first.wall_secs, last.cpu_secs - first.cpu_secs)
    return Run(startup, steps, Mark(ended - began, last.cpu_secs), times)


def finished(
    command: tuple[str, ...], kind: str, overrides: tuple[str, ...], folder: Path, variables: Dict[str, str]
) -> Times:
    """Run the probe; return what it noted."""
    result = folder / "times.json"
    search = f"hydra.searchpath=[file://{conf_dir()}]"
    words = (*command, kind, str(result), *overrides, *((search,) if kind == "plain" else ()))
    subprocess.run(words, env=variables, check=True, timeout=EXPERIMENT_SECS, capture_output=True)
    return msgspec.json.decode(result.read_bytes(), type=Times)


def environment(folder: Path) -> Dict[str, str]:
    """Return the environment of an experiment, with its files in the folder."""
    folders = dict.fromkeys(("MONTY_LOGS", "MONTY_MODELS", "MONTY_DATA"), str(folder))
    return {**os.environ, **folders, "WANDB_MODE": "disabled", "MUJOCO_GL": "egl"}


@contextmanager
def far_side(folder: Path, cores: str) -> Iterator[FarSide]:
    """Run a far side without history on these cores."""
    state = StateDir(folder / f"far-side-{cores}")
    with running(state, "history", before=("taskset", "-c", cores)) as services:
        yield services


def cpu_secs(far: FarSide) -> Dict[str, float]:
    """Return the processor seconds that each service has used."""
    return {name: used_secs(psutil.Process(endpoint.pid)) for name, endpoint in far.services.items()}


def used_secs(process: psutil.Process) -> float:
    """Return the processor seconds of a process and its children."""
    times = process.cpu_times()
    ended = times.children_user + times.children_system
    return float(times.user + times.system + ended) + sum(map(used_secs, process.children()))
