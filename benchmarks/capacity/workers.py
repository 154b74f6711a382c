"""This program simulates workers of Monty: each publishes steps evenly, as its hook would.

usage: python -m benchmarks.capacity.workers LOAD.json PORT SECS

It prints a line with what it took (`Taken`, JSON).
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Any, Dict, List

import msgspec
import numpy as np

from benchmarks.bridge import example_step
from monty_mqtt import ZmqBroadcaster
from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import Hypothesis, LearningModuleStep

STEPS_PER_SEC = 25
WORKERS_A_RUN = 10
SENSORS, SIDE = 6, 64
FRAMES_PER_SEC = 10
"""The hook's own limit: `sensor_image_throttle_ms` is 100."""

MOST_EXAMPLES, LEAST_EXAMPLES, EXAMPLE_NUMBERS = 200, 4, 100_000
FLUSH_SECS = 10.0
LOOK_SECS = 0.2


class Load(msgspec.Struct, frozen=True):
    """Load is what is simulated: so many workers of so many learning modules, each with so many objects."""

    workers: int
    modules: int
    objects: int
    frames: bool = False

    @property
    def name(self) -> str:
        """The load in words."""
        frames = f", {SENSORS} RGB-D sensors of {SIDE}x{SIDE}" if self.frames else ""
        return f"{self.workers} workers x {self.modules} learning modules x {self.objects} objects{frames}"

    @property
    def run(self) -> str:
        """The beginning of the ids of its runs; the first is this with `-0`."""
        return f"load-{self.workers}-{self.modules}-{self.objects}-{int(self.frames)}"


class Taken(msgspec.Struct, frozen=True):
    """Taken says what the workers took, and whether they kept up.

    Attributes:
        steps: Number of steps of all workers.
        secs: Seconds in which they were published.
        cpu_secs: Processor seconds of this process.
        step_bytes: JSON of one step.
        before: Unacknowledged messages of all workers, median of the first third.
        after: The same of the last third.
        flushed: Whether the bridge had everything soon after the last step.
    """

    steps: int
    secs: float
    cpu_secs: float
    step_bytes: int
    before: float
    after: float
    flushed: bool


def examples(load: Load) -> List[Dict[str, Any]]:
    """Return fields of steps, with other evidence in each: on disk, steps that repeat themselves would take nothing."""
    numbers = random.Random(1)
    objects = [f"object_{number}" for number in range(load.objects)]
    count = min(MOST_EXAMPLES, max(LEAST_EXAMPLES, EXAMPLE_NUMBERS // (load.modules * load.objects)))
    return [example(load.modules, objects, numbers) for _ in range(count)]


def example(modules: int, objects: List[str], numbers: random.Random) -> Dict[str, Any]:
    """Return the fields of a step."""
    parts = {}
    for index in range(modules):
        evidence = {name: numbers.uniform(-5, 20) for name in objects}
        location = [numbers.random() for _ in range(3)]
        likely = Hypothesis(object=objects[0], evidence=evidence[objects[0]], location=location)
        parts[f"LM_{index}"] = LearningModuleStep(
            evidence=evidence, most_likely=likely, possible_matches=objects[:2], evidence_threshold=numbers.random()
        )
    return {**example_step(0), "learning_modules": parts}


def publish(load: Load, port: int, secs: float) -> Taken:
    """Publish evenly for so many seconds."""
    workers = [
        ZmqBroadcaster(run_id=f"{load.run}-{number // WORKERS_A_RUN}", worker=f"w{number}", zmq_port=port)
        for number in range(load.workers)
    ]
    steps, images = examples(load), pictures()
    for worker in workers:
        worker.publish(schema.Status, status="running")
    began, began_cpu = time.monotonic(), time.process_time()
    waiting: List[int] = []
    for number, is_due in enumerate(turns(load, began, secs)):
        worker = workers[number % load.workers]
        worker.publish(schema.Step, **{**steps[number % len(steps)], "total_step": number // load.workers})
        if load.frames and (number // load.workers) % 5 < FRAMES_PER_SEC * 5 // STEPS_PER_SEC:
            publish_frames(worker, number // load.workers, images)
        if is_due:
            waiting.append(sum(each.counts.unacknowledged for each in workers))
    took, cpu = time.monotonic() - began, time.process_time() - began_cpu
    flushed = all(worker.flush(FLUSH_SECS) for worker in workers)
    for worker in workers:
        worker.close(flush_secs=0.1)
    third = max(1, len(waiting) // 3)
    before, after = statistics.median(waiting[:third]), statistics.median(waiting[-third:])
    total = int(load.workers * STEPS_PER_SEC * secs)
    return Taken(total, took, cpu, len(msgspec.json.encode(steps[0])), before, after, flushed)


def turns(load: Load, began: float, secs: float) -> Iterator[bool]:
    """Wait for each step's time; yield whether it is time to look at what is not acknowledged."""
    look_at = began
    for number in range(int(load.workers * STEPS_PER_SEC * secs)):
        ahead = began + number / (load.workers * STEPS_PER_SEC) - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
        is_due = time.monotonic() >= look_at
        if is_due:
            look_at += LOOK_SECS
        yield is_due


def pictures() -> Dict[str, bytes]:
    """Return the pixels of a camera and of a depth image."""
    colours = np.random.default_rng(1).integers(0, 256, SIDE * SIDE * 4, np.uint8)
    return {"rgba": colours.tobytes(), "depth": np.linspace(0.3, 0.6, SIDE * SIDE, dtype="<f4").tobytes()}


def publish_frames(worker: ZmqBroadcaster, step: int, images: Dict[str, bytes]) -> None:
    """Publish colour and depth of each sensor."""
    for sensor in range(SENSORS):
        for modality, pixels in images.items():
            head = {"sensor": f"patch_{sensor}", "modality": modality, "height": SIDE, "width": SIDE}
            worker.publish(schema.Frame, (pixels,), episode=0, step=step, total_step=step, **head)


if __name__ == "__main__":
    taken = publish(msgspec.json.decode(sys.argv[1], type=Load), int(sys.argv[2]), float(sys.argv[3]))
    print(msgspec.json.encode(taken).decode())
