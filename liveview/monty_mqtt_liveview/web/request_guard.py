"""Refuses requests that do not come from this page: the first check of every HTTP and WebSocket request.

Called by uvicorn; wraps the application of `server`. A page of another site in the same browser must not reach this
one: not under a name that it made point here (DNS rebinding: Host), not from its own scripts (Origin), not in a frame.
Every answer carries headers that keep a browser from running scripts of others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["LOOPBACK_NAMES", "RequestGuard", "policy"]

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
"""Host names that no one else can make point to this machine's own browser."""

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:@/\s]+)(:\d{1,5})?")
_FOR_OTHERS = re.compile(r"/run/[^/]+/latest/.*")
_RESOURCE = b"cross-origin-resource-policy"
_MOST_BODY_BYTES = 65_536
_WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def policy(style_hash: str) -> dict[str, str]:
    """Return the headers of every answer: only the page's own files are run, and only they style it.

    Args:
        style_hash: Digest of the one style sheet that stands in a document, that of the login.
    """
    content = (
        "default-src 'none'",
        "script-src 'self'",
        f"style-src 'self' '{style_hash}'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "frame-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
    return {
        "content-security-policy": "; ".join(content),
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=()",
    }


class RequestGuard:
    """Refuses requests that do not come from a page of ours.

    Args:
        app: The application behind it.
        names: Host names, in lower case, under which the page may be requested.
        headers: Headers of every answer.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str], headers: Mapping[str, str]) -> None:
        self._app = app
        self._names = frozenset(names)
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        why = self._why_not(scope)
        if scope["type"] == "websocket":
            if why:
                await send({"type": "websocket.close", "code": 1008, "reason": why[:120]})
            else:
                await self._app(scope, receive, send)
            return
        answer: ASGIApp = self._app
        if why:
            answer = PlainTextResponse(why + "\n", 403)
        elif not _is_small(scope):
            answer = PlainTextResponse(f"a body of at most {_MOST_BODY_BYTES} bytes, and of a stated length\n", 413)
        await answer(scope, receive, self._with_headers(scope, send))

    def _why_not(self, scope: Scope) -> str:
        host, *more = _values(scope, b"host") or [""]
        named = _HOST.fullmatch(host)
        if more or named is None or named[1] not in self._names:
            return f"this page is not known as {host!r}, only as {', '.join(sorted(self._names))}; see --public-name"
        origins = _values(scope, b"origin")
        if any(origin not in (f"http://{host}", f"https://{host}") for origin in origins):
            return f"a page from {origins[0]!r} may not use this one"
        return "a page from elsewhere may not use this one" if _is_from_elsewhere(scope) else ""

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        headers = self._headers
        if _FOR_OTHERS.fullmatch(scope["path"]):  # dashboards on other ports and hosts show the latest frame
            headers = [(name, b"cross-origin" if name == _RESOURCE else value) for name, value in headers]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message.get("headers", ())}  # of a document with a policy of its own
                message["headers"] = [*message.get("headers", ()), *(one for one in headers if one[0] not in own)]
            await send(message)

        return send_with_headers


def _is_from_elsewhere(scope: Scope) -> bool:
    """Return whether another site's page sends the request; visits and the latest frame are free for everybody."""
    if _values(scope, b"sec-fetch-site") not in (["cross-site"], ["same-site"]):
        return False
    is_visit = _values(scope, b"sec-fetch-mode") == ["navigate"] and scope.get("method") not in _WRITING
    return not is_visit and not _FOR_OTHERS.fullmatch(scope["path"])


def _is_small(scope: Scope) -> bool:
    lengths = _values(scope, b"content-length")
    if _values(scope, b"transfer-encoding"):
        return False
    return all(length.isdecimal() and int(length[:20]) <= _MOST_BODY_BYTES for length in lengths)


def _values(scope: Mapping[str, Any], name: bytes) -> list[str]:
    return [value.decode("latin-1").lower() for key, value in scope["headers"] if key == name]
