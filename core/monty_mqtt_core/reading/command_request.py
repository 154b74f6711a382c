"""This module publishes a command to a run, and waits for the workers' answers.

Called by `monty-mqtt abort`, `pause`, `resume`, `step` and `stop`, and by the page, with an exact run and its live
workers (`run_lookup`). It publishes on the command topic as MQTT user `control`; the bridge passes the command to the
experiment, which answers on `command/result`.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Collection, Dict, List, Optional

from monty_mqtt.errors import ServiceError
from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.vocabulary import FINAL_STATUSES, is_online
from monty_mqtt_core.reading.mqtt_client import BrokerAddress, Subscriber
from monty_mqtt_core.reading.run_status import decode

__all__ = ["Answer", "ask"]

_PATHS = ("status", "command", "command/result")


@dataclass(frozen=True)
class Answer:
    """Answer is what a worker replied to a command: `obeyed` or `refused`, and in `detail` at which step or why."""

    worker: str
    status: str
    detail: Optional[str]


def ask(
    broker: BrokerAddress,
    run: str,
    asked: Collection[str],
    word: str,
    *,
    steps: Optional[int] = None,
    worker: Optional[str] = None,
    reason: Optional[str] = None,
    timeout_secs: float = 30.0,
) -> List[Answer]:
    """Publish a command to a run, and wait until every worker asked has answered, or has ended.

    Args:
        broker: Address of the broker, and a user who may publish commands.
        run: Exact id of the run: a command to `lab` must not stop `lab-2`.
        asked: Names of the live workers whose answers to wait for.
        word: `abort`, `pause`, `resume`, `step` or `stop`.
        steps: How many steps, only with `step`.
        worker: Name of the one worker that the command is for; None means all, also those that start later.
        reason: Free text, published with the command.
        timeout_secs: How long to wait for the answers, in seconds.

    Raises:
        ServiceError: The run has ended, the broker refuses the command, or no answer came in time.
    """
    level = f"{topics.JSON_PREFIX}/{topics.escape(run)}/+"
    with Subscriber(
        broker, [*(f"{level}/{path}" for path in _PATHS), f"{topics.BRIDGE_PREFIX}/+/status"]
    ) as subscriber:
        command = schema.Command(
            id=secrets.token_hex(8), command=word, steps=steps, reason=reason, issued_unix_nanos=time.time_ns()
        )
        topic = topics.build(run, worker or topics.ALL_WORKERS, "command")
        if not subscriber.publish(topic, schema.encode(command), timeout_secs):
            raise ServiceError(f"broker {broker} did not acknowledge the command within {timeout_secs:g} s")
        return _Answers(subscriber, topic, command.id, asked).wait(timeout_secs)


class _Answers:
    """_Answers collects the answers to one command as they arrive."""

    def __init__(self, subscriber: Subscriber, topic: str, command_id: str, asked: Collection[str]) -> None:
        self._subscriber = subscriber
        self._topic = topic
        self._id = command_id
        self._asked = set(asked)
        self._by_worker: Dict[str, Answer] = {}
        self._was_passed_on = False
        self._bridges: Dict[str, bool] = {}

    def wait(self, timeout_secs: float) -> List[Answer]:
        deadline = time.monotonic() + timeout_secs
        while not self._by_worker.keys() >= self._asked:
            remaining_secs = deadline - time.monotonic()
            if remaining_secs <= 0:
                if topics.ALL_WORKERS in self._by_worker:  # the bridge itself refused it
                    break
                raise ServiceError(f"no acknowledgement within {timeout_secs:g} s: {self._why_not()}")
            self._take(remaining_secs)
        else:
            # All have answered. A second bridge at this broker, which does not know the run, may have refused it.
            self._by_worker.pop(topics.ALL_WORKERS, None)
        if not self._by_worker:
            raise ServiceError("the run ended before it answered")
        return list(self._by_worker.values())

    def _take(self, timeout_secs: float) -> None:
        arrived = self._subscriber.get(timeout_secs)
        if arrived is None:
            return
        if arrived.topic.startswith(topics.BRIDGE_PREFIX):
            self._bridges[arrived.topic] = is_online(arrived.payload)
            return
        self._was_passed_on = self._was_passed_on or (arrived.topic == self._topic and not arrived.retain)
        message = decode(arrived.topic, arrived.payload)
        if isinstance(message, schema.CommandResult) and message.id == self._id:
            self._by_worker[message.worker] = Answer(message.worker, message.status, message.detail)
        elif isinstance(message, schema.Status) and message.status in FINAL_STATUSES:
            self._asked.discard(message.worker)  # it has ended; any answer of it came before this

    def _why_not(self) -> str:
        if not self._was_passed_on:
            return "the broker refused the command; may this user write it (conf/mosquitto/acl)?"
        if not any(self._bridges.values()):
            return "the bridge is not connected to this broker"
        silent = sorted(self._asked - self._by_worker.keys())
        return f"{', '.join(silent)} did not answer; a step may take longer (--timeout-secs)"
