"""Finds a worker that sent the learned model of an object, for runs that load models which another run learned. Pure.

Called by `web.frames`. A run sends a model after each of its training episodes; a run that only evaluates loads its
models from a file, and sends none.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from monty_mqtt_liveview.state.frame_index import BulkKey
from monty_mqtt_liveview.state.run import Run, Runs
from monty_mqtt_liveview.state.worker import Worker
from monty_mqtt_liveview.views.numbers import Json

__all__ = ["model_source"]


def model_source(runs: Runs, run: Run, worker: Worker, learning_module: str, object_name: str) -> Json | None:
    """Return which run and worker sent the newest model of an object; None if none did.

    The order of preference: the worker itself, other workers of its run, the run whose results it loaded its models
    from, any earlier run.

    Args:
        runs: All runs.
        run: The run that is viewed.
        worker: The worker of it that is viewed.
        learning_module: Id of the learning module that learned the model.
        object_name: Graph id of the object.

    Returns:
        `run`, `worker`, and `is_certain`: whether it is certainly the model that this worker uses.
    """
    key: BulkKey = ("object_model", learning_module, object_name)
    ranked = [(_rank(run, worker, *candidate), candidate) for candidate in _having(runs, key)]
    known = [(rank, candidate) for rank, candidate in ranked if rank[0] > 0]
    if not known:
        return None
    rank, (source, sender, _) = max(known, key=lambda candidate: candidate[0])
    return {"run": source.name, "worker": sender.name, "is_certain": rank[0] > 1}


def _having(runs: Runs, key: BulkKey) -> Iterator[tuple[Run, Worker, int]]:
    """Yield every worker that sent the model, and the time of its newest one."""
    for run in runs.by_name.values():
        for worker in run.workers.values():
            index = worker.bulk.get(key)
            place = index.latest() if index is not None else None
            if index is not None and place is not None:
                yield run, worker, index.entry(place)[0]


def _rank(run: Run, worker: Worker, source: Run, sender: Worker, time: int) -> tuple[int, int]:
    """Return how likely a worker's model is the one in use (0: it cannot be), and the model's time."""
    if source is run:
        return (4 if sender is worker else 3), time
    if _is_loaded_from(worker, sender):
        return 2, time
    return int(time < run.newest_unix_nanos), time


def _is_loaded_from(worker: Worker, sender: Worker) -> bool:
    loaded = worker.info.model_path if worker.info else None
    written = sender.info.output_dir if sender.info else None
    return bool(loaded and written) and PurePath(str(loaded)).is_relative_to(PurePath(str(written)))
