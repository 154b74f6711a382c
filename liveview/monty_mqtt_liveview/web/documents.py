"""Serves the pages that a browser opens: one HTML document, and the ES modules of `browser/` over Vue and ECharts.

Called by `server`, which adds these routes. The libraries are those that NiceGUI ships, served as files from this
machine. NiceGUI's own server is not used: it would hold a second connection and state for every browser, and reload the
page whenever this process is restarted.
"""

from __future__ import annotations

import base64
import hashlib
import html
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Any

import msgspec
from fastapi import APIRouter, FastAPI
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from monty_mqtt.errors import ServiceError
from monty_mqtt_liveview.web.responses import name_of

__all__ = ["Document", "add_pages"]

_BROWSER = Path(__file__).parent.parent / "browser"
_MODULES = {"nicegui-echart": "elements/echart/dist", "nicegui-scene": "elements/scene/dist"}
_FOR_GOOD = "public, max-age=31536000, immutable"


class Document:
    """Is the one HTML document, which is filled in for each address.

    Attributes:
        nicegui: Directory of the NiceGUI package.
        nicegui_path: Path under which its libraries are served.
        script_hash: Hash of the only inline script of the document, for the Content-Security-Policy.

    Raises:
        ServiceError: NiceGUI is not installed, or ships its libraries in an unknown place.
    """

    def __init__(self) -> None:
        self.nicegui = _nicegui()
        self.nicegui_path = f"/assets/nicegui-{version('nicegui')}"
        own = {"monty-liveview/": "/assets/browser/", "vue": f"{self.nicegui_path}/static/vue.esm-browser.prod.js"}
        libraries = {name: f"{self.nicegui_path}/{folder}/index.js" for name, folder in _MODULES.items()}
        imports = msgspec.json.encode({"imports": {**own, **libraries}}).decode()
        self.script_hash = f"sha256-{base64.b64encode(hashlib.sha256(imports.encode()).digest()).decode()}"
        self._template = Template((_BROWSER / "page.html").read_text(encoding="utf-8"))
        self._fixed = {"imports": imports, "nicegui": self.nicegui_path, "browser": "/assets/browser"}

    def answer(self, title: str, view: str, run: str = "", status: int = 200) -> Response:
        """Return the document as a response.

        Args:
            title: Title until the page knows a better one.
            view: `runs`, `run`, `workers`, or `missing` for an unknown address.
            run: Id of the run, if the page shows one.
            status: HTTP status.
        """
        modules = (f"/assets/browser/{path.name}" for path in sorted(_BROWSER.glob("*.js")))
        links = "\n    ".join(f'<link rel="modulepreload" href="{module}" />' for module in modules)
        values = {"title": html.escape(title), "view": view, "run": html.escape(run)}
        text = self._template.substitute(self._fixed, preloads=links, **values)
        return HTMLResponse(text, status, headers={"Cache-Control": "no-store"})


class _UnchangingFiles(StaticFiles):
    """Serves files whose address contains their version, so that browsers may keep them."""

    def file_response(self, *arguments: Any, **options: Any) -> Response:
        answer = super().file_response(*arguments, **options)
        answer.headers["Cache-Control"] = _FOR_GOOD
        return answer


class _OwnFiles(StaticFiles):
    """Serves the page's own modules; browsers ask each time, and receive them if they have changed."""

    def file_response(self, *arguments: Any, **options: Any) -> Response:
        answer = super().file_response(*arguments, **options)
        answer.headers["Cache-Control"] = "no-cache"
        return answer


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

    app.include_router(pages)
    for folder in ("static", *_MODULES.values()):
        files = _UnchangingFiles(directory=document.nicegui / folder)
        app.mount(f"{document.nicegui_path}/{folder}", files)
    app.mount("/assets/browser", _OwnFiles(directory=_BROWSER))


def _nicegui() -> Path:
    spec = find_spec("nicegui")
    if spec is None or spec.origin is None:
        raise ServiceError("NiceGUI is not installed: pip install 'monty-mqtt[server]'")
    package = Path(spec.origin).parent
    for folder in _MODULES.values():
        if not (package / folder / "index.js").is_file():
            raise ServiceError(f"NiceGUI {version('nicegui')} has no {folder}: pip install 'monty-mqtt[server]'")
    return package
