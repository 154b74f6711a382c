"""What changes, to every browser that looks: cut out of the state and encoded once, sent to all.

Place in the flow: browsers open `/live` and `/live_runs`. All that look at the same share a `Room`, whose task
asks, ten times a second and only while somebody is there, what is new since what each of them has; nearly always
that is the same for all. Who comes, comes back or was slow has something else, and gets a piece of its own. Nothing
is queued for a browser: while one is busy with the last piece it is passed over, and what it missed is in its next.
Where nothing is new, each is sent a sign of life once a second, so that it can tell a quiet run from a connection
that passes nothing; a browser gives its own by answering the server's WebSocket pings.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, NamedTuple, Self

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from monty_mqtt_liveview.intake.service import Service
from monty_mqtt_liveview.web.live_changes import Changes, Have, RunsChanges

__all__ = ["Live"]

_TICK_SECS, _RUNS_TICK_SECS = 0.1, 0.5
_SIGN_SECS = 1.0
_SIGN_OF_LIFE = "{}"
_SEND_SECS = 60.0
_KEEP_SECS = 10.0
_THREADS = 4
_MOST_VIEWERS = 1000


class Piece(NamedTuple):
    """What a browser is sent, if anything, and what it has then."""

    text: str | None
    have: Hashable


Cut = Callable[[Any], tuple[str | None, Hashable]]


class _Viewer:
    """One browser.

    Args:
        socket: The connection to it.
        have: What it has.
    """

    def __init__(self, socket: WebSocket, have: Hashable) -> None:
        self.have = have
        self._socket = socket
        self._sending: asyncio.Task[None] | None = None
        self._sent_at = 0.0

    @property
    def is_ready(self) -> bool:
        """Whether it took the last piece."""
        return self._sending is None or self._sending.done()

    def send(self, piece: Piece, now: float) -> None:
        """Begin to send; a sign of life where nothing is new and nothing was sent for a while."""
        self.have = piece.have
        text = piece.text
        if text is None and now - self._sent_at >= _SIGN_SECS:
            text = _SIGN_OF_LIFE
        if text is not None:
            self._sent_at = now
            self._sending = asyncio.create_task(self._send(text))

    def close(self) -> None:
        """Give up what is being sent."""
        if self._sending:
            self._sending.cancel()

    async def _send(self, text: str) -> None:
        try:
            await asyncio.wait_for(self._socket.send_text(text), _SEND_SECS)
        except (TimeoutError, WebSocketDisconnect, RuntimeError):  # RuntimeError: starlette's, closed meanwhile
            if self._socket.application_state is WebSocketState.CONNECTED:
                with contextlib.suppress(RuntimeError):
                    await self._socket.close(1013)


class _Room:
    """Everybody who looks at the same.

    Args:
        cut: Returns what is new to who has something, as text, and what he has then.
        tick_secs: How often.
        threads: Where it is cut.

    Attributes:
        viewers: Who is there.
        task: Tells them.
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
    """All open pages, from `__aenter__` to `__aexit__`.

    Args:
        service: The state.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._rooms: dict[Hashable, _Room] = {}
        self._keeping: dict[Hashable, asyncio.Task[None]] = {}
        # Reading a run back may take long: it must not keep those waiting whose run is there.
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
        """Send a browser what changes of a run until it goes.

        Args:
            socket: The connection to it.
            run: Id of the run.
            worker: Whose steps; empty: nobody's.
            rows: How many rows it has.
            generation: Of which generation these are.
        """
        await socket.accept()
        key = (run, worker)
        if worker and key not in self._keeping:
            self._keeping[key] = asyncio.create_task(self._keep_loaded(run))
        changes = Changes(self._service, run, worker)
        try:
            await self._serve(socket, key, changes.since, Have(rows=rows, generation=generation), _TICK_SECS)
        finally:
            if key not in self._rooms and (keeping := self._keeping.pop(key, None)):
                keeping.cancel()

    async def serve_runs(self, socket: WebSocket) -> None:
        """Send a browser what changes of the list of runs until it goes."""
        await socket.accept()
        changes = RunsChanges(self._service)
        await self._serve(socket, "runs", changes.since, None, _RUNS_TICK_SECS)

    async def _keep_loaded(self, run: str) -> None:
        """Have a run's steps in memory as long as somebody looks at them."""
        loop = asyncio.get_running_loop()
        while True:
            await loop.run_in_executor(self._loading, self._service.ensure_loaded, run)
            await asyncio.sleep(_KEEP_SECS)

    async def _serve(self, socket: WebSocket, key: Hashable, cut: Cut, have: Hashable, tick_secs: float) -> None:
        viewer = _Viewer(socket, have)
        if sum(len(one.viewers) for one in self._rooms.values()) >= _MOST_VIEWERS:
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
                room.task.result()  # what went wrong: uvicorn logs it, and the browser comes again
        finally:
            going.cancel()
            room.viewers.discard(viewer)
            viewer.close()
            if not room.viewers and self._rooms.get(key) is room:
                del self._rooms[key]
                room.task.cancel()


async def _until_gone(socket: WebSocket) -> None:
    """Return when the browser is gone; what it says meanwhile is nothing to us."""
    with contextlib.suppress(RuntimeError):  # starlette's, closed meanwhile
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass
