"""Serves the pages that a browser opens: one HTML document for all views, and the files of the built front end.

Called by `server`, which adds these routes; asks `bundle` for the files. Nothing is fetched from elsewhere.
"""

from __future__ import annotations

import html
from pathlib import Path
from string import Template
from urllib.parse import quote

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import HTMLResponse, Response

from monty_mqtt_liveview.web.bundle import ASSETS, Bundle
from monty_mqtt_liveview.web.responses import name_of

__all__ = ["Document", "add_pages"]

_TEMPLATE = Path(__file__).with_name("page.html")


class Document:
    """Is the one HTML document, which is filled in for each address.

    Attributes:
        bundle: The files that it loads.

    Raises:
        ServiceError: The front end was not built.
    """

    def __init__(self) -> None:
        self.bundle = Bundle()
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
        values = {"title": html.escape(title), "view": view, "run": html.escape(run)}
        text = self._template.substitute(values, icon=self._icon, tags=self.bundle.tags(view))
        return HTMLResponse(text, status, headers={"Cache-Control": "no-store"})


def add_pages(app: FastAPI, document: Document) -> None:
    """Add the pages and the files that they need to the application."""
    pages = APIRouter()

    @pages.get("/")
    def runs() -> Response:
        return document.answer("Monty runs", "runs")

    @pages.get("/run/{run}")
    def one_run(run: str) -> Response:
        return document.answer(name_of(run), "run", name_of(run))

    @pages.get("/run/{run}/workers")
    def workers(run: str) -> Response:
        return document.answer(f"{name_of(run)}: workers", "workers", name_of(run))

    @pages.get(ASSETS + "/{name}")
    def file(name: str, request: Request) -> Response:
        return document.bundle.answer(name, takes_gzip="gzip" in request.headers.get("accept-encoding", ""))

    app.include_router(pages)
