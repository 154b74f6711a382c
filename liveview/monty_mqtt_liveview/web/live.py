"""Sends what changes to all open browsers; a change is encoded once and sent to all.

Browsers open `/live` and `/live_runs`. Browsers with the same view share a `_Room`, whose task calls `live_changes` ten
times a second, only while a browser is there: what is new since what each of them has; nearly always that is the same
for all. A browser that is new, has reconnected or was slow gets a piece of its own. Nothing is queued for a browser:
while it is busy with the last piece it is skipped, and its next piece contains what it missed. If nothing is new,
each browser receives a sign of life once a second, so that it can tell a quiet run from a connection that passes
nothing; a browser shows its own life by answering the server's WebSocket pings.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, NamedTuple, Self

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from monty_mqtt_liveview.intake.service import Service
from monty_mqtt_liveview.web.live_changes import BrowserState, LiveChanges, RunsChanges

__all__ = ["Live"]

_TICK_SECS, _RUNS_TICK_SECS = 0.1, 0.5
_SIGN_SECS = 1.0
_SIGN_OF_LIFE = "{}"
_SEND_SECS = 60.0
_KEEP_SECS = 10.0
_THREADS = 4
_MOST_VIEWERS = 1000


class Piece(NamedTuple):
    """Holds the text to send to a browser (None: nothing), and what the browser has after it."""

    text: str | None
    have: Hashable


Cut = Callable[[Any], tuple[str | None, Hashable]]


class _Viewer:
    """Sends to one browser.

    Args:
        socket: The connection to it.
        have: What it already has.
    """

    def __init__(self, socket: WebSocket, have: Hashable) -> None:
        self.have = have
        self._socket = socket
        self._sending: asyncio.Task[None] | None = None
        self._sent_at = 0.0

    @property
    def is_ready(self) -> bool:
        """Whether the last piece was sent."""
        return self._sending is None or self._sending.done()

    def send(self, piece: Piece, now: float) -> None:
        """Begin to send a piece; send a sign of life if nothing is new and nothing was sent for a second."""
        self.have = piece.have
        text = piece.text
        if text is None and now - self._sent_at >= _SIGN_SECS:
            text = _SIGN_OF_LIFE
        if text is not None:
            self._sent_at = now
            self._sending = asyncio.create_task(self._send(text))

    def close(self) -> None:
        """Cancel what is being sent."""
        if self._sending:
            self._sending.cancel()

    async def _send(self, text: str) -> None:
        try:
            await asyncio.wait_for(self._socket.send_text(text), _SEND_SECS)
        except (TimeoutError, WebSocketDisconnect, RuntimeError):  # RuntimeError: starlette's, if closed
            if self._socket.application_state is WebSocketState.CONNECTED:
                with contextlib.suppress(RuntimeError):
                    await self._socket.close(1013)


class _Room:
    """Serves all browsers with the same view.

    Args:
        cut: Returns what is new to a browser that has something, as text, and what it then has.
        tick_secs: How often, in seconds.
        threads: Where `cut` is called.

    Attributes:
        viewers: The browsers.
        task: Sends to them.
    """

    def __init__(self, cut: Cut, tick_secs: float, threads: Executor) -> None:
        self.viewers: set[_Viewer] = set()
        self._cut, self._tick_secs, self._threads = cut, tick_secs, threads
        self._came = asyncio.Event()
        self.task = asyncio.create_task(self._tell())

    def add(self, viewer: _Viewer) -> None:
        self.viewers.add(viewer)
        self._came.set()

    async def _tell(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            begun = loop.time()
            self._came.clear()
            ready = [viewer for viewer in self.viewers if viewer.is_ready]
            wanted = {viewer.have for viewer in ready}
            pieces = await loop.run_in_executor(self._threads, self._pieces, wanted)
            for viewer in ready:
                viewer.send(pieces[viewer.have], begun)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._came.wait(), max(self._tick_secs - (loop.time() - begun), 0.01))

    def _pieces(self, wanted: Iterable[Hashable]) -> dict[Hashable, Piece]:
        return {have: Piece(*self._cut(have)) for have in wanted}


class Live:
    """Serves all open pages, from `__aenter__` to `__aexit__`.

    Args:
        service: The state.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._rooms: dict[Hashable, _Room] = {}
        self._keeping: dict[Hashable, asyncio.Task[None]] = {}
        # Two pools: reading a run from disk may take long, and must not delay browsers whose run is in memory.
        self._cutting = ThreadPoolExecutor(_THREADS, "cut")
        self._loading = ThreadPoolExecutor(_THREADS, "load")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in (*(room.task for room in self._rooms.values()), *self._keeping.values()):
            task.cancel()
        for threads in (self._cutting, self._loading):
            threads.shutdown(wait=False, cancel_futures=True)

    async def serve(self, socket: WebSocket, run: str, worker: str, rows: int, generation: int) -> None:
        """Send a browser what changes in a run, until it disconnects.

        Args:
            socket: The connection to it.
            run: Id of the run.
            worker: Worker whose steps are sent; empty: no steps.
            rows: How many rows the browser has.
            generation: Generation of these rows.
        """
        await socket.accept()
        key = (run, worker)
        if worker and key not in self._keeping:
            self._keeping[key] = asyncio.create_task(self._keep_loaded(run))
        changes = LiveChanges(self._service, run, worker)
        try:
            await self._serve(socket, key, changes.since, BrowserState(rows=rows, generation=generation), _TICK_SECS)
        finally:
            if key not in self._rooms and (keeping := self._keeping.pop(key, None)):
                keeping.cancel()

    async def serve_runs(self, socket: WebSocket) -> None:
        """Send a browser what changes in the list of runs, until it disconnects."""
        await socket.accept()
        changes = RunsChanges(self._service)
        await self._serve(socket, "runs", changes.since, None, _RUNS_TICK_SECS)

    async def _keep_loaded(self, run: str) -> None:
        """Keep a run's steps in memory as long as a browser shows them."""
        loop = asyncio.get_running_loop()
        while True:
            await loop.run_in_executor(self._loading, self._service.ensure_loaded, run)
            await asyncio.sleep(_KEEP_SECS)

    async def _serve(self, socket: WebSocket, key: Hashable, cut: Cut, have: Hashable, tick_secs: float) -> None:
        viewer = _Viewer(socket, have)
        if sum(len(room.viewers) for room in self._rooms.values()) >= _MOST_VIEWERS:
            await socket.close(1013, f"{_MOST_VIEWERS} browsers look already")
            return
        room = self._rooms.get(key)
        if room is None:
            room = self._rooms[key] = _Room(cut, tick_secs, self._cutting)
        room.add(viewer)
        going = asyncio.create_task(_until_gone(socket))
        try:
            await asyncio.wait({going, room.task}, return_when=asyncio.FIRST_COMPLETED)
            if room.task.done() and not room.task.cancelled():
                room.task.result()  # raises what went wrong: uvicorn logs it, and the browser reconnects
        finally:
            going.cancel()
            room.viewers.discard(viewer)
            viewer.close()
            if not room.viewers and self._rooms.get(key) is room:
                del self._rooms[key]
                room.task.cancel()


async def _until_gone(socket: WebSocket) -> None:
    """Return when the browser has disconnected; ignore what it sends until then."""
    with contextlib.suppress(RuntimeError):  # starlette raises it if the socket was closed meanwhile
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass
