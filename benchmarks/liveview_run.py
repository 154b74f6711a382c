"""This module writes a long run that is over, as the page itself would have recorded it.

Called by `liveview`, which starts a page on it; `metric_charts` writes its own run in the same way.
"""

from __future__ import annotations

from datetime import datetime, timezone

from benchmarks.bridge import OBJECTS, example_step
from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.message_pieces import LearningModuleEpisode, Target
from monty_mqtt_core.recordings.mcap_file import Entry, RecordingWriter
from monty_mqtt_core.settings.state_dir import StateDir

__all__ = ["BEGAN_UNIX_NANOS", "EPISODES", "STEPS", "STEP_NANOS", "Writing", "write_long_run"]

STEPS, EPISODES = 100_000, 2_000
MODULES = 5
PER_EPISODE = STEPS // EPISODES
BEGAN_UNIX_NANOS = 1_795_000_000_000_000_000
STEP_NANOS = 40_000_000
OUTCOMES = ("correct", "correct_mlh", "confused", "no_match", "time_out")


def write_long_run(state: StateDir, steps: int) -> str:
    """Record a run of so many steps, 50 an episode; return its id."""
    run = "long-run"
    folder = state.path / "recordings" / topics.escape(run)
    folder.mkdir(parents=True)
    started = datetime.fromtimestamp(BEGAN_UNIX_NANOS // 10**9, timezone.utc)
    with RecordingWriter(folder / f"{started:%Y%m%dT%H%M%SZ}-0.mcap", chunk_bytes=1 << 20) as writer:
        writing = Writing(writer, run)
        writing.add(schema.Info, schema_version=schema.SCHEMA_VERSION, experiment="long", do_eval=True)
        writing.add(schema.Status, status="running")
        for episode in range(steps // PER_EPISODE):
            writing.add_episode(episode)
        writing.add(schema.Status, status="completed")
        writing.add(schema.End, status="completed")
    return run


class Writing:
    """Writing numbers and stamps the messages that it records."""

    def __init__(self, writer: RecordingWriter, run: str) -> None:
        self._writer, self._run, self._seq = writer, run, 0

    def add(self, kind: type[schema.Message], **fields: object) -> None:
        """Record one message."""
        at = BEGAN_UNIX_NANOS + self._seq * STEP_NANOS
        message = kind(run=self._run, worker="main", seq=self._seq, time_unix_nanos=at, **fields)  # type: ignore[arg-type]
        topic, _, _ = topics.of_message(message)
        self._writer.write(Entry(topic, schema.encode(message), at, self._seq))
        self._seq += 1

    def add_episode(self, episode: int) -> None:
        """Record an episode with its steps."""
        which = {
            "mode": "eval",
            "epoch": 0,
            "episode": episode,
            "target": Target(object=OBJECTS[episode % len(OBJECTS)]),
        }
        self.add(schema.EpisodeStarted, **which)
        for step in range(PER_EPISODE):
            fields = example_step(episode * PER_EPISODE + step, MODULES)
            self.add(schema.Step, **{**fields, "episode": episode, "step": step})
        outcome = OUTCOMES[episode % len(OUTCOMES)]
        judged = LearningModuleEpisode(outcome=outcome, most_likely_object="object_9")
        self.add(
            schema.EpisodeEnded,
            **which,
            steps=PER_EPISODE,
            elapsed_secs=PER_EPISODE * STEP_NANOS / 1e9,
            outcome=outcome,
            correct=int(outcome.startswith("correct")),
            learning_modules={f"LM_{number}": judged for number in range(MODULES)},
        )
