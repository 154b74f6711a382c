"""This module finds the run that a user names, and its workers that a command can reach.

Called by commands that name a run, with the whole id or its beginning; the page knows the run, and asks for its live
workers only.
"""

from __future__ import annotations

from typing import List, Mapping, Optional

from monty_mqtt.errors import ServiceError
from monty_mqtt.wire import topics
from monty_mqtt.wire.vocabulary import FINAL_STATUSES
from monty_mqtt_core.reading.mqtt_client import BrokerAddress, retained
from monty_mqtt_core.reading.run_status import RunStatuses, decode

__all__ = ["known_runs", "live_workers", "pick_run"]


def known_runs(broker: BrokerAddress) -> RunStatuses:
    """Return the runs whose status is retained.

    Raises:
        ServiceError: The broker does not answer.
    """
    runs = RunStatuses()
    for kept in retained(broker, [f"{topics.JSON_PREFIX}/+/+/status"]):
        if (message := decode(kept.topic, kept.payload)) is not None:
            runs.apply(message)
    return runs


def pick_run(name: str, runs: RunStatuses) -> str:
    """Return the run with this id, or the only live run whose id begins with it, or the only such ended run.

    Raises:
        ServiceError: No run matches, or several do.
    """
    known = runs.names()
    if not name:  # `abort "$RUN"` with RUN not set must not abort the only running run
        raise ServiceError(f"no run is named; known are: {', '.join(known) or 'none'}")
    matching = [name] if name in known else _beginning_with(name, runs)
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise ServiceError(f"run {name!r} could be any of {', '.join(matching)}: give more of its id")
    raise ServiceError(f"no run {name!r} at this broker; known are: {', '.join(known) or 'none'}")


def live_workers(run: str, words: Mapping[str, str], worker: Optional[str] = None) -> List[str]:
    """Return the names of a run's workers that can obey a command.

    Args:
        run: Id of the run.
        words: Status word of each of its workers, by name.
        worker: Name of the only worker concerned; None means all.

    Raises:
        ServiceError: The run has no such worker, or all workers concerned have ended.
    """
    concerned = {name: word for name, word in words.items() if worker in (None, name)}
    if not concerned:
        raise ServiceError(f"run {run} has no worker {worker!r}; it has {', '.join(words)}")
    live = [name for name, word in concerned.items() if word not in FINAL_STATUSES]
    if not live:
        raise ServiceError(f"run {run} has ended: {', '.join(f'{name} {word}' for name, word in concerned.items())}")
    return live


def _beginning_with(name: str, runs: RunStatuses) -> List[str]:
    live = {worker.run for worker in runs.workers.values() if worker.is_live}
    beginning = [run for run in runs.names() if run.startswith(name)]
    return [run for run in beginning if run in live] or beginning
