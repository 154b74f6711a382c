"""A page in a browser, with everything that goes wrong on it."""

from __future__ import annotations

import shutil

from playwright.sync_api import Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)
"""A root user's Chromium needs the first; without the others it looks for its maker's hosts."""

DRIVER = "GPU stall due to ReadPixels"
"""What Chromium's software renderer says of itself when it shows a WebGL canvas."""


class Watched:
    """A page in the browser, and all that went wrong on it or left this machine."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.complaints: list[str] = []
        page.on("console", lambda line: self._says(line.type, line.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._leaves(request.url))

    def open(self, path: str) -> Page:
        self.page.goto(self.url + path)
        return self.page

    def _says(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and DRIVER not in text:
            self.complaints.append(text)

    def _leaves(self, url: str) -> None:
        if not url.startswith((self.url, "data:", "blob:")):
            self.complaints.append(f"leaves this machine: {url}")
