"""HTTP and WebSocket.

Place in the flow: the last stage. uvicorn serves NiceGUI's pages, `api` and `live`.
"""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response, WebSocket
from nicegui import ui

from monty_mqtt import topics
from monty_mqtt_liveview import views
from monty_mqtt_liveview.live import Live
from monty_mqtt_liveview.page import make_pages
from monty_mqtt_liveview.service import Service

__all__ = ["make_app"]


def make_app(service: Service) -> FastAPI:
    """Return the web application."""
    app = FastAPI(openapi_url=None)
    live = Live(service)

    @app.get("/healthz")
    def healthz(_request: Request) -> Response:
        connected = service.subscription.is_connected
        return _json({"broker": "connected" if connected else "away"}, 200 if connected else 503)

    @app.get("/api/runs")
    def runs(_request: Request) -> Response:
        with service.lock:
            return _json([views.run_head(run) for run in service.runs.by_name.values()])

    @app.websocket("/live")
    async def listen(socket: WebSocket, run: str, worker: str) -> None:
        await live.serve(socket, topics.unescape(run), topics.unescape(worker))

    make_pages()
    ui.run_with(app)
    return app


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
