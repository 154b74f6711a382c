"""This benchmark measures the whole hook on real Monty, per step and as a share of the step.

The hook reads the model, publishes and obeys. Each experiment runs alone, through a real bridge to a real Mosquitto.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

from monty_mqtt_bridge.bridge import Bridge
from monty_mqtt_bridge.settings import BridgeConfig
from monty_mqtt_stack.services.mosquitto import Mosquitto

__all__ = ["rows"]

Row = Dict[str, Any]
ROOT = Path(__file__).resolve().parent.parent
MOST_SHARE_PERCENT = 0.5
MOST_WITHOUT_A_BRIDGE_MILLIS = 50
EXPERIMENT_SECS = 900


class Case(NamedTuple):
    """Case is an experiment, and the budget of the hook's median, microseconds."""

    name: str
    overrides: List[str]
    budget_micros: Optional[float]


ONE = "experiment=test/evidence_lm/evidence_mujoco"
FIVE = ["experiment=five_learning_modules", f"hydra.searchpath=[file://{ROOT / 'benchmarks' / 'conf'}]"]
CASES = [
    Case("1 learning module, no frames", [ONE, "+experiment.config.liveview.frames=false"], 60),
    Case("1 learning module, two 64x64 RGB-D sensors", [ONE], 100),
    Case("5 learning modules, six 64x64 RGB-D sensors", FIVE, None),
]


def rows(*, quick: bool = False) -> List[Row]:
    """Return the figures of the hook, and print nothing."""
    result: List[Row] = []
    for case in CASES[1:2] if quick else CASES:
        measured = measure(case)
        costs, steps = sorted(measured["cost_nanos"]), measured["step_nanos"]
        median, p99 = statistics.median(costs) / 1e3, costs[int(len(costs) * 0.99)] / 1e3
        share = 100 * sum(costs) / sum(steps)
        result += [
            row(f"{case.name}: median of {len(costs)} steps", median, "µs", case.budget_micros),
            row("  p99", p99, "µs", None),
            row(f"  share of a step of {statistics.median(steps) / 1e6:.0f} ms", share, "%", MOST_SHARE_PERCENT),
        ]
    return result + without_a_bridge(5 if quick else 20)


def without_a_bridge(runs: int) -> List[Row]:
    """Return how much longer a short run of Monty takes because of its monitor, without a bridge."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, so that no program takes it, and not listened on
        results, port = Path(folder) / "results.json", str(nobody.getsockname()[1])
        in_process(folder, {}, "benchmarks.short_runs", str(runs), port, str(results))
        secs = json.loads(results.read_text())
    watched, plain = (1e3 * statistics.median(secs[kind]) for kind in ("watched", "plain"))
    name = f"a short run of {plain:.0f} ms without a bridge takes longer, median of {runs}"
    return [row(name, watched - plain, "ms", MOST_WITHOUT_A_BRIDGE_MILLIS)]


def row(name: str, measured: float, unit: str, most: Optional[float]) -> Row:
    """Return a row of the table."""
    target, met = (f"<= {most:g} {unit}", measured <= most) if most is not None else (None, None)
    return {"name": name, "measured": measured, "unit": unit, "target": target, "met": met}


def measure(case: Case) -> Dict[str, List[int]]:
    """Run the experiment in a process of its own; return its nanoseconds."""
    with tempfile.TemporaryDirectory() as folder, Mosquitto(folder) as broker:
        config = BridgeConfig(
            zmq_port=0,
            mqtt_port=broker.port,
            mqtt_username="bridge",
            mqtt_password_file=str(broker.password_file("bridge")),
        )
        with Bridge(config) as bridge:
            result = Path(folder) / "result.json"
            in_process(
                folder,
                {"MONTY_MQTT_ZMQ_PORT": str(bridge.zmq_port)},
                "benchmarks.hook_probe",
                str(result),
                *case.overrides,
            )
            return dict(json.loads(result.read_text()))


def in_process(folder: str, environment: Dict[str, str], module: str, *arguments: str) -> None:
    """Run one of our modules in a process of its own, with Monty's files in the folder."""
    folders = dict.fromkeys(("MONTY_LOGS", "MONTY_MODELS", "MONTY_DATA"), folder)
    environment = {**os.environ, "WANDB_MODE": "disabled", **folders, **environment}
    command = [sys.executable, "-m", module, *arguments]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=EXPERIMENT_SECS, capture_output=True)
