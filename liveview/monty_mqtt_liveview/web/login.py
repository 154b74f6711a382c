"""Decides who may do what: looking is free on this machine, commanding needs a login; from elsewhere both do.

Called by `server`, which adds the routes and wraps `LoginRequired` around everything; `control` calls `Login.is_in`.
There is one password. It is made at the first start, in a file that only its owner can read.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import time
from collections import OrderedDict, deque
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, quote

import msgspec
from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from monty_mqtt.errors import ServiceError
from monty_mqtt_liveview.web.login_sessions import SESSION_SECS, LoginSessions
from monty_mqtt_liveview.web.responses import json_answer

__all__ = ["STYLE_HASH", "Login", "LoginRequired", "Reach", "login_routes"]

_MOST_FAILURES, _WITHIN_SECS = 10, 60.0
_MOST_PEERS = 1000
_OPEN_PATHS = frozenset({"/login", "/api/login", "/api/session", "/healthz"})
_STYLE = """
      body { font-family: sans-serif; color-scheme: light dark; margin: 10vh auto; max-width: 24em; padding: 1em }
      input { width: 100% }
    """
STYLE_HASH = f"sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}"
"""Digest of the login's style sheet, for the Content-Security-Policy."""

_DOCUMENT = f"""<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" /><title>Log in</title><meta name="viewport" content="width=device-width" />
    <style>{_STYLE}</style>
  </head>
  <body>
    <h1>Monty runs</h1>
    <p role="alert">$wrong</p>
    <form method="post" action="/login?next=$next">
      <p><label>Password, from $place on the page's machine<br />
        <input name="password" type="password" autocomplete="current-password" autofocus required />
      </label></p>
      <p><button>Log in</button></p>
    </form>
  </body>
</html>
"""


class Reach(NamedTuple):
    """Describes how the page can be reached.

    Attributes:
        is_tls: Over the page's own TLS.
        is_closed: Only with a login.
        login_port: Port for a TLS proxy; visitors through it need a login; 0: there is none.
        trusts_forwarded_for: Whether that proxy names the visitor's address (X-Forwarded-For).
    """

    is_tls: bool = False
    is_closed: bool = False
    login_port: int = 0
    trusts_forwarded_for: bool = False


class Login:
    """Checks the password, and knows which browsers have logged in.

    Args:
        file: File of the password.
        sessions: The open sessions.
        cookie: Name of the session cookie. Ports of one host share their cookies: each page needs a name of its own.
        reach: How the page can be reached.
    """

    def __init__(self, file: Path, sessions: LoginSessions, cookie: str, reach: Reach) -> None:
        self.file = file
        self._sessions, self._cookie, self._reach = sessions, cookie, reach
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def is_needed_to_look(self, scope: Scope) -> bool:
        """Return whether a visitor who comes this way sees nothing without a login."""
        return self._reach.is_closed or self._comes_by_proxy(scope)

    @property
    def why_not(self) -> str:
        """Why no visitor can log in; empty if they can."""
        return "" if self._password() else f"nobody can log in: {self.file} has no password, or cannot be read"

    def is_in(self, connection: HTTPConnection) -> bool:
        """Return whether this browser has logged in with the current password."""
        return self._sessions.is_open(self._token(connection), self._password())

    def enter(self, request: Request, password: str, answer: Response) -> None:
        """Set the session cookie on the answer if the password is right.

        Raises:
            HTTPException: 401, the password is wrong; 429, this visitor tried too often. A visitor with a session is
                counted apart from others at the same address.
        """
        failures = self._failures_of(self._token(request) if self.is_in(request) else self._peer(request))
        if len(failures) >= _MOST_FAILURES:
            raise HTTPException(429, f"too many wrong passwords; wait {_WITHIN_SECS:g} s", {"Retry-After": "60"})
        known = self._password()
        if not known or not hmac.compare_digest(password.encode("utf-8", "replace"), known.encode()):
            failures.append(time.monotonic())
            raise HTTPException(401, self.why_not or f"not the password that is in {self.file}")
        answer.set_cookie(
            self._cookie,
            self._sessions.open(known),
            max_age=SESSION_SECS,
            httponly=True,
            samesite="strict",
            secure=self._reach.is_tls or self._comes_by_proxy(request.scope),
        )

    def leave(self, request: Request, answer: Response) -> None:
        """End the session, for every copy of its cookie, and delete the cookie.

        Raises:
            HTTPException: 503, the logout cannot be written to disk: the session would be open again after a restart.
        """
        try:
            self._sessions.close(self._token(request))
        except ServiceError as error:
            raise HTTPException(503, f"logged out only until the page is started again: {error}") from None
        answer.delete_cookie(self._cookie, httponly=True, samesite="strict")

    def _token(self, connection: HTTPConnection) -> str:
        return connection.cookies.get(self._cookie, "")

    def _comes_by_proxy(self, scope: Scope) -> bool:
        return bool(self._reach.login_port) and (scope.get("server") or ("", 0))[1] == self._reach.login_port

    def _peer(self, request: Request) -> str:
        if self._reach.trusts_forwarded_for and self._comes_by_proxy(request.scope):
            addresses = ",".join(request.headers.getlist("x-forwarded-for"))
            return addresses.rpartition(",")[2].strip()  # the last address is the one that the proxy added
        return request.client.host if request.client else ""

    def _password(self) -> str:
        try:
            return self.file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def _failures_of(self, peer: str) -> deque[float]:
        failures = self._failures.setdefault(peer, deque())
        self._failures.move_to_end(peer)
        if len(self._failures) > _MOST_PEERS:
            self._failures.popitem(last=False)
        while failures and failures[0] < time.monotonic() - _WITHIN_SECS:
            failures.popleft()
        return failures


