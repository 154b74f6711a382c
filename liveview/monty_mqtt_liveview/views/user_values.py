"""Returns metrics, data streams, states and media as the user published them, and what the machine reported. Pure.

A part of `views`, from which other modules import it.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from fnmatch import fnmatchcase
from operator import itemgetter
from typing import Any

from monty_mqtt.wire.vocabulary import MEDIA_KINDS
from monty_mqtt_liveview.state.extremes import Extremes
from monty_mqtt_liveview.state.frame_index import FrameTimes
from monty_mqtt_liveview.state.machines import MachineCourse, values_of
from monty_mqtt_liveview.state.run import Run
from monty_mqtt_liveview.state.worker import Worker
from monty_mqtt_liveview.views.numbers import Json, millis

__all__ = ["data", "machine", "machine_course", "media", "medium_place", "metrics", "state"]

_MOST_MEDIA = 1000


def metrics(
    run: Run,
    worker: str | None = None,
    search: str | None = None,
    first: int = 0,
    most: int = 1000,
    like: Sequence[str] = (),
    names: Container[str] | None = None,
) -> Json:
    """Return the latest values of a run's metrics (`metrics`), and how many metrics match in all (`count`).

    Args:
        run: The run.
        worker: Name of the worker; None means all.
        search: Text that the name must contain, in upper or lower case.
        first: Place of the first metric to return, in the order of their first values.
        most: How many metrics at most.
        like: Patterns as in a shell, `loss*`, one of which the name must fit; they are the order, too. None: any name.
        names: Only metrics of these names; None means all.
    """
    needle = (search or "").casefold()
    wanted = [key for key in run.metrics if worker in (None, key[0]) and _is_wanted(key[1], needle, names)]
    if like:
        wanted = _in_order_of(like, wanted)
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


def _in_order_of(patterns: Sequence[str], keys: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the metrics whose names fit a pattern, in the patterns' order."""
    places = {key: _place(key[1], patterns) for key in keys}
    return sorted((key for key in keys if places[key] < len(patterns)), key=places.__getitem__)


def _place(name: str, patterns: Sequence[str]) -> int:
    """Return the place of the first pattern that fits a name; as many as there are, if none does."""
    return next((place for place, one in enumerate(patterns) if fnmatchcase(name, one)), len(patterns))


def _is_wanted(name: str, needle: str, names: Container[str] | None) -> bool:
    return (names is None or name in names) and (not needle or needle in name.casefold())


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


def machine(run: Run, worker: str | None = None) -> list[Json]:
    """Return what each worker's process and its host last used; `worker` None means all workers."""
    return [
        {
            "worker": of,
            "host": _host_of(run, of),
            "time_unix_millis": millis(course.latest.time_unix_nanos),
            **values_of(course.latest),
        }
        for of, course in run.machines.items()
        if worker is None or of == worker
    ]


def machine_course(course: MachineCourse, points: int) -> Json:
    """Return what a worker's process and its host used over time, field by field, about `points` values of each."""
    return {field: _told_over_time(values, points) for field, values in course.fields.items()}


def _host_of(run: Run, worker: str) -> str | None:
    about = run.workers[worker].info if worker in run.workers else None
    return about.host if about else None


def _told_over_time(values: Extremes, most: int) -> Json:
    kept, is_whole = values.points(), values.is_whole
    if len(kept) > most:
        thinned = Extremes()
        for time, value, _ in kept:
            thinned.add(time, value, most)
        kept, is_whole = thinned.points(), False
    times = [millis(point.time_unix_nanos) for point in kept]
    return {"times_unix_millis": times, "values": [point.value for point in kept], "is_whole": is_whole}


def media(worker: Worker) -> list[Json]:
    """Return which media a worker published: kind, name, how many, and of which step the newest is; by name."""
    keys = sorted((key for key in worker.bulk if key[0] in MEDIA_KINDS), key=itemgetter(1, 0))
    return [{"kind": key[0], "name": key[1], **medium_place(worker.bulk[key], -1)} for key in keys[:_MOST_MEDIA]]


def medium_place(index: FrameTimes, place: int) -> Json:
    """Return how many media of a name there are, and time and step of one; a negative place counts from the end.

    Raises:
        IndexError: There is no such place.
    """
    count = index.count
    if not -count <= place < count:
        raise IndexError(place)
    place %= count
    time, episode, step = index.entry(place)
    return {
        "count": count,
        "place": place,
        "episode": None if episode < 0 else episode,
        "step": None if step < 0 else step,
        "time_unix_millis": millis(time),
    }
