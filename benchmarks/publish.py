"""This benchmark measures what publishing costs the experiment's thread, against alternatives in the same run.

usage: python -m benchmarks publish

Blocks of steps of every contender take turns, so that other load on the machine affects all alike. Our messages go to a
real ROUTER in another process, which decodes and acknowledges; the first version's to a real SUB; wandb and
tensorboardX write their files. Monty's part, the evidence of each object, is ready before the clock starts.
"""

from __future__ import annotations

import base64
import io
import json
import multiprocessing
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Callable, ContextManager, Dict, Iterator, List, Optional

import numpy as np
import zmq
from PIL import Image

from monty_mqtt import ZmqBroadcaster
from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import Hypothesis, LearningModuleStep, SensorModuleStep

__all__ = ["rows"]

ROOT = Path(__file__).resolve().parent.parent
OBJECTS = [f"object_{number}" for number in range(10)]
HYPOTHESIS_COUNTS = {name: 1200 + number for number, name in enumerate(OBJECTS)}
LOCATION: List[Optional[float]] = [0.0123456789012345, 1.5234567890123456, -0.0345678901234567]
ROTATION: List[Optional[float]] = [0.0, 0.7071067811865475, 0.0, 0.7071067811865476]
BLOCK = 100
SETTLE_SECS = 0.2
MICROS = 1e-3

Row = Dict[str, Any]
Evidence = Dict[str, Optional[float]]
Publish = Callable[[int, Evidence], None]


def rows(*, quick: bool = False) -> List[Row]:
    """Return the figures of publishing, and print nothing."""
    with ExitStack() as stack:
        contenders = {name: stack.enter_context(Contender(name)) for name in CONTENDERS}
        nanos = take_turns(contenders, blocks=2 if quick else 20)
    return table(nanos) + without_a_bridge(runs=3 if quick else 20)


def table(nanos: Dict[str, List[int]]) -> List[Row]:
    """Return the rows made of each step's nanoseconds."""
    median = {name: statistics.median(taken) * MICROS for name, taken in nanos.items()}
    p99 = {name: statistics.quantiles(taken, n=100)[98] * MICROS for name, taken in nanos.items()}
    return [
        at_most("publishing one step, 10 objects: median", median["ours"], "µs", 15),
        at_most("publishing one step, 10 objects: p99", p99["ours"], "µs", None),
        at_most("the same with two 64x64 RGB-D sensors: median", median["ours_frames"], "µs", None),
        at_most("the same with two 64x64 RGB-D sensors: p99", p99["ours_frames"], "µs", None),
        at_most("wandb.log offline: median", median["wandb"], "µs", None),
        at_most("tensorboardX: median", median["tensorboardx"], "µs", None),
        at_most("first version's four messages, json + PUB: median", median["first"], "µs", None),
        at_most("PNG + base64 in the loop, two RGB-D sensors: median", median["first_frames"], "µs", None),
        at_least("wandb.log offline / ours", median["wandb"] / median["ours"], 25),
        at_least("tensorboardX / ours", median["tensorboardx"] / median["ours"], 60),
        at_least("json + PUB / ours", median["first"] / median["ours"], 3),
        at_least(
            "PNG + base64 in the loop / ours, with two RGB-D sensors",
            median["first_frames"] / median["ours_frames"],
            30,
        ),
    ]


def at_most(name: str, measured: float, unit: str, target: Any) -> Row:
    """Return a row that is met if `measured` is not above the target; None: no target."""
    met = None if target is None else measured <= target
    return {
        "name": name,
        "measured": measured,
        "unit": unit,
        "target": None if target is None else f"<= {target} {unit}",
        "met": met,
    }


def at_least(name: str, measured: float, target: float) -> Row:
    """Return a row of a ratio that is met if it is not below the target."""
    return {"name": name, "measured": measured, "unit": "x", "target": f">= {target} x", "met": measured >= target}


