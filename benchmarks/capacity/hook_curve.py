"""This module measures the hook over objects, learning modules and hypotheses, on Monty's own learning modules.

Called by `loads`. The learning modules hold hypotheses as after a step; there is no experiment around them, no bridge,
and there are no frames.
"""

from __future__ import annotations

import statistics
import time
from importlib import import_module
from typing import Any, Dict, List, NamedTuple

import numpy as np

from benchmarks.bridge import row
from monty_mqtt import ZmqBroadcaster
from monty_mqtt.config import LiveViewConfig
from monty_mqtt.monitor.commands import CommandObeyer
from monty_mqtt.monitor.error_guard import ErrorGuard
from monty_mqtt.monitor.monitor_cost import MonitorCost
from monty_mqtt.monitor.progress import ProgressTracker
from monty_mqtt.monitor.step_hook import StepPublisher

__all__ = ["rows"]

Row = Dict[str, Any]
NOBODY = 9


class Shape(NamedTuple):
    """Shape is a number of learning modules, the objects that each knows, and the hypotheses about each object."""

    modules: int
    objects: int
    hypotheses: int


SHAPES = (
    *(Shape(modules, 4, 500) for modules in (1, 5, 32)),
    *(Shape(5, objects, 500) for objects in (77, 500)),
    *(Shape(5, 4, hypotheses) for hypotheses in (50, 5_000, 50_000)),
)


def rows(*, quick: bool) -> List[Row]:
    """Return the median time of the hook for each shape."""
    return [figure(shape, 20 if quick else 200) for shape in (SHAPES[:1] if quick else SHAPES)]


def figure(shape: Shape, steps: int) -> Row:
    """Return the hook's time for a shape."""
    name = f"hook, {shape.modules} learning modules x {shape.objects} objects x {shape.hypotheses} hypotheses"
    return row(f"{name}, median of {steps}", median_micros(shape, steps), "µs", "", met=None)


def median_micros(shape: Shape, steps: int) -> float:
    """Return the median of the hook's time, microseconds."""
    model = model_of(shape)
    took = []
    with ZmqBroadcaster(run_id="hook-curve", zmq_port=NOBODY, spool_mib=0) as broadcaster:
        config = LiveViewConfig(frames=False)
        parts = (broadcaster, config, ProgressTracker(0.0, {}), CommandObeyer(broadcaster), ErrorGuard(strict=True))
        publisher = StepPublisher(*parts, MonitorCost())
        for step in range(steps):
            began = time.perf_counter()
            publisher.publish(model, step, {}, [])
            took.append(time.perf_counter() - began)
    return 1e6 * statistics.median(took)


def model_of(shape: Shape) -> Any:
    """Return a model of this shape, after a step; all objects share one set of hypotheses."""
    kit = import_module("tests.kit.monty.monty_models")
    hypotheses = kit.space(np.random.default_rng(1).random(shape.hypotheses))
    names = [f"object_{number}" for number in range(shape.objects)]
    modules = [kit.evidence_lm({name: [1.0] for name in names}, f"LM_{number}") for number in range(shape.modules)]
    for module in modules:
        module._hypotheses = dict.fromkeys(names, hypotheses)  # noqa: SLF001 - Monty has no public name for it
    return kit.model(*modules)
