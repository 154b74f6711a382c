"""The whole hook on real Monty: reading the model, publishing, obeying; per step, and as a share of the step.

Each experiment runs alone, through a real bridge to a real Mosquitto.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

from monty_mqtt_bridge.config import BridgeConfig
from monty_mqtt_bridge.service import Bridge
from monty_mqtt_stack.broker import Mosquitto

__all__ = ["rows"]

Row = Dict[str, Any]
ROOT = Path(__file__).resolve().parent.parent
MOST_SHARE_PERCENT = 0.5
EXPERIMENT_SECS = 900


class Case(NamedTuple):
    """What is run, and the budget of the hook's median, microseconds."""

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
    return result


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
            environment = {**os.environ, "MONTY_MQTT_ZMQ_PORT": str(bridge.zmq_port), "WANDB_MODE": "disabled"}
            for name in ("MONTY_LOGS", "MONTY_MODELS", "MONTY_DATA"):
                environment[name] = folder
            command = [sys.executable, "-m", "benchmarks.hook_probe", str(result), *case.overrides]
            subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=EXPERIMENT_SECS, capture_output=True)
            return dict(json.loads(result.read_text()))
