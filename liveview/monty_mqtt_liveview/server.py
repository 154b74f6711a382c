"""HTTP and WebSocket.

Place in the flow: the last stage. uvicorn serves `page`, `api` and `live`.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response, WebSocket
from starlette.exceptions import HTTPException

from monty_mqtt_liveview.answers import json_answer, name_of
from monty_mqtt_liveview.api import make_api
from monty_mqtt_liveview.live import Live
from monty_mqtt_liveview.page import Document, add_pages
from monty_mqtt_liveview.service import Service

__all__ = ["make_app"]


def make_app(service: Service) -> FastAPI:
    """Return the web application."""
    app = FastAPI(openapi_url=None)
    live = Live(service)

    @app.exception_handler(HTTPException)
    def wrong(_request: Request, error: HTTPException) -> Response:
        return json_answer({"error": error.detail}, error.status_code)

    @app.get("/healthz")
    def healthz() -> Response:
        connected = service.subscription.is_connected
        said: dict[str, Any] = {"status": "ok" if connected else "no broker", "problems": [], "restoring": None}
        return json_answer(said, 200 if connected else 503)

    @app.get("/api/session")
    def session() -> Response:
        return json_answer({"may_control": False, "why_not": "control is not built yet", "needs_login": True})

    @app.websocket("/live")
    async def listen(socket: WebSocket, run: str, worker: str = "", rows: int = 0, generation: int = 0) -> None:
        await live.serve(socket, name_of(run), name_of(worker) if worker else "", rows, generation)

    @app.websocket("/live_runs")
    async def listen_to_runs(socket: WebSocket) -> None:
        await live.serve_runs(socket)

    app.include_router(make_api(service))
    add_pages(app, Document())
    return app
