"""Serves the pages that a browser opens: one HTML document for all views, and the files of the built front end.

Called by `server`, which adds these routes; asks `bundle` for the files. Nothing is fetched from elsewhere. A panel of
the operator's own runs in a document of its own, which knows no site: it reaches neither the page nor any network.
"""

from __future__ import annotations

import base64
import hashlib
import html
from pathlib import Path
from string import Template
from urllib.parse import quote

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import HTMLResponse, Response

from monty_mqtt.errors import ServiceError
from monty_mqtt_liveview.own_panels.beside_the_page import BesideThePage
from monty_mqtt_liveview.web.bundle import ASSETS, Bundle
from monty_mqtt_liveview.web.responses import name_of, not_found

__all__ = ["Document", "add_pages"]

_TEMPLATE = Path(__file__).with_name("page.html")
_STYLESHEET = "/page.css"
_TITLE = "Monty LiveView"
_PANEL_FRAME = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Panel</title></head>
<body><script type="module">$script</script></body>
</html>
"""
_OF_PANEL_FRAME = (
    "default-src 'none'",
    "script-src '{digest}' blob:",
    "style-src 'unsafe-inline'",
    "img-src data: blob:",
    "font-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'self'",
    "sandbox allow-scripts",
)
"""What a panel may do: run, draw and style itself; it gets what it shows from the page around it, and asks nobody."""


class Document:
    """Is the one HTML document, which is filled in for each address.

    Attributes:
        bundle: The files that it loads.

    Args:
        title: What the page calls itself; empty: as it always does.
        beside: The operator's own files; among them a style sheet, which comes after the page's own.

    Raises:
        ServiceError: The front end was not built.
    """

    def __init__(self, title: str, beside: BesideThePage) -> None:
        self.bundle = Bundle()
        self._own_title, self._beside = title, beside
        self._icon = f"data:image/svg+xml,{quote(self.bundle.text('icon.svg'))}"  # a request less
        self._template = Template(_TEMPLATE.read_text(encoding="utf-8"))

    def answer(self, title: str, view: str, run: str = "", status: int = 200) -> Response:
        """Return the document as a response.

        Args:
            title: Title until the page knows a better one.
            view: `runs`, `run`, `workers`, or `missing` for an unknown address.
            run: Id of the run, if the page shows one.
            status: HTTP status.
        """
        values = {"title": title, "view": view, "run": run, "name": self._own_title or _TITLE}
        escaped = {name: html.escape(value) for name, value in values.items()}
        tags = self.bundle.tags(view) + self._own_tag()
        beside = "true" if self._beside.is_anything_there else "false"
        text = self._template.substitute(escaped, icon=self._icon, tags=tags, beside=beside)
        return HTMLResponse(text, status, headers={"Cache-Control": "no-store"})

    def runs(self) -> Response:
        """Return the document with the list of runs."""
        return self.answer(self._own_title or "Monty runs", "runs")

    def stylesheet(self) -> Response:
        """Return the operator's own style sheet.

        Raises:
            HTTPException: 404, there is none that can be used.
        """
        try:
            text = self._beside.stylesheet()
        except ServiceError as error:
            raise not_found(str(error)) from None
        return Response(text, media_type="text/css", headers={"Cache-Control": "no-cache"})

    def panel_frame(self) -> Response:
        """Return the document in which a panel of the operator's own runs."""
        script = self.bundle.script("panel_frame")
        digest = f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"
        headers = {
            "Cache-Control": "no-cache",
            "Content-Security-Policy": "; ".join(_OF_PANEL_FRAME).format(digest=digest),
            "X-Frame-Options": "SAMEORIGIN",
        }
        return HTMLResponse(Template(_PANEL_FRAME).substitute(script=script), headers=headers)

    def _own_tag(self) -> str:
        try:
            has_own = bool(self._beside.stylesheet())
        except ServiceError:
            has_own = False
        return f'\n    <link rel="stylesheet" href="{_STYLESHEET}" />' if has_own else ""


def add_pages(app: FastAPI, document: Document) -> None:
    """Add the pages and the files that they need to the application."""
    pages = APIRouter()

    @pages.get("/")
    def runs() -> Response:
        return document.runs()

    @pages.get("/run/{run}")
    def one_run(run: str) -> Response:
        return document.answer(name_of(run), "run", name_of(run))

    @pages.get("/run/{run}/workers")
    def workers(run: str) -> Response:
        return document.answer(f"{name_of(run)}: workers", "workers", name_of(run))

    @pages.get(_STYLESHEET)
    def stylesheet() -> Response:
        return document.stylesheet()

    @pages.get("/panel_frame")
    def panel_frame() -> Response:
        return document.panel_frame()

    @pages.get(ASSETS + "/{name}")
    def file(name: str, request: Request) -> Response:
        return document.bundle.answer(name, takes_gzip="gzip" in request.headers.get("accept-encoding", ""))

    app.include_router(pages)
