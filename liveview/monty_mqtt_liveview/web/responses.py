"""Builds the page's HTTP answers: JSON, and errors in words.

Called by every module with routes.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import msgspec
from fastapi import Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import topics
from monty_mqtt_liveview.intake.service import Service
from monty_mqtt_liveview.state.run import Run
from monty_mqtt_liveview.state.worker import Worker

__all__ = ["find_run", "find_worker", "heads_too", "json_answer", "name_of", "not_found"]

_encoder = msgspec.json.Encoder()


def json_answer(value: Any, status: int = 200) -> Response:
    """Return plain values as JSON; a number that is not finite becomes null."""
    headers = {"Cache-Control": "no-store"}
    return Response(_encoder.encode(value), status, media_type="application/json", headers=headers)


def heads_too(app: ASGIApp) -> ASGIApp:
    """Return an application that answers HEAD wherever it answers GET; uvicorn leaves out the body."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        await app(scope, receive, send)

    return answer


def not_found(reason: str) -> HTTPException:
    """Return the exception that answers 404."""
    return HTTPException(404, reason)


def name_of(level: str) -> str:
    """Return the name that is escaped in an address as it is in topics; further percent-encoding is undone too."""
    try:
        return topics.unescape(level)
    except DecodeError:
        return unquote(level)


def find_run(service: Service, run: str) -> Run:
    """Return the run with this escaped name; the caller must hold the state's lock.

    Raises:
        HTTPException: 404, no such run is known.
    """
    known = service.runs.by_name.get(name_of(run))
    if known is None:
        raise not_found(f"no run {name_of(run)!r} is known")
    return known


def find_worker(service: Service, run: str, worker: str) -> Worker:
    """Return the worker with these escaped names; the caller must hold the state's lock.

    Raises:
        HTTPException: 404, no such run or worker is known.
    """
    known = find_run(service, run)
    worker_state = known.workers.get(name_of(worker))
    if worker_state is None:
        raise not_found(f"run {known.name!r} has no worker {name_of(worker)!r}")
    return worker_state
