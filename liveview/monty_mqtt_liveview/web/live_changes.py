"""Determines what is new to a browser since what it already has.

Called by `live` in a thread; `views` reads the state under its lock; the JSON is encoded here, without the lock.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import msgspec

from monty_mqtt_liveview import views
from monty_mqtt_liveview.intake.service import Service
from monty_mqtt_liveview.state.latest_values import LatestValues
from monty_mqtt_liveview.state.machines import Machines
from monty_mqtt_liveview.state.metrics import Metrics
from monty_mqtt_liveview.state.run import Run
from monty_mqtt_liveview.state.worker import Worker
from monty_mqtt_liveview.views.numbers import millis

__all__ = ["BrowserState", "LiveChanges", "RunsChanges"]

_NANOS_PER_MILLI = 1_000_000
_FIRST_ROWS, _MOST_ROWS = 400, 2000
"""Most steps that a browser is sent when it is new, and when it reconnects; it fetches older ones thinned out."""

_START = (secrets.randbits(30) | 1) << 20
"""Added to every generation, because rows sent before the page was restarted may differ now."""

_encoder = msgspec.json.Encoder()


class PageNotice(NamedTuple):
    """Holds what is sent about the page itself.

    Attributes:
        problems: What is wrong, in sentences.
        notes: What the page is busy with, in sentences.
        silent_since_unix_millis: When the broker last answered, ms since 1970; None while it answers.
    """

    problems: tuple[str, ...]
    notes: tuple[str, ...]
    silent_since_unix_millis: int | None

    @classmethod
    def of(cls, service: Service) -> Self:
        """Return what holds now."""
        return cls(tuple(service.problems()), tuple(service.notes()), millis(service.silent_since_unix_nanos()))


class BrowserState(NamedTuple):
    """Holds what a browser has of a run.

    Attributes:
        rows: Number of rows of steps.
        generation: Generation of these rows.
        revision: Revision of the run that was last sent; -1 before the first.
        notice: What was last sent about the page itself.
    """

    rows: int
    generation: int
    revision: int = -1
    notice: PageNotice | None = None


class LiveChanges:
    """Determines what is new in one run.

    Args:
        service: The state.
        run: Id of the run.
        worker: Worker whose steps are sent; empty: no steps.
    """

    def __init__(self, service: Service, run: str, worker: str) -> None:
        self._service, self._run, self._worker = service, run, worker

    def since(self, have: BrowserState) -> tuple[str | None, BrowserState]:
        """Return what is new, as JSON (None if nothing is), and what the browser has after it."""
        news: dict[str, Any] = {}
        notice = PageNotice.of(self._service)
        if notice != have.notice:
            news |= notice._asdict()
        with self._service.lock:
            run = self._service.runs.by_name.get(self._run)
            if run is not None and run.revision != have.revision:
                news |= self._of(run, have)
                have = self._then(run, have)
        have = have._replace(notice=notice)
        if not news:
            return None, have
        if run is not None and "run" in news:
            news["run"]["recorded_bytes"] = self._service.recorded_bytes(run.name)
        news["server_unix_millis"] = _now_unix_millis()
        return _encoder.encode(news).decode(), have

    def _of(self, run: Run, have: BrowserState) -> dict[str, Any]:
        seen = max(have.revision, 0)
        news: dict[str, Any] = {"run": views.run_head(run), "workers": views.changed_workers(run, seen)}
        if run.info_revision > seen or have.revision < 0:
            news["info"] = views.info(run)
        if self._worker:
            news |= _words(run, seen)
            worker = run.workers.get(self._worker)
            if worker is not None and worker.revision > seen:
                news |= {"episodes": views.episode_rows(run, worker.name, seen), "bulk": views.bulk(worker, seen)}
                news |= _steps(worker, have)
        return news

    def _then(self, run: Run, have: BrowserState) -> BrowserState:
        worker = run.workers.get(self._worker)
        if worker is None:
            return have._replace(revision=run.revision)
        return have._replace(revision=run.revision, rows=worker.steps.count, generation=_START + worker.generation)


def _now_unix_millis() -> int:
    return time.time_ns() // _NANOS_PER_MILLI


def _words(run: Run, seen: int) -> dict[str, Any]:
    counted = {"logs": run.logs, "events": run.events}
    revised: dict[str, Metrics | LatestValues | Machines] = {
        "metrics": run.metrics,
        "machine": run.machines,
        "data": run.data,
        "state": run.states,
    }
    counts = {name: {"count": lines.count} for name, lines in counted.items() if lines.revision > seen}
    return counts | {name: {"revision": values.revision} for name, values in revised.items() if values.revision > seen}


def _steps(worker: Worker, have: BrowserState) -> dict[str, Any]:
    generation = _START + worker.generation
    rows = have.rows if generation == have.generation else 0
    steps = views.newest_rows(worker, rows, _MOST_ROWS if rows else _FIRST_ROWS)
    if steps is None and generation == have.generation:
        return {}
    return {"generation": generation, "first_row": steps["row"][0] if steps else 0, "steps": steps}


class RunsChanges:
    """Determines what is new in the list of runs.

    Args:
        service: The state.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def since(self, have: _SentRevisions | None) -> tuple[str | None, _SentRevisions]:
        """Return what is new, as JSON (None if nothing is), and what the browser has after it."""
        known = have or _SentRevisions({}, None)
        notice = PageNotice.of(self._service)
        heads, now = self._heads(known.revisions)
        forgotten = [name for name in known.revisions if name not in now]
        if not heads and not forgotten and notice == known.notice and have is not None:
            return None, known
        for head in heads:
            head["recorded_bytes"] = self._service.recorded_bytes(head["run"])
        news = {"runs": heads, "forgotten": forgotten, **notice._asdict(), "server_unix_millis": _now_unix_millis()}
        return _encoder.encode(news).decode(), _SentRevisions(now, notice)

    def _heads(self, known: Mapping[str, int]) -> tuple[list[dict[str, Any]], dict[str, int]]:
        with self._service.lock:
            runs = self._service.runs.by_name.values()
            heads = [views.run_head(run) for run in runs if known.get(run.name) != run.revision]
            return heads, {run.name: run.revision for run in runs}


class _SentRevisions:
    """Holds the last revision of each run that a browser received; browsers with the same share one object."""

    def __init__(self, revisions: dict[str, int], notice: PageNotice | None) -> None:
        self.revisions, self.notice = revisions, notice
