"""Runs the page without its web part, with a real broker, in this process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import msgspec
import numpy as np
from kit.machine.child_process import until

from monty_mqtt.wire import topics
from monty_mqtt.wire.vocabulary import BULK_KINDS
from monty_mqtt_core.reading.mqtt_client import BrokerAddress
from monty_mqtt_core.recordings.mcap_file import Reader
from monty_mqtt_core.recordings.part_files import Recording, directory_of
from monty_mqtt_liveview.intake.service import Service
from monty_mqtt_liveview.intake.subscription import Subscription
from monty_mqtt_liveview.recordings.retention import Retention
from monty_mqtt_liveview.state.run import Run
from monty_mqtt_stack.services.mosquitto import Mosquitto

CLIENT_ID = "monty-mqtt-liveview"


def broker_for(broker: Mosquitto) -> BrokerAddress:
    return BrokerAddress(broker.host, broker.port, "liveview", broker.password_file("liveview"))


class Keeping:
    """Runs subscription and service, from entering to leaving; waits on entering until they are ready, if `wait`."""

    def __init__(
        self, broker: Mosquitto | BrokerAddress, state: Path, limits: Retention | None = None, *, wait: bool = True
    ) -> None:
        self._waits = wait
        self.recordings = state / "recordings"
        address = broker if isinstance(broker, BrokerAddress) else broker_for(broker)
        self._subscription = Subscription(address, CLIENT_ID)
        self.service = Service(self._subscription, self.recordings, limits)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(self._subscription)
        self._stack.enter_context(self.service)
        if self._waits:
            until(lambda: self._subscription.is_connected and self.service.restoring is None)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self, name: str) -> Run | None:
        with self.service.lock:
            return self.service.runs.by_name.get(name)

    def steps(self, name: str, worker: str = "main") -> int:
        run = self.run(name)
        with self.service.lock:
            return run.workers[worker].steps.count if run and worker in run.workers else 0

    def ended(self, name: str) -> bool:
        run = self.run(name)
        with self.service.lock:
            return bool(run) and all(worker.known.end for worker in run.workers.values())

    def dump(self, name: str) -> bytes:
        """Return everything that is shown of a run, as bytes that can be compared."""
        run = self.run(name)
        assert run, name
        with self.service.lock:
            return msgspec.json.encode([list(shown(run)), missing(self.service)], order="sorted")

    def kept(self, name: str) -> Counter[tuple[str, int]]:
        """Return how often each message is in the recording of a run, without frames and clouds."""
        return seqs(directory_of(self.recordings, name))


def shown(run: Run) -> Iterator[Any]:
    for worker in sorted(run.workers.values(), key=lambda known_worker: known_worker.name):
        table = worker.steps
        yield worker.name, worker.word, table.count
        yield table.total_step.take(np.arange(table.count)).tolist()
        yield {"/".join(key): index.times.tolist() for key, index in worker.bulk.items()}
        yield [[key.mode, key.episode, episode.first_row, episode.last_row] for key, episode in worker.episodes.items()]


def missing(service: Service) -> list[int]:
    counts = service.counts
    return [counts.missing, counts.frames_missing]


def seqs(directory: Path) -> Counter[tuple[str, int]]:
    times_recorded: Counter[tuple[str, int]] = Counter()
    for entry in Recording(directory).entries():
        parsed = topics.parse(entry.topic)
        if parsed.kind not in BULK_KINDS and parsed.kind not in ("status", "command_result"):
            times_recorded[parsed.worker, entry.seq] += 1
    return times_recorded


def parts_of(recordings: Path) -> list[Path]:
    return sorted(part for part in recordings.glob("*/*.mcap") if not part.name.startswith("."))


def are_whole(recordings: Path) -> bool:
    return all(Reader(part).is_whole for part in parts_of(recordings))
