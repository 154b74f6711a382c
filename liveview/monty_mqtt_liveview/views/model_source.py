"""Where the learned model of an object is to be had, for runs that recognise with what another one learned. Pure.

Place in the flow: `frames` answers with this. A run sends a model after each of its training episodes; one that only
evaluates loads its models from a file, and sends none.
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
    """Return who sent the newest model of an object; None where nobody did.

    The worker itself comes first, then others of its run, then the run whose results it loaded its models from, then
    any run that was before it.

    Args:
        runs: All runs.
        run: The run that is looked at.
        worker: The worker of it that is looked at.
        learning_module: Whose model.
        object_name: Graph id.

    Returns:
        `run`, `worker`, and `is_certain`: whether it is known to be the model that this worker uses.
    """
    key: BulkKey = ("object_model", learning_module, object_name)
    ranked = [(_rank(run, worker, *one), one) for one in _having(runs, key)]
    known = [(rank, one) for rank, one in ranked if rank[0] > 0]
    if not known:
        return None
    rank, (source, sender, _) = max(known, key=lambda one: one[0])
    return {"run": source.name, "worker": sender.name, "is_certain": rank[0] > 1}


def _having(runs: Runs, key: BulkKey) -> Iterator[tuple[Run, Worker, int]]:
    """Yield every worker that sent the model, and when it last did."""
    for run in runs.by_name.values():
        for worker in run.workers.values():
            index = worker.bulk.get(key)
            place = index.latest() if index is not None else None
            if index is not None and place is not None:
                yield run, worker, index.entry(place)[0]


def _rank(run: Run, worker: Worker, source: Run, sender: Worker, time: int) -> tuple[int, int]:
    """Return how near a model is, 0 where it cannot be meant, and its time."""
    if source is run:
        return (4 if sender is worker else 3), time
    if _is_loaded_from(worker, sender):
        return 2, time
    return int(time < run.newest_unix_nanos), time


def _is_loaded_from(worker: Worker, sender: Worker) -> bool:
    loaded = worker.info.model_path if worker.info else None
    written = sender.info.output_dir if sender.info else None
    return bool(loaded and written) and PurePath(str(loaded)).is_relative_to(PurePath(str(written)))
