"""Builds and runs the web server, for HTTP and WebSocket.

The last stage, called by `app`. uvicorn serves what `make_app` returns: `request_guard` around `login` around
`documents`, `api`, `frames`, `control` and `live`.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from monty_mqtt.errors import ConfigError
from monty_mqtt_core.settings import ports
from monty_mqtt_liveview.intake.service import Service
from monty_mqtt_liveview.own_panels.beside_the_page import BesideThePage
from monty_mqtt_liveview.settings import PageConfig
from monty_mqtt_liveview.web.api import make_api
from monty_mqtt_liveview.web.control import Control, control_routes
from monty_mqtt_liveview.web.documents import Document, add_pages
from monty_mqtt_liveview.web.frames import Frames
from monty_mqtt_liveview.web.health import health
from monty_mqtt_liveview.web.live import Live
from monty_mqtt_liveview.web.login import STYLE_HASH, Login, LoginRequired, login_routes
from monty_mqtt_liveview.web.reference import reference_routes
from monty_mqtt_liveview.web.request_guard import LOOPBACK_NAMES, RequestGuard, policy
from monty_mqtt_liveview.web.responses import heads_too, json_answer, name_of

__all__ = ["Server", "listen", "make_app", "routes_of"]

_MOST_WAITING = 128
_NOT_FOUND = 404


def make_app(service: Service, config: PageConfig, controls: Control, login: Login, beside: BesideThePage) -> ASGIApp:
    """Return the web application."""
    own = {f"[{config.host}]" if ":" in config.host else config.host}
    names = {*LOOPBACK_NAMES, *own, *config.public_names}
    app = routes_of(service, config, controls, login, beside)
    return RequestGuard(LoginRequired(heads_too(app), login), names, policy(STYLE_HASH))


def routes_of(service: Service, config: PageConfig, controls: Control, login: Login, beside: BesideThePage) -> FastAPI:
    """Return every address of the page, without what guards them."""
    live = Live(service)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with live:
            yield

    document = Document(config.title, beside)

    def refused(request: Request, error: Exception) -> Response:
        known = error if isinstance(error, HTTPException) else HTTPException(500)
        if known.status_code == _NOT_FOUND and "text/html" in request.headers.get("accept", ""):
            return document.answer("No such page", "missing", status=_NOT_FOUND)
        answer = json_answer({"error": known.detail}, known.status_code)
        answer.headers.update(known.headers or {})
        return answer

    app = FastAPI(openapi_url=None, lifespan=lifespan)
    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(RequestValidationError, _misunderstood)
    app.add_exception_handler(Exception, _failed)

    @app.get("/healthz")
    async def healthz(request: Request) -> Response:  # not in a thread: all threads may be busy
        status = health(service)
        if login.is_needed_to_look(request.scope) and not login.is_in(request):
            status = {"status": status["status"]}
        return json_answer(status, 200 if status["status"] == "ok" else 503)

    @app.websocket("/live")
    async def listen_to_run(
        socket: WebSocket, run: str, worker: str = "", rows: str = "0", generation: str = "0"
    ) -> None:
        have = (_whole(rows), _whole(generation))
        await live.serve(socket, name_of(run), name_of(worker) if worker else "", *have)

    @app.websocket("/live_runs")
    async def listen_to_runs(socket: WebSocket) -> None:
        await live.serve_runs(socket)

    frames = Frames(service, config.depth_range).routes()
    for routes in (make_api(service, beside), frames, control_routes(service, controls, login), login_routes(login)):
        app.include_router(routes)
    app.include_router(reference_routes())
    add_pages(app, document)
    return app


def listen(config: PageConfig, port: int) -> socket.socket:
    """Return a listening socket that browsers connect to.

    Raises:
        ConfigError: The address is not this machine's, or the port is taken.
    """
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((config.host, port))
        listening.listen(_MOST_WAITING)
    except OSError as error:
        listening.close()
        holder = f"; it is taken by {owner}" if (owner := ports.owner(port)) else ""
        reason = f"an address that can be listened on ({error.strerror}{holder}); --port 0 takes a free one"
        raise ConfigError("host, port", f"{config.host}:{port}", reason) from None
    return listening


class Server(uvicorn.Server):
    """Runs uvicorn, and prints a line when it serves.

    Args:
        app: The application to serve.
        config: The page's settings.
        sockets: The listening sockets; the address of the first is printed.

    Raises:
        ConfigError: The certificate or its key cannot be used.
    """

    def __init__(self, app: ASGIApp, config: PageConfig, sockets: list[socket.socket]) -> None:
        settings = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=max(1, round(config.drain_secs)),
            ssl_certfile=config.tls_certificate or None,
            ssl_keyfile=config.tls_key or None,
            ws_max_size=65_536,
            ws_per_message_deflate=not config.is_local,
        )
        try:
            settings.load()
        except OSError as error:
            raise ConfigError("tls_certificate", config.tls_certificate, f"a PEM file with its key ({error})") from None
        logging.getLogger("uvicorn.error").addFilter(_is_of_this_page)
        super().__init__(settings)
        self._sockets = sockets
        port = sockets[0].getsockname()[1]
        host = "127.0.0.1" if config.container else config.host
        self._url = ports.url("https" if config.tls_certificate else "http", host, port)

    def serve_until_stopped(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        self.run(sockets=self._sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, and print the page's address."""
        await super().startup(sockets)
        sys.stdout.write(f"page ready: {self._url}\n")
        sys.stdout.flush()


def _is_of_this_page(record: logging.LogRecord) -> bool:
    """Drop uvicorn's traceback about a client that sends invalid text; the client gets an error and is disconnected."""
    return not str(record.msg).startswith("Invalid UTF-8")


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _failed(_request: Request, error: Exception) -> Response:
    return json_answer({"error": f"the page failed at this ({type(error).__name__}); its log says more"}, 500)


def _misunderstood(_request: Request, error: Exception) -> Response:
    wrong: list[dict[str, Any]] = list(error.errors()) if isinstance(error, RequestValidationError) else []
    reasons = "; ".join(f"{problem['loc'][-1]}: {problem['msg']}" for problem in wrong)
    return json_answer({"error": reasons}, 422)
