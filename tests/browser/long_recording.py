"""A recording of a run with very many steps, as a page wrote it that was there from the beginning."""

from __future__ import annotations

import time
from pathlib import Path

from kit.bridge import make
from kit.programs import page_flood

from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.message_pieces import Hypothesis, LearningModuleStep
from monty_mqtt_core.recordings.mcap_file import Entry, RecordingWriter

MIB = 1 << 20


def write_long(folder: Path, run: str, steps: int) -> None:
    """What a page recorded of a run that goes on: so many steps."""
    now = time.time_ns()
    first_messages = [make(schema.Info, 0, run=run, time_unix_nanos=now - (steps + 2) * 40_000_000)]
    first_messages.append(make(schema.Status, 1, run=run, time_unix_nanos=now - (steps + 1) * 40_000_000))
    place = folder / topics.escape(run)
    place.mkdir(parents=True)
    with RecordingWriter(place / "20261125T000000Z-0000.mcap", chunk_bytes=MIB) as writer:
        for message in first_messages:
            writer.write(
                Entry(topics.of_message(message).topic, schema.encode(message), message.time_unix_nanos, message.seq)
            )
        for number in range(steps):
            message = long_step(run, number, now - (steps - number) * 40_000_000)
            writer.write(
                Entry(topics.of_message(message).topic, schema.encode(message), message.time_unix_nanos, message.seq)
            )


def long_step(run: str, number: int, time_unix_nanos: int) -> schema.Step:
    evidence = {f"object_{at}": number * 0.01 + at for at in range(10)}
    likely = Hypothesis(object="object_9", evidence=evidence["object_9"])
    module = LearningModuleStep(evidence=evidence, most_likely=likely, target_object="object_9")
    per_episode = page_flood.PER_EPISODE
    place = {"episode": number // per_episode, "step": number % per_episode, "total_step": number}
    modules = {f"LM_{at}": module for at in range(5)}
    return make(schema.Step, number + 2, run=run, time_unix_nanos=time_unix_nanos, learning_modules=modules, **place)
