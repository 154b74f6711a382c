"""What changes on a run's page, to every browser that looks at it: made once, sent to all.

Place in the flow: browsers open `/live`; a task per run and worker that somebody looks at cuts out, ten times a second,
what is new in the state since the last time. A browser that comes, or comes back, says which rows it has.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from starlette.websockets import WebSocket, WebSocketDisconnect

from monty_mqtt_liveview import views
from monty_mqtt_liveview.service import Service

__all__ = ["Live"]

TICK_SECS = 0.1
_MOST_ROWS = 2000
_encoder = msgspec.json.Encoder()


class Live:
    """All open pages.

    Args:
        service: The state.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def serve(self, socket: WebSocket, run: str, worker: str, rows: int, generation: int) -> None:
        """Send a browser what changes of a run until it goes."""
        sent = {"rows": rows if generation == 0 else 0, "revision": -1}
        await self._run(socket, lambda: self._changed(run, worker, sent), TICK_SECS)

    async def serve_runs(self, socket: WebSocket) -> None:
        """Send a browser what changes of the list of runs until it goes."""
        sent: dict[str, int] = {}
        await self._run(socket, lambda: self._changed_runs(sent), 0.5)

    async def _run(self, socket: WebSocket, changed: Callable[[], dict[str, Any]], pause_secs: float) -> None:
        await socket.accept()
        sender = asyncio.create_task(self._send(socket, changed, pause_secs))
        try:
            while True:
                await socket.receive_text()
        except WebSocketDisconnect:
            pass
        finally:
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sender

    async def _send(self, socket: WebSocket, changed: Callable[[], dict[str, Any]], pause_secs: float) -> None:
        while True:
            if said := await asyncio.to_thread(changed):
                await socket.send_text(_encoder.encode(said).decode())
            await asyncio.sleep(pause_secs)

    def _changed(self, run: str, worker: str, sent: dict[str, int]) -> dict[str, Any]:
        with self._service.lock:
            found = self._service.runs.by_name.get(run)
            if found is None or found.revision == sent["revision"]:
                return {}
            said: dict[str, Any] = {
                "run": views.run_head(found),
                "workers": [views.worker_head(one) for one in found.workers.values()],
                "server_unix_millis": time.time_ns() // 1_000_000,
                "problems": [],
            }
            one = found.workers.get(worker)
            if sent["revision"] < 0:
                said["info"] = next((each.info for each in found.workers.values() if each.info), None)
            if one is not None and one.steps.count > sent["rows"]:
                first = max(sent["rows"], one.steps.count - _MOST_ROWS)
                said |= {"generation": 0, "first_row": first}
                said["steps"] = views.rows(one.steps, np.arange(first, one.steps.count))
                sent["rows"] = one.steps.count
            sent["revision"] = found.revision
            return said

    def _changed_runs(self, sent: dict[str, int]) -> dict[str, Any]:
        with self._service.lock:
            runs = self._service.runs.by_name
            changed = [run for run in runs.values() if sent.get(run.name) != run.revision]
            sent.update((run.name, run.revision) for run in changed)
            said = {"runs": [views.run_head(run) for run in changed], "forgotten": [], "problems": []}
        return said if changed else {}