class LoginRequired:
    """Lets only visitors pass who have logged in, where a login is needed.

    Args:
        app: The application behind it.
        login: Knows who has logged in.
    """

    def __init__(self, app: ASGIApp, login: Login) -> None:
        self._app, self._login = app, login

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or redirect it to the login."""
        if scope["type"] == "lifespan" or scope["path"] in _OPEN_PATHS or self._may_look(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "log in first"})
        else:
            wants_page = "text/html" in HTTPConnection(scope).headers.get("accept", "")
            place = f"/login?next={quote(scope['path'], safe='')}"
            refusal = RedirectResponse(place, 303) if wants_page else json_answer({"error": "log in first"}, 401)
            await refusal(scope, receive, send)

    def _may_look(self, scope: Scope) -> bool:
        return not self._login.is_needed_to_look(scope) or self._login.is_in(HTTPConnection(scope))


class PasswordBody(msgspec.Struct):
    """Is the body of a request to `/api/login`."""

    password: str


def login_routes(login: Login) -> APIRouter:
    """Return the routes for logging in and out."""
    routes = APIRouter()

    @routes.post("/api/login")
    async def enter(request: Request) -> Response:
        try:
            given = msgspec.json.decode(await request.body(), type=PasswordBody)
        except msgspec.MsgspecError:
            raise HTTPException(400, 'send {"password": "..."}') from None
        answer = json_answer({})
        login.enter(request, given.password, answer)
        return answer

    @routes.post("/api/logout")
    def leave(request: Request) -> Response:
        answer = json_answer({})
        login.leave(request, answer)
        return answer

    @routes.get("/login")
    def show(next: str = "/") -> Response:  # noqa: A002 - the name in the address
        return _document(login, "", next)

    @routes.post("/login")
    async def enter_from_document(request: Request, next: str = "/") -> Response:  # noqa: A002 - the name in the address
        given = parse_qs((await request.body()).decode("utf-8", "replace"))
        # Only a path on this machine, and nothing that a browser would take for another host's address.
        place = quote(next, safe="/%") if next.startswith("/") and not next.startswith(("//", "/\\")) else "/"
        answer = RedirectResponse(place, 303)
        try:
            login.enter(request, given.get("password", [""])[0], answer)
        except HTTPException as error:
            return _document(login, str(error.detail), next, error.status_code)
        return answer

    return routes


def _document(login: Login, wrong: str, place: str, status: int = 200) -> Response:
    values = {"$wrong": html.escape(wrong), "$next": quote(place, safe=""), "$place": html.escape(str(login.file))}
    text = _DOCUMENT
    for name, value in values.items():
        text = text.replace(name, value)
    return HTMLResponse(text, status, {"Cache-Control": "no-store"})