class Contender:
    """Contender is a process that publishes blocks of steps on request, with its own threads, as if it ran alone."""

    def __init__(self, name: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._here, there = context.Pipe()
        self._process = context.Process(target=contend, args=(name, there))

    def __enter__(self) -> Contender:  # noqa: PYI034 - Self needs Python 3.11
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._here.send(None)
        self._process.join(30)
        self._process.kill()

    def block(self, first_step: int) -> List[int]:
        """Return the nanoseconds of each step of one block."""
        self._here.send(first_step)
        nanos: List[int] = self._here.recv()
        return nanos


def contend(name: str, pipe: Any) -> None:
    """Publish the blocks that the pipe requests."""
    with CONTENDERS[name]() as publish:
        while (first_step := pipe.recv()) is not None:
            nanos = []
            for step in range(first_step, first_step + BLOCK):
                evidence: Evidence = {name: random.uniform(-5, 40) for name in OBJECTS}
                started = time.perf_counter_ns()
                publish(step, evidence)
                nanos.append(time.perf_counter_ns() - started)
            time.sleep(SETTLE_SECS)  # work that is left must not slow the next contender
            pipe.send(nanos)


def take_turns(contenders: Dict[str, Contender], blocks: int) -> Dict[str, List[int]]:
    """Return the nanoseconds of each contender's steps; the first block warms up and does not count."""
    taken: Dict[str, List[int]] = {name: [] for name in contenders}
    order = list(contenders)
    for block in range(blocks + 1):
        random.shuffle(order)
        for name in order:
            taken[name] += contenders[name].block(block * BLOCK)
    return {name: nanos[BLOCK:] for name, nanos in taken.items()}


@contextmanager
def ours(run: str, *, with_frames: bool) -> Iterator[Publish]:
    """Publish to a ROUTER in another process."""
    router = [sys.executable, str(ROOT / "tests" / "kit" / "zmq_router.py")]
    with subprocess.Popen(router, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        port = int(process.stdout.readline())
        b = ZmqBroadcaster(run_id=run, zmq_port=port, strict=True)
        frames = sensor_frames() if with_frames else {}

        def publish(step: int, evidence: Evidence) -> None:
            b.publish(schema.Step, **step_fields(step, evidence))
            for sensor, images in frames.items():
                for modality, pixels in images.items():
                    b.publish(
                        schema.Frame,
                        [pixels.data],
                        sensor=sensor,
                        modality=modality,
                        episode=0,
                        step=step,
                        total_step=step,
                        height=64,
                        width=64,
                    )

        yield publish
        b.close()
        counts = b.counts
        if counts.unacknowledged or counts.dropped or counts.bulk_dropped:
            raise RuntimeError(f"the receiver did not get everything: {counts}")
        assert process.stdin
        process.stdin.close()


def step_fields(step: int, evidence: Evidence) -> Dict[str, Any]:
    """Return the fields of a `step` as the hook makes them: one learning module that knows ten objects."""
    most_likely = Hypothesis(
        object=OBJECTS[-1],
        evidence=evidence[OBJECTS[-1]],
        location=LOCATION,
        rotation=ROTATION,
        scale=1.0,
    )
    learning_module = LearningModuleStep(
        evidence=evidence,
        most_likely=most_likely,
        second_object=OBJECTS[-2],
        margin=1.0,
        possible_matches=OBJECTS[5:],
        evidence_threshold=9.8,
        hypothesis_counts=HYPOTHESIS_COUNTS,
        target_object=OBJECTS[0],
    )
    return {
        "mode": "eval",
        "epoch": 0,
        "episode": 3,
        "step": step,
        "total_step": step,
        "step_type": "matching_step",
        "step_secs": 0.04,
        "learning_modules": {"LM_0": learning_module},
        "sensor_modules": {"patch": SensorModuleStep(location=LOCATION, on_object=True)},
    }


def sensor_frames() -> Dict[str, Dict[str, np.ndarray[Any, Any]]]:
    """Return two sensors' frames with realistic content: a lit ball before a wall."""
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    ball = np.clip(1 - x**2 - y**2, 0, 1)
    rgba = np.stack([200 * ball, 120 * ball + 40, 90 * np.sqrt(ball) + 30, np.full_like(x, 255)], axis=-1)
    noisy = np.clip(rgba + np.random.default_rng(0).normal(0, 2, rgba.shape), 0, 255).astype(np.uint8)
    depth = np.where(ball > 0, 1.5 - 0.1 * np.sqrt(ball), 2.0).astype(np.float32)
    return {sensor: {"rgba": noisy.copy(), "depth": depth.copy()} for sensor in ("patch", "view_finder")}


@contextmanager
def first_version(*, with_frames: bool) -> Iterator[Publish]:
    """Send the first version's messages of a step: three of state, one of evidence; frames as PNG in base64."""
    context = zmq.Context()
    publisher = context.socket(zmq.PUB)
    publisher.set(zmq.LINGER, 0)
    port = publisher.bind_to_random_port("tcp://127.0.0.1")
    code = f"import zmq; s = zmq.Context().socket(zmq.SUB); s.connect('tcp://127.0.0.1:{port}'); s.subscribe(b''); "
    code += "print(flush=True)\nwhile True: s.recv()"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as subscriber:
        assert subscriber.stdout
        subscriber.stdout.readline()
        frames = sensor_frames() if with_frames else {}

        def send(kind: str, fields: Dict[str, Any]) -> None:
            publisher.send_string(json.dumps({"type": kind, **fields}), zmq.NOBLOCK)

        def publish(step: int, evidence: Evidence) -> None:
            progress = {**dict.fromkeys(PROGRESS, step), "experiment_mode": "eval"}
            send("state", {**progress, "last_update": time.time()})
            send("state", {"current_step": step})
            send("state", {**progress, "last_update": time.time()})
            chart = {"step": step, "evidences": evidence, "target_object": OBJECTS[0], "episode": 3}
            send("data", {"stream": "evidence_chart", **chart, "timestamp": time.time(), "run_name": "x"})
            for sensor, images in frames.items():
                encoded = {f"{modality}_image": png_base64(pixels) for modality, pixels in images.items()}
                send("data", {"stream": "sensor_images", **encoded, "step": step, "run_name": f"x:{sensor}"})

        yield publish
        subscriber.kill()
    publisher.close()
    context.term()


PROGRESS = (
    "total_train_steps", "train_episodes", "train_epochs", "total_eval_steps", "eval_episodes", "eval_epochs",
    "current_epoch", "current_episode",
)  # fmt: skip


def png_base64(pixels: np.ndarray[Any, Any]) -> str:
    """Return a frame as the first version sent it; depth scaled to its own range."""
    if pixels.dtype != np.uint8:
        pixels = ((pixels - pixels.min()) / (np.ptp(pixels) or 1) * 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


def numbers(evidence: Evidence) -> Dict[str, Any]:
    """Return the numbers of `step_fields` by name, for libraries that log only named numbers."""
    named: Dict[str, Any] = {f"evidence/{name}": value for name, value in evidence.items()}
    named.update({f"hypothesis_count/{name}": count for name, count in HYPOTHESIS_COUNTS.items()})
    named.update({"location/x": LOCATION[0], "location/y": LOCATION[1], "location/z": LOCATION[2]})
    named.update({"rotation/x": ROTATION[0], "rotation/y": ROTATION[1], "rotation/z": ROTATION[2]})
    named.update({"rotation/w": ROTATION[3], "scale": 1.0, "margin": 1.0, "evidence_threshold": 9.8})
    named.update({"step_secs": 0.04, "episode": 3, "possible_matches": 5, "on_object": 1})
    return named


@contextmanager
def wandb_offline() -> Iterator[Publish]:
    """Log the same step with wandb, offline."""
    os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true")
    import wandb  # noqa: PLC0415 - takes seconds, and only this function needs it

    with tempfile.TemporaryDirectory() as folder:
        run = wandb.init(dir=folder, project="benchmark")

        def publish(_step: int, evidence: Evidence) -> None:
            run.log(numbers(evidence))

        yield publish
        run.finish(quiet=True)


@contextmanager
def tensorboardx() -> Iterator[Publish]:
    """Log the same step with tensorboardX."""
    from tensorboardX import SummaryWriter  # type: ignore[import-untyped]  # noqa: PLC0415 - takes seconds

    with tempfile.TemporaryDirectory() as folder:
        writer = SummaryWriter(folder)

        def publish(step: int, evidence: Evidence) -> None:
            for name, value in numbers(evidence).items():
                writer.add_scalar(name, value, step)

        yield publish
        writer.close()


CONTENDERS: Dict[str, Callable[[], ContextManager[Publish]]] = {
    "ours": partial(ours, "step", with_frames=False),
    "ours_frames": partial(ours, "frames", with_frames=True),
    "first": partial(first_version, with_frames=False),
    "first_frames": partial(first_version, with_frames=True),
    "wandb": wandb_offline,
    "tensorboardx": tensorboardx,
}


def without_a_bridge(runs: int) -> List[Row]:
    """Measure a short run without a bridge, from construction to the end of `with`, and the imports."""
    code = """if True:
        import logging, socket, time
        logging.disable()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        started = time.perf_counter()
        import msgspec, zmq
        theirs = time.perf_counter()
        from monty_mqtt import ZmqBroadcaster
        from monty_mqtt.broadcast.link import bridge_link as link
        ours = time.perf_counter()
        with ZmqBroadcaster(run_id="x", zmq_port=port) as b:
            for number in range(50):
                b.publish_metric("loss", number)
        print((time.perf_counter() - ours) * 1e3, (ours - theirs) * 1e3, (theirs - started) * 1e3)
    """
    costs = []
    for _ in range(runs):
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        costs.append([float(word) for word in done.stdout.split()])
    run, ours, theirs = zip(*costs)
    return [
        at_most(f"a short run without a bridge, worst of {runs} processes", max(run), "ms", 50),
        at_most("importing monty_mqtt in such a process: median", statistics.median(ours), "ms", None),
        at_most("importing pyzmq and msgspec in such a process: median", statistics.median(theirs), "ms", None),
    ]
