"""Sends commands from the page to a run: abort, pause, resume, step, stop.

Called by `server`, which adds the routes; `login` decides who may command. `command_request` publishes the
command as MQTT user `control` and waits for the workers' answers. The page's own connection may not
publish.
"""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Literal

import msgspec
from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from monty_mqtt.errors import ServiceError
from monty_mqtt.wire import topics
from monty_mqtt.wire.vocabulary import FINAL_STATUSES, is_online
from monty_mqtt_core.reading.command_request import Answer, ask
from monty_mqtt_core.reading.mqtt_client import BrokerAddress, retained
from monty_mqtt_core.reading.run_lookup import live_workers
from monty_mqtt_liveview import views
from monty_mqtt_liveview.intake.service import Service
from monty_mqtt_liveview.web.login import Login
from monty_mqtt_liveview.web.responses import find_run, json_answer

__all__ = ["Control", "control_routes"]

_MOST_AT_ONCE = 4
_ANSWER_SECS = 30.0
_BRIDGE_KNOWN_SECS = 3.0


class CommandBody(msgspec.Struct, forbid_unknown_fields=True):
    """Is the body of a request to `/api/run/<run>/command`."""

    command: Literal["abort", "pause", "resume", "step", "stop"]
    worker: str | None = None
    steps: int | None = None
    reason: str | None = None


class Control:
    """Checks whether commands are possible, and sends them.

    Args:
        service: The state.
        broker: Address of the broker, and the user that may write commands.
    """

    def __init__(self, service: Service, broker: BrokerAddress) -> None:
        self._service = service
        self._broker = broker
        self._room = asyncio.Semaphore(_MOST_AT_ONCE)
        self._asking = threading.Lock()
        self._no_bridge, self._ask_again_at = "", 0.0

    def why_not(self, run: str | None) -> str:
        """Return why no command is possible, or why not for this run (an escaped name); empty if one is."""
        if why := _unreadable(self._broker.username or "", self._broker.password_file):
            return why
        if not self._service.subscription.is_connected:
            return f"the broker at {self._broker} does not answer"
        if run is None:
            return ""
        with self._service.lock:
            head = views.run_head(find_run(self._service, run))
        return f"the run is over: {head['status']}" if head["status"] in FINAL_STATUSES else self._why_no_bridge()

    def _why_no_bridge(self) -> str:
        with self._asking:
            if time.monotonic() >= self._ask_again_at:
                self._no_bridge = _without_bridge(self._broker)
                self._ask_again_at = time.monotonic() + _BRIDGE_KNOWN_SECS
            return self._no_bridge

    async def ask(self, run: str, words: dict[str, str], asked: CommandBody) -> list[Answer]:
        """Publish the command; return the workers' answers.

        Args:
            run: Id of the run.
            words: Status word of each of its workers, by name.
            asked: The command.

        Raises:
            HTTPException: 503, too many commands are waiting; 504, no answer arrived, with the reason.
        """
        if self._room.locked():
            raise HTTPException(503, f"{_MOST_AT_ONCE} commands are waiting for their answers: try again soon")
        async with self._room:
            try:
                return await asyncio.to_thread(
                    ask,
                    self._broker,
                    run,
                    live_workers(run, words, asked.worker),
                    asked.command,
                    steps=asked.steps,
                    worker=asked.worker,
                    reason=asked.reason,
                    timeout_secs=_ANSWER_SECS,
                )
            except ServiceError as error:
                raise HTTPException(504, str(error)) from None


def control_routes(service: Service, controls: Control, login: Login) -> APIRouter:
    """Return the routes that report whether the user may command, and that send commands."""
    routes = APIRouter(prefix="/api")

    @routes.get("/session")
    def session(request: Request, run: str | None = None) -> Response:
        why = controls.why_not(run) or login.why_not
        is_in = login.is_in(request)
        hint = f"log in with the password in {login.file}"
        session_state = {
            "may_control": is_in and not why,
            "why_not": why or (None if is_in else hint),
            "needs_login": not is_in,
        }
        return json_answer({**session_state, "password_file": str(login.file)})

    @routes.post("/run/{run}/command")
    async def command(request: Request, run: str) -> Response:
        if not login.is_in(request):
            raise HTTPException(403, f"log in first, with the password in {login.file}")
        try:
            asked = msgspec.json.decode(await request.body(), type=CommandBody)
        except msgspec.MsgspecError as error:
            raise HTTPException(400, f"no command: {error}") from None
        if why := await asyncio.to_thread(controls.why_not, run):
            raise HTTPException(409, why)
        with service.lock:
            known = find_run(service, run)
            words = {name: worker.word for name, worker in known.workers.items()}
        answers = await controls.ask(known.name, words, _checked(asked))
        return json_answer({"answers": answers})

    return routes


def _checked(asked: CommandBody) -> CommandBody:
    if asked.command == "step" and asked.steps is None:
        asked.steps = 1
    if asked.command != "step" and asked.steps is not None:
        raise HTTPException(400, f"steps: belongs to `step`, not to `{asked.command}`")
    if asked.steps is not None and asked.steps < 1:
        raise HTTPException(400, f"steps: {asked.steps} is not allowed; it must be 1 or more")
    return asked


def _without_bridge(broker: BrokerAddress) -> str:
    """Return why no bridge would pass a command on; empty if a bridge is connected."""
    try:
        if any(is_online(status.payload) for status in retained(broker, [f"{topics.BRIDGE_PREFIX}/+/status"])):
            return ""
    except ServiceError as error:
        return str(error)
    return f"no bridge is connected to the broker at {broker}, so no command reaches the run"


def _unreadable(user: str, password_file: Path | None) -> str:
    if password_file is None:
        return f"this page was started without the password of MQTT user {user!r} (--control-password-file)"
    try:
        return "" if password_file.read_text().strip() else f"the password file of MQTT user {user!r} is empty"
    except OSError as error:
        return f"the password of MQTT user {user!r} cannot be read: {password_file}: {error.strerror}"
