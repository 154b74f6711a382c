"""Receives over HTTP what a program posts, as a notification service does; it may refuse, or never answer."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from kit.machine.child_process import until


class WebHook:
    """Collects the JSON that is posted to it.

    Attributes:
        received: What was posted, in order.
        refuses: How many posts it answers with 503 before it takes one.
        hangs: Whether it answers nothing, until it is closed.
    """

    def __init__(self, *, refuses: int = 0, hangs: bool = False) -> None:
        self.received: list[dict[str, Any]] = []
        self.refuses, self.hangs = refuses, hangs
        self._closed = threading.Event()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if hook.hangs:
                    hook._closed.wait(60)
                is_refused = hook.refuses > 0
                hook.refuses -= is_refused
                if not is_refused:
                    hook.received.append({**body, "path": self.path})
                self.send_response(503 if is_refused else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def titles(self) -> list[str]:
        return [post["title"] for post in self.received]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()

    def wait_for(self, title: str, timeout_secs: float = 30) -> dict[str, Any]:
        """Wait for a post whose title contains a text, and return it."""
        until(lambda: any(title in known for known in self.titles), timeout_secs)
        return next(post for post in self.received if title in post["title"])
