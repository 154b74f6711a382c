"""Returns metrics, data streams and states as JSON, as the user published them. Pure.

A part of `views`, from which other modules import it.
"""

from __future__ import annotations

from typing import Any

from monty_mqtt_liveview.state.run import Run
from monty_mqtt_liveview.views.numbers import Json, millis

__all__ = ["data", "metrics", "state"]


def metrics(run: Run, worker: str | None = None, search: str | None = None, first: int = 0, most: int = 1000) -> Json:
    """Return the latest values of a run's metrics (`metrics`), and how many metrics match in all (`count`).

    Args:
        run: The run.
        worker: Name of the worker; None means all.
        search: Text that the name must contain, in upper or lower case.
        first: Place of the first metric to return, in the order of their first values.
        most: How many metrics at most.
    """
    needle = (search or "").casefold()
    wanted = [key for key in run.metrics if (worker is None or key[0] == worker) and needle in key[1].casefold()]
    shown = ((key, run.metrics[key]) for key in wanted[first : first + most])
    values = [
        {
            "worker": of,
            "name": name,
            "count": course.count,
            "not_finite": {kind: marks.count for kind, marks in course.marks.items()},
            "latest": course.latest.value,
            "latest_not_finite": course.latest.not_finite,
            "latest_unix_millis": millis(course.latest.time_unix_nanos),
        }
        for (of, name), course in shown
    ]
    return {"count": len(wanted), "metrics": values}


def data(run: Run, worker: str | None = None) -> list[Json]:
    """Return the latest value of each data stream; `worker` None means all workers."""
    return [
        {"worker": of, "stream": stream, "time_unix_millis": millis(kept.time_unix_nanos), "data": kept.value}
        for (of, stream), kept in run.data.items()
        if worker is None or of == worker
    ]


def state(run: Run, worker: str | None = None) -> dict[str, Any]:
    """Return the state of each worker that has published one, by its name; `worker` None means all workers."""
    return {of: kept.value for (of, _), kept in run.states.items() if worker is None or of == worker}
