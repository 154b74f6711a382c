"""Floods the broker from a program of its own: with frames, log lines, metrics, and steps among them.

`python -m kit.programs.page_flood PORT PASSWORD RUN FIRST_STEP SECS`: for SECS seconds the worker `main` of a run
publishes steps from FIRST_STEP on, 25 a second, and each second 24 MB of frames, 5,000 log lines and 1,250 values of
10,000 metrics, as far as the machine can. It prints what it sent, as JSON.
"""

from __future__ import annotations

import io
import itertools
import json
import sys
import threading
import time
from typing import Any

import numpy as np
from kit.mqtt_publisher import Client
from PIL import Image

from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.message_pieces import Hypothesis, LearningModuleStep

TICKS_PER_SEC = 50
STEPS, FRAMES, LOGS, METRICS = 25, 100, 5_000, 1_250
NAMES = 10_000
FRAME_BYTES = 240_000
PER_EPISODE = 100
MOST_UNSENT = 500
"""With more unsent messages, a step would wait in this sender for longer than a page may take to show it."""

SIDE = 480


def frame_of(head: bytes, pixels: bytes) -> bytes:
    """Return a JPEG with this comment; encoding each frame would cost more than everything else."""
    at = 20  # after the JFIF header
    return pixels[:at] + b"\xff\xfe" + (len(head) + 2).to_bytes(2, "big") + head + pixels[at:]


def noise() -> bytes:
    colours = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(colours).save(file, "JPEG", quality=85)
    return (file.getvalue() + bytes(FRAME_BYTES))[:FRAME_BYTES]


class Flood:
    """Publishes for one worker; numbers and stamps its messages."""

    def __init__(self, client: Client, run: str, first_step: int) -> None:
        self._client, self._run, self._step = client.client, run, first_step
        self._seqs, self._bulk_seqs, self._names = (
            itertools.count(first_step + 10),
            itertools.count(),
            itertools.count(),
        )
        self._pixels = noise()
        self.sent = {"steps": 0, "frames": 0, "logs": 0, "metrics": 0}

    def tick(self, number: int) -> None:
        """Publish the share of a fiftieth of a second; fewer logs and metrics when the broker does not keep up."""
        if number % (TICKS_PER_SEC // STEPS) == 0:
            self.step()
        for _ in range(FRAMES // TICKS_PER_SEC):
            self.frame()
        if len(self._client._out_messages) > MOST_UNSENT:
            return
        for _ in range(LOGS // TICKS_PER_SEC):
            self.say("logs", schema.Log, level="info", message=f"line {self.sent['logs']}.")
        for _ in range(METRICS // TICKS_PER_SEC):
            name = f"metric_{next(self._names) % NAMES:05}"
            self.say("metrics", schema.Metric, name=name, value=float(self.sent["metrics"]))

    def step(self) -> None:
        evidence = {f"object_{at}": self._step * 0.01 + at for at in range(10)}
        likely = Hypothesis(object="object_9", evidence=evidence["object_9"])
        module = LearningModuleStep(evidence=evidence, most_likely=likely, target_object="object_9")
        modules = {f"LM_{at}": module for at in range(5)}
        self.say("steps", schema.Step, **self.place(), total_step=self._step, learning_modules=modules)
        self._step += 1

    def place(self) -> dict[str, Any]:
        return {"mode": "eval", "epoch": 0, "episode": self._step // PER_EPISODE, "step": self._step % PER_EPISODE}

    def frame(self) -> None:
        place = {name: value for name, value in self.place().items() if name in ("episode", "step")}
        size = {"sensor": "patch", "modality": "rgba", "height": SIDE, "width": SIDE}
        message = schema.Frame(**self.head(self._bulk_seqs), **size, **place)
        payload = frame_of(schema.encode(message), self._pixels)
        self._client.publish(topics.of_message(message).topic, payload, qos=0)
        self.sent["frames"] += 1

    def say(self, what: str, kind: type[schema.Message], **fields: Any) -> None:
        message = kind(**self.head(self._seqs), **fields)
        self._client.publish(topics.of_message(message).topic, schema.encode(message), qos=1)
        self.sent[what] += 1

    def head(self, seqs: itertools.count) -> dict[str, Any]:
        return {"run": self._run, "worker": "main", "seq": next(seqs), "time_unix_nanos": time.time_ns()}


def main(port: str, password: str, run: str, first_step: str, secs: str) -> None:
    client = Client(int(port), "bridge", password)
    client.client.max_inflight_messages_set(500)
    pause = threading.Event()
    with client:
        flood, began = Flood(client, run, int(first_step)), time.monotonic()
        for number in range(int(float(secs) * TICKS_PER_SEC)):
            pause.wait(max(0.0, began + number / TICKS_PER_SEC - time.monotonic()))
            flood.tick(number)
        took = time.monotonic() - began
        while client.client._out_messages and time.monotonic() < began + took + 60:
            pause.wait(0.05)
    print(json.dumps({**flood.sent, "secs": round(took, 1)}), flush=True)  # noqa: T201 - its whole interface


if __name__ == "__main__":
    main(*sys.argv[1:])
