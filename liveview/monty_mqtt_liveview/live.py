"""What changes on a run's page, to every browser that looks at it: made once, sent to all.

Place in the flow: browsers open `/live`; a task per run and worker that somebody looks at cuts out, ten times a second,
what is new in the state since the last time. A browser that comes, or comes back, says which rows it has.
"""

from __future__ import annotations

import asyncio
import contextlib
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

    async def serve(self, socket: WebSocket, run: str, worker: str) -> None:
        """Send a browser what it asks for until it goes."""
        await socket.accept()
        sender = asyncio.create_task(self._send(socket, run, worker))
        try:
            while True:
                await socket.receive_text()
        except WebSocketDisconnect:
            pass
        finally:
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sender

    async def _send(self, socket: WebSocket, run: str, worker: str) -> None:
        sent, revision = 0, -1
        while True:
            changed, sent, revision = self._changed(run, worker, sent, revision)
            if changed:
                await socket.send_text(_encoder.encode(changed).decode())
            await asyncio.sleep(TICK_SECS)

    def _changed(self, run: str, worker: str, sent: int, revision: int) -> tuple[dict[str, Any], int, int]:
        with self._service.lock:
            found = self._service.runs.by_name.get(run)
            if found is None or found.revision == revision:
                return {}, sent, revision
            said: dict[str, Any] = {"run": views.run_head(found)}
            one = found.workers.get(worker)
            if one is not None and one.steps.count > sent:
                chosen = np.arange(max(sent, one.steps.count - _MOST_ROWS), one.steps.count)
                said["steps"] = views.rows(one.steps, chosen)
                sent = one.steps.count
            return said, sent, found.revision
