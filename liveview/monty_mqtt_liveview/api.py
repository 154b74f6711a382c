"""What programs, and the page itself, read of the state over HTTP.

Place in the flow: `server` adds these routes; `views` cuts what they answer out of the state, under its lock.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from fastapi import APIRouter, Response

from monty_mqtt_liveview import views
from monty_mqtt_liveview.answers import find_run, find_worker, json_answer
from monty_mqtt_liveview.service import Service

__all__ = ["make_api"]


def _view(name: str, *arguments: Any) -> Any:
    found = getattr(views, name, None)
    return found(*arguments) if found else None


def make_api(service: Service) -> APIRouter:
    """Return the routes below `/api/`."""
    api = APIRouter(prefix="/api")

    @api.get("/runs")
    def runs() -> Response:
        with service.lock:
            heads = [views.run_head(run) for run in service.runs.by_name.values()]
        return json_answer(heads)

    @api.get("/run/{run}")
    def one_run(run: str) -> Response:
        with service.lock:
            found = find_run(service, run)
            workers = [views.worker_head(one) for one in found.workers.values()]
            info = next((one.info for one in found.workers.values() if one.info), None)
            said = {"run": views.run_head(found), "workers": workers, "info": info}
        return json_answer(said)

    @api.get("/run/{run}/worker/{worker}/steps")
    def steps(run: str, worker: str, first: int = 0, last: int = -1, points: int = 1000) -> Response:
        with service.lock:
            table = find_worker(service, run, worker).steps
            last = table.count - 1 if last < 0 else min(last, table.count - 1)
            chosen = np.unique(np.linspace(first, last, max(0, min(points, last - first + 1))).astype(np.int64))
            said = views.rows(table, chosen)
        return json_answer(said)

    for path in ("episodes", "results", "redo", "logs", "events", "metrics", "metric", "data", "state"):
        _nothing_yet(api, service, "/run/{run}/" + path)
    for path in ("moment", "find", "wrong", "depth_scale", "cloud"):
        _nothing_yet(api, service, "/run/{run}/worker/{worker}/" + path)
    return api


def _nothing_yet(api: APIRouter, service: Service, path: str) -> None:
    def answer(run: str) -> Response:
        with service.lock:
            find_run(service, run)
        return json_answer(None)

    api.add_api_route(path, answer)
