"""Answers requests for the state over HTTP, from programs and from the page itself.

Called by `server`, which adds these routes; `views` makes the answers from the state under its lock. FastAPI runs each
request in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Response

from monty_mqtt.wire import topics
from monty_mqtt_liveview import views
from monty_mqtt_liveview.intake.service import Service
from monty_mqtt_liveview.own_panels.beside_the_page import BesideThePage
from monty_mqtt_liveview.state.metrics import MOST_OF_ONE
from monty_mqtt_liveview.state.run import Run
from monty_mqtt_liveview.state.worker import Worker
from monty_mqtt_liveview.views import downsampling, log_search
from monty_mqtt_liveview.views.metric_stretch import Axis, MetricStretch
from monty_mqtt_liveview.web.log_lookback import Kind, LogLookback
from monty_mqtt_liveview.web.responses import find_run, find_worker, json_answer, name_of, not_found

__all__ = ["make_api"]

_MOST_POINTS, _MOST_LINES, _MOST_PATTERNS = 20_000, 5000, 50
_LAST_ROW = 2**53 - 1
"""The largest whole number that every reader of JSON has exactly."""

Points = Annotated[int, Query(ge=1, le=_MOST_POINTS)]
Row = Annotated[int, Query(ge=0, le=_LAST_ROW)]
Place = Annotated[float | None, Query(ge=-_LAST_ROW, le=_LAST_ROW)]
Names = Annotated[list[str] | None, Query()]
Stretches = Annotated[str, Query(max_length=2000, pattern="^[0-9]+-[0-9]+(,[0-9]+-[0-9]+)*$")]
Lines = Annotated[int, Query(ge=1, le=_MOST_LINES)]
Patterns = Annotated[list[str], Query(default_factory=list, max_length=_MOST_PATTERNS)]


def _wanted_lines(
    worker: str = "", level: str = "", search: str = "", count: Lines = 200, before: int | None = None
) -> log_search.LogSearch:
    return log_search.LogSearch(name_of(worker) if worker else None, level or None, search or None, count, before)


WantedLines = Annotated[log_search.LogSearch, Depends(_wanted_lines)]


def make_api(service: Service, beside: BesideThePage) -> APIRouter:
    """Return the routes below `/api/`, without frames, control and login."""
    api = APIRouter(prefix="/api")
    _RunRoutes(service, beside).add_to(api)
    _StepRoutes(service).add_to(api)
    return api


class _RunRoutes:
    """Answers requests that need no steps."""

    def __init__(self, service: Service, beside: BesideThePage) -> None:
        self._service, self._beside = service, beside
        self._lookback = LogLookback(service)

    def add_to(self, api: APIRouter) -> None:
        api.add_api_route("/recording", self.recording)
        api.add_api_route("/runs", self.runs)
        api.add_api_route("/run/{run}", self.run)
        parts = (self.episodes, self.results, self.redo, self.logs, self.events)
        values = (self.metrics, self.metric, self.machine, self.machine_course, self.data, self.stream, self.state)
        for part in (*parts, *values, self.panels):
            api.add_api_route(f"/run/{{run}}/{part.__name__}", part)
        api.add_api_route("/run/{run}/worker/{worker}/graphs", self.graphs)

    def recording(self) -> Response:
        return json_answer(msgspec.structs.asdict(self._service.counts))

    def runs(self) -> Response:
        with self._service.lock:
            runs = list(self._service.runs.by_name.values())
        sizes = [self._service.recorded_bytes(run.name) for run in runs]
        with self._service.lock:
            heads = [views.run_head(run, size) for run, size in zip(runs, sizes, strict=True)]
        return json_answer(heads)

    def run(self, run: str) -> Response:
        size = self._service.recorded_bytes(name_of(run))

        def cut(known: Run) -> dict[str, Any]:
            workers = views.changed_workers(known)
            return {"run": views.run_head(known, size), "workers": workers, "info": views.info(known)}

        return self._of(run, cut)

    def episodes(self, run: str, worker: str = "") -> Response:
        return self._of(run, lambda known: views.episode_rows(known, _named(known, worker)))

    def results(self, run: str, worker: str = "") -> Response:
        return self._of(run, lambda known: views.results(known, _named(known, worker)))

    def redo(self, run: str, worker: str = "", mode: str = "", episode: int | None = None) -> Response:
        return self._of(run, lambda known: views.redo(known, _named(known, worker), mode or None, episode))

    def logs(self, run: str, wanted: WantedLines) -> Response:
        return json_answer(log_search.logs(*self._lines(run, "log", wanted)))

    def events(self, run: str, wanted: WantedLines) -> Response:
        return json_answer(log_search.events(*self._lines(run, "event", wanted)))

    def _lines(self, run: str, kind: Kind, wanted: log_search.LogSearch) -> tuple[log_search.LogMatches, int]:
        """Return the requested lines, and how many lines of the recording were searched for them."""
        with self._service.lock:
            known = find_run(self._service, run)
            _checked(known, wanted.worker)
            matches = log_search.find_lines(known.logs if kind == "log" else known.events, wanted)
        return matches, self._lookback.complete(known.name, kind, wanted, matches)

    def metrics(
        self,
        run: str,
        like: Patterns,
        worker: str = "",
        search: str = "",
        first: Row = 0,
        most: Lines = 1000,
        name: Names = None,
    ) -> Response:
        wanted = (search or None, first, most, like, None if name is None else frozenset(map(name_of, name)))
        return self._of(run, lambda known: views.metrics(known, _named(known, worker), *wanted))

    def metric(
        self,
        run: str,
        worker: str,
        name: str,
        first: Place = None,
        last: Place = None,
        points: Points = MOST_OF_ONE,
        axis: Axis = "time",
    ) -> Response:
        with self._service.lock:
            course = find_run(self._service, run).metrics.get((name_of(worker), name_of(name)))
            if course is None:
                raise not_found(f"worker {name_of(worker)!r} has no metric {name_of(name)!r}")
            known = MetricStretch.of(course, axis)
        if first is not None and last is not None:
            known = known.between(first, last)
            if not known.is_fine_enough(points):
                topic = topics.build(name_of(run), name_of(worker), "metric", name_of(name))
                known = known.completed(self._service.published(name_of(run), topic, *known.span))
        return json_answer({**known.thinned(points).told(), "metadata": course.metadata})

    def machine(self, run: str, worker: str = "") -> Response:
        return self._of(run, lambda known: views.machine(known, _named(known, worker)))

    def machine_course(self, run: str, worker: str, points: Points = 400) -> Response:
        def cut(known: Run) -> dict[str, Any]:
            course = known.machines.get(_named(known, worker) or "")
            return views.machine_course(course, points) if course else {}

        return self._of(run, cut)

    def data(self, run: str, worker: str = "") -> Response:
        return self._of(run, lambda known: views.data(known, _named(known, worker)))

    def stream(self, run: str, worker: str, stream: str, count: Lines = 100, before: Row | None = None) -> Response:
        with self._service.lock:
            known = find_run(self._service, run)
            _named(known, worker)
        return json_answer(self._lookback.stream(known.name, name_of(worker), name_of(stream), count, before))

    def state(self, run: str, worker: str = "") -> Response:
        return self._of(run, lambda known: views.state(known, _named(known, worker)))

    def graphs(self, run: str, worker: str) -> Response:
        with self._service.lock:
            answer = views.graphs(find_worker(self._service, run, worker))
        return json_answer(answer)

    def panels(self, run: str) -> Response:
        with self._service.lock:
            about = views.info(find_run(self._service, run))
        return json_answer(self._beside.shown((about and about.experiment) or ""))

    def _of(self, run: str, cut: Callable[[Run], Any]) -> Response:
        with self._service.lock:
            answer = cut(find_run(self._service, run))
        return json_answer(answer)


class _StepRoutes:
    """Answers requests that need a worker's steps."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def add_to(self, api: APIRouter) -> None:
        for part in (self.steps, self.moment, self.find, self.wrong, self.sparklines):
            api.add_api_route(f"/run/{{run}}/worker/{{worker}}/{part.__name__}", part)

    def steps(self, run: str, worker: str, first: Row = 0, last: int | None = None, points: Points = 1000) -> Response:
        with self._loaded(run, worker) as known:
            generation = known.generation
            stretch = downsampling.Stretch.of(known.steps, first, known.steps.count - 1 if last is None else last)
        chosen = stretch.choose(points)  # this takes longest, and is done without the lock
        with self._loaded(run, worker) as known:
            if known.generation == generation:
                answer = views.rows(known.steps, chosen)
            else:
                answer = views.course(known, first, last, points)
        return json_answer(answer)

    def moment(self, run: str, worker: str, row: int = -1) -> Response:
        with self._loaded(run, worker) as known:
            try:
                answer = views.moment(known, row)
            except IndexError:
                raise not_found(f"row {row} is not one of the {known.steps.count} rows of {known.name!r}") from None
        return json_answer(answer)

    def find(self, run: str, worker: str, mode: str, episode: int, step: int = 0) -> Response:
        with self._loaded(run, worker) as known:
            row = views.find_row(known, mode, episode, step)
        return json_answer({"row": row})

    def wrong(self, run: str, worker: str, mode: str, episode: int) -> Response:
        with self._loaded(run, worker) as known:
            try:
                answer = views.wrong(known, mode, episode)
            except KeyError:
                raise not_found(f"worker {known.name!r} has no episode {episode} of mode {mode!r}") from None
        return json_answer(answer)

    def sparklines(self, run: str, worker: str, stretches: Stretches) -> Response:
        wanted = [(int(first), int(last)) for first, last in (one.split("-") for one in stretches.split(","))]
        with self._loaded(run, worker) as known:
            answer = views.sparklines(known, wanted)
        return json_answer(answer)

    @contextmanager
    def _loaded(self, run: str, worker: str) -> Iterator[Worker]:
        self._service.ensure_loaded(name_of(run))
        with self._service.lock:
            yield find_worker(self._service, run, worker)


def _named(run: Run, worker: str) -> str | None:
    return _checked(run, name_of(worker) if worker else None)


def _checked(run: Run, worker: str | None) -> str | None:
    if worker is not None and worker not in run.workers:
        raise not_found(f"run {run.name!r} has no worker {worker!r}")
    return worker
