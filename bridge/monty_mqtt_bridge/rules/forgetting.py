"""This module clears what the broker retains of a run: on a command, and when the run has been over for long.

Called by `pipeline` with the runs to clear and the broker's messages; yields the outcomes. MQTT has no list of retained
topics, so this subscribes to find them. They have all come when a command to no worker, published after the
subscription, comes back behind them.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.vocabulary import LIVE_STATUSES, SELF_TEST
from monty_mqtt_core.payloads.to_mqtt import Outgoing
from monty_mqtt_core.reading.mqtt_client import MqttMessage

__all__ = ["BrokerClient", "ClearedRun", "Forgetting", "RunFact"]

RunFact = Callable[[str], bool]
"""A fact about a run, given its id."""

_RUN_KINDS = ("info", "status", "progress", "state")
_RAW_PATHS = ("frame/#", "model/#")
_EVERY_SECS = 86_400.0
_BEGIN_EVERY_SECS = 0.2
_ANSWER_SECS = 10.0
_QUIET_SECS = 0.25
"""Seconds of silence that must follow the command, because not every broker keeps the order."""

_TRIES = 3
_DAY_NANOS = 86_400 * 10**9


class BrokerClient(Protocol):
    """BrokerClient is the way to the broker."""

    @property
    def online(self) -> bool:
        """Whether messages can be sent now."""

    def subscribe(self, topic_filter: str) -> None:
        """Subscribe."""

    def unsubscribe(self, topic_filter: str) -> None:
        """Unsubscribe."""

    def put(self, outgoing: Outgoing) -> None:
        """Publish."""


class ClearedRun(NamedTuple):
    """ClearedRun reports what became of a run.

    Attributes:
        run: Id of the run.
        command_id: Id of the command that asked for it; empty without a command.
        topics: Number of its retained topics, which are cleared now.
        refusal: Why it was not cleared; empty if it was.
    """

    run: str
    command_id: str
    topics: int = 0
    refusal: str = ""

    def answer(self, time_unix_nanos: int) -> schema.CommandResult:
        """Return the answer to the command."""
        return schema.CommandResult(
            run=self.run,
            worker=topics.ALL_WORKERS,
            seq=0,
            time_unix_nanos=time_unix_nanos,
            id=self.command_id,
            status="refused" if self.refusal else "obeyed",
            detail=self.refusal or f"{self.topics} retained topics cleared",
        )


class _Look:
    """_Look collects retained topics as they come. Without a run: the statuses of all runs."""

    def __init__(self, run: str | None, command_id: str, marker_topic: str, tries: int = 1) -> None:
        self.run, self.command_id, self.tries = run, command_id, tries
        probe = schema.Command(id=f"{SELF_TEST}-{secrets.token_hex(8)}", command=SELF_TEST)
        self.marker = Outgoing(marker_topic, schema.encode(probe), 1, False)  # noqa: FBT003
        level = "+" if run is None else topics.escape(run)
        kinds = ("status",) if run is None else _RUN_KINDS
        self.filters = [f"{topics.JSON_PREFIX}/{level}/+/{kind}" for kind in kinds]
        self.filters += [] if run is None else [f"{topics.RAW_PREFIX}/{level}/+/{path}" for path in _RAW_PATHS]
        self.found: dict[str, bytes] = {}
        self.deadline = float("inf")
        self.complete_at = float("inf")

    def is_for(self, incoming: MqttMessage) -> bool:
        """Return whether this is one of the topics looked for, and not from another subscription."""
        prefixes = [topic_filter[: topic_filter.index("+")] for topic_filter in self.filters]
        return incoming.retain and bool(incoming.payload) and incoming.topic.startswith(tuple(prefixes))

    def statuses(self) -> list[schema.Status]:
        """Return the statuses among the topics found."""
        return [status for topic, payload in self.found.items() if (status := _status(topic, payload)) is not None]


class Forgetting:
    """Forgetting clears runs, one after the other. It lives in the loop's thread.

    Args:
        bridge_id: Name of the bridge.
        keep_days: Days after which the topics of a run that is over are cleared; 0 keeps them.
        clock: Monotonic seconds.
        wall: Returns nanoseconds since 1970-01-01 UTC.
    """

    def __init__(self, bridge_id: str, keep_days: float, clock: Callable[[], float], wall: Callable[[], int]) -> None:
        self._keep_days, self._clock, self._wall = keep_days, clock, wall
        self._marker_topic = topics.build(bridge_id, "bridge", "command")
        self._waiting: deque[_Look] = deque()
        self._looking: _Look | None = None
        self._begin_at = clock()
        self._survey_at = clock() if keep_days else float("inf")

    def ask(self, run: str, command_id: str = "") -> None:
        """Clear a run, when its turn comes."""
        self._waiting.append(_Look(run, command_id, self._marker_topic))

    def heard(self, incoming: MqttMessage) -> bool:
        """Take a message from the broker; return whether it was for this object only."""
        look = self._looking
        if look is None:
            return False
        if (incoming.topic, incoming.payload) == (look.marker.topic, look.marker.payload):
            look.complete_at = self._clock() + _QUIET_SECS
            return True
        if look.is_for(incoming) and not incoming.topic.endswith("/command"):
            look.found[incoming.topic] = incoming.payload
            if look.complete_at < float("inf"):
                look.complete_at = self._clock() + _QUIET_SECS
        return False

    def turn(self, client: BrokerClient, is_live: RunFact, is_busy: RunFact) -> Iterator[ClearedRun]:
        """Do what is due; yield what became of a run. To be called a few times a second.

        Args:
            client: The way to the broker.
            is_live: Returns whether a worker of a run lives.
            is_busy: Returns whether messages of a run may still be published; that will pass.
        """
        look, now = self._looking, self._clock()
        if look is None:
            if now >= self._begin_at and client.online:
                self._begin_at = now + _BEGIN_EVERY_SECS
                self._begin(client, is_busy, now)
        elif now >= look.complete_at:
            self._end(look, client)
            if look.run is None:
                self._survey(look, is_live)
            else:
                yield self._clear(look.run, look, client, is_live)
        elif now >= look.deadline:
            self._end(look, client)
            if look.tries < _TRIES:
                self._waiting.appendleft(_Look(look.run, look.command_id, self._marker_topic, look.tries + 1))
            elif look.run is not None:
                yield ClearedRun(look.run, look.command_id, refusal="the broker does not send what it retains")

    def _begin(self, client: BrokerClient, is_busy: RunFact, now: float) -> None:
        if now >= self._survey_at:
            self._survey_at = now + _EVERY_SECS
            self._waiting.append(_Look(None, "", self._marker_topic))
        look = next((waiting for waiting in self._waiting if waiting.run is None or not is_busy(waiting.run)), None)
        if look is None:
            return
        self._waiting.remove(look)
        self._looking = look
        look.deadline = now + _ANSWER_SECS
        for topic_filter in look.filters:
            client.subscribe(topic_filter)
        client.put(look.marker)

    def _end(self, look: _Look, client: BrokerClient) -> None:
        self._looking = None
        if client.online and look.run is not None:  # all statuses are heard all the time, by the same filter
            for topic_filter in look.filters:
                client.unsubscribe(topic_filter)

    @staticmethod
    def _clear(run: str, look: _Look, client: BrokerClient, is_live: RunFact) -> ClearedRun:
        live = [status.worker for status in look.statuses() if status.status in LIVE_STATUSES]
        if live or is_live(run):
            return ClearedRun(
                run, look.command_id, refusal=f"it is not over: {', '.join(live[:10]) or 'a worker'} lives"
            )
        # Its status last: without it a program cannot find the rest again, if this process is killed on the way.
        for topic in sorted(look.found, key=lambda topic: topic.endswith("/status")):
            client.put(Outgoing(topic, b"", 1, True))  # noqa: FBT003
        return ClearedRun(run, look.command_id, len(look.found))

    def _survey(self, look: _Look, is_live: RunFact) -> None:
        oldest_unix_nanos = self._wall() - int(self._keep_days * _DAY_NANOS)
        statuses = look.statuses()
        kept_runs = {
            status.run
            for status in statuses
            if status.status in LIVE_STATUSES or status.time_unix_nanos >= oldest_unix_nanos
        }
        for run in dict.fromkeys(status.run for status in statuses):
            if run not in kept_runs and not is_live(run):
                self.ask(run)


def _status(topic: str, payload: bytes) -> schema.Status | None:
    try:
        parsed = topics.parse(topic)
        message = schema.decode(payload) if parsed.kind == "status" else None
    except DecodeError:
        return None
    is_its_own = isinstance(message, schema.Status) and (message.run, message.worker) == (parsed.run, parsed.worker)
    return message if is_its_own else None
