"""Sends a command to a run, and waits for its acknowledgement.

Called by `monty-mqtt abort`, `pause`, `resume`, `step` and `stop`, and by the page. Publishes on the command topic as
MQTT user `control`; the bridge passes the command to the experiment, which answers on `command/result`.
"""

from __future__ import annotations

import argparse
import secrets
import time
from dataclasses import dataclass
from typing import Dict, List, Optional

from monty_mqtt.errors import ServiceError
from monty_mqtt.terminal_text import one_line
from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.vocabulary import FINAL_STATUSES, is_online
from monty_mqtt_core.reading.mqtt_client import BrokerAddress, Subscriber, retained
from monty_mqtt_core.reading.run_lookup import known_runs
from monty_mqtt_core.reading.run_status import Runs, Worker, decode, pick_run
from monty_mqtt_stack.services.find_services import broker_of

__all__ = ["Answer", "ask", "command"]

_KINDS = ("info", "status", "progress", "command", "command/result")


@dataclass(frozen=True)
class Answer:
    """Holds a worker's answer to a command: `obeyed` or `refused`, and in `detail` at which step or why."""

    worker: str
    status: str
    detail: Optional[str]


def command(options: argparse.Namespace) -> int:
    """Run `monty-mqtt abort`, `pause`, `resume`, `step` or `stop`; return the exit code."""
    broker = broker_of(options, user="control")
    answers = ask(
        broker,
        pick_run(options.run, known_runs(broker)),  # a user may give the beginning of an id
        options.word,
        steps=options.steps,
        worker=options.worker,
        reason=options.reason,
        timeout_secs=options.timeout_secs,
    )
    for one in answers:
        text = f"{one.worker}: {one.status}{f', {one.detail}' if one.detail else ''}"
        print(one_line(text))  # noqa: T201 - a command's output
    obeyed = [one.status == "obeyed" for one in answers]
    # Of several workers, those that are not paused refuse to resume: that is no failure.
    return 0 if all(obeyed) or (options.word == "resume" and any(obeyed)) else 1


def ask(
    broker: BrokerAddress,
    run: str,
    word: str,
    *,
    steps: Optional[int] = None,
    worker: Optional[str] = None,
    reason: Optional[str] = None,
    timeout_secs: float = 30.0,
) -> List[Answer]:
    """Publish a command to a run, and wait until every live worker concerned has answered.

    Args:
        broker: Address of the broker, and a user who may publish commands.
        run: Exact id of the run: a command to `lab` must not stop `lab-2`.
        word: `abort`, `pause`, `resume`, `step` or `stop`.
        steps: How many steps, only with `step`.
        worker: Name of one worker; None means all.
        reason: Free text, published with the command.
        timeout_secs: How long to wait for the answers, in seconds.

    Raises:
        ServiceError: No such run or worker, it has ended, the broker refuses the command, or no answer came in time.
    """
    filters = [f"{topics.JSON_PREFIX}/+/+/{kind}" for kind in _KINDS]
    with Subscriber(broker, filters) as subscriber:
        runs, bridge = Runs(), b""
        for one in retained(broker, [*filters, f"{topics.BRIDGE_PREFIX}/+/status"]):
            if one.topic.startswith(topics.BRIDGE_PREFIX):
                bridge = one.payload
            elif (message := decode(one.topic, one.payload)) is not None:
                runs.apply(message)
        asked = _live_workers(runs, run, worker)
        asking = schema.Command(
            id=secrets.token_hex(8), command=word, steps=steps, reason=reason, issued_unix_nanos=time.time_ns()
        )
        topic = topics.build(run, worker or topics.ALL_WORKERS, "command")
        if not subscriber.publish(topic, schema.encode(asking), timeout_secs):
            raise ServiceError(f"broker {broker} did not acknowledge the command within {timeout_secs:g} s")
        return _Answers(subscriber, topic, asking.id, asked).wait(timeout_secs, bridge)


def _live_workers(runs: Runs, run: str, worker: Optional[str]) -> List[str]:
    workers = runs.of_run(run)
    if not workers:
        raise ServiceError(f"no run {run!r} at this broker; known are: {', '.join(runs.names()) or 'none'}")
    meant = [one for one in workers if worker in (None, one.worker)]
    if not meant:
        raise ServiceError(f"run {run} has no worker {worker!r}; it has {', '.join(one.worker for one in workers)}")
    live = [one.worker for one in meant if one.is_live]
    if not live:
        raise ServiceError(f"run {run} has ended: {_words_of(meant)}")
    return live


def _words_of(workers: List[Worker]) -> str:
    return ", ".join(f"{one.worker} {one.word}" for one in workers)


class _Answers:
    """Collects the answers to one command as they arrive."""

    def __init__(self, subscriber: Subscriber, topic: str, command_id: str, asked: List[str]) -> None:
        self._subscriber = subscriber
        self._run = topics.parse(topic).run
        self._topic = topic
        self._id = command_id
        self._asked = set(asked)
        self._by_worker: Dict[str, Answer] = {}
        self._was_passed_on = False

    def wait(self, timeout_secs: float, bridge: bytes) -> List[Answer]:
        deadline = time.monotonic() + timeout_secs
        while not self._by_worker.keys() >= self._asked:
            remaining_secs = deadline - time.monotonic()
            if remaining_secs <= 0:
                if topics.ALL_WORKERS in self._by_worker:  # the bridge itself refused it
                    break
                raise ServiceError(f"no acknowledgement within {timeout_secs:g} s: {self._why_not(bridge)}")
            self._take(remaining_secs)
        else:
            # All have answered. A second bridge at this broker, which does not know the run, may have refused it.
            self._by_worker.pop(topics.ALL_WORKERS, None)
        if not self._by_worker:
            raise ServiceError("the run ended before it answered")
        return list(self._by_worker.values())

    def _take(self, timeout_secs: float) -> None:
        one = self._subscriber.get(timeout_secs)
        if one is None or one.retain:
            return
        if one.topic == self._topic:
            self._was_passed_on = True
        message = decode(one.topic, one.payload)
        if isinstance(message, schema.CommandResult) and message.id == self._id:
            self._by_worker[message.worker] = Answer(message.worker, message.status, message.detail)
        elif isinstance(message, schema.Status) and message.status in FINAL_STATUSES and message.run == self._run:
            self._asked.discard(message.worker)  # it ended meanwhile; any answer of it came before this

    def _why_not(self, bridge: bytes) -> str:
        silent = sorted(self._asked - self._by_worker.keys())
        if not self._was_passed_on:
            return "the broker refused the command; may this user write it (conf/mosquitto/acl)?"
        if not is_online(bridge):
            return "the bridge is not connected to this broker"
        return f"{', '.join(silent)} did not answer; a step may take longer (--timeout-secs)"
