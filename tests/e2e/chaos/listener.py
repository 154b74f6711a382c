"""A subscriber with a persistent session, as a program that can be frozen.

`python -m chaos.listener PORT PASSWORD_FILE`, the password of user `liveview`. It subscribes with QoS 1 when it is new
to the broker, and reports what it has seen of each worker: `next` (all seqs below it were seen) and `ahead` (how many
above it), duplicates, first arrivals behind the highest, times that do not increase with seq, and each change of
status. Messages come more than once and out of order after a restart, so what was seen is this low-water mark and a
sparse set, not the highest seq.

Why a user: of an anonymous session that Mosquitto has from its disk it does not know the rights, and until such a
subscriber is back nothing is kept for it.

It also pairs each metric and step with its point in the line protocol, by time: what has none yet is `without_point`.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from chaos.program import say
from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import topics

CLIENT_ID = "chaos-listener"
USER = "liveview"
FILTERS = [("monty/v1/#", 1), ("monty/influx/#", 1), ("monty/bridge/v1/+/health", 1)]
KEEPALIVE_SECS = 2
"""Frozen for three seconds, it is offline for the broker: its session must keep what comes."""

REPORT_SECS = 0.1
RETRY_SECS = 0.1
STATUS_SEQ = 1
"""A load's only status of its own. Others are the bridge's, which carry the seq of another message."""

UNNUMBERED = frozenset({"evidence", "command"})
WITH_POINT = frozenset({"metric", "step"})


class Head(msgspec.Struct):
    seq: int
    time_unix_nanos: int
    status: str = ""


class Seen:
    """What was seen of one worker."""

    def __init__(self) -> None:
        self.next = 0
        self.ahead: dict[int, int] = {}
        self.highest = -1
        self.duplicates = 0
        self.late = 0
        self.backwards = 0
        self.words: list[str] = []
        self._last_time = 0

    def take(self, head: Head) -> bool:
        """Return whether this message is new."""
        seq = head.seq
        if seq < self.next or seq in self.ahead:
            self.duplicates += 1
            return False
        self.late += seq < self.highest
        self.highest = max(self.highest, seq)
        self.ahead[seq] = head.time_unix_nanos
        while self.next in self.ahead:
            stamp = self.ahead.pop(self.next)
            self.backwards += stamp <= self._last_time
            self._last_time = stamp
            self.next += 1
        return True

    def report(self) -> dict[str, Any]:
        shown = {name: value for name, value in vars(self).items() if name[0] != "_"}
        return {**shown, "ahead": len(self.ahead), "first_ahead": min(self.ahead, default=None)}


class Listener:
    def __init__(self, port: int, password: str) -> None:
        self._port = port
        self._seen: dict[str, Seen] = {}
        self._without_point: set[int] = set()
        self._without_message: set[int] = set()
        self._health: dict[str, Any] = {}
        self._subscribed = 0
        self._connects = 0
        self._report_at = 0.0
        self._heads = msgspec.json.Decoder(Head)
        self._pause = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=CLIENT_ID, clean_session=False)
        self._client.username_pw_set(USER, password)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    def run(self) -> None:
        self._connect()
        while True:
            if self._client.loop(0.05) != mqtt.MQTT_ERR_SUCCESS:
                self._pause.wait(RETRY_SECS)
                self._connect()
            if time.monotonic() >= self._report_at:
                self._report()

    def _connect(self) -> None:
        while not self._is_reached():
            self._report()
            self._pause.wait(RETRY_SECS)

    def _is_reached(self) -> bool:
        try:
            self._client.connect("127.0.0.1", self._port, KEEPALIVE_SECS)
        except OSError:
            return False
        return True

    def _report(self) -> None:
        self._report_at = time.monotonic() + REPORT_SECS
        say(
            subscribed=self._subscribed,
            connects=self._connects,
            without_point=len(self._without_point),
            health=self._health,
            workers={name: seen.report() for name, seen in self._seen.items()},
        )

    def _on_connect(self, client: mqtt.Client, _data: object, flags: Any, _reason: object, _properties: object) -> None:
        self._connects += 1
        if not flags.session_present:
            client.subscribe(FILTERS)

    def _on_subscribe(self, *_: object) -> None:
        self._subscribed += 1

    def _on_message(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        if message.topic.startswith(topics.INFLUX_PREFIX):
            self._take_points(bytes(message.payload))
        elif message.topic.startswith(topics.BRIDGE_PREFIX):
            self._health = msgspec.json.decode(message.payload)
        elif message.payload:
            self._take_message(message)

    def _take_points(self, payload: bytes) -> None:
        for line in payload.splitlines():
            if line.startswith(b"#"):  # the bridge's self-test
                continue
            stamp = int(line.rpartition(b" ")[2])
            if stamp in self._without_point:
                self._without_point.remove(stamp)
            else:
                self._without_message.add(stamp)

    def _take_message(self, message: mqtt.MQTTMessage) -> None:
        try:
            parsed = topics.parse(message.topic)
        except DecodeError:
            return
        if parsed.kind in UNNUMBERED:
            return
        head = self._heads.decode(message.payload)
        seen = self._seen.setdefault(f"{parsed.run}/{parsed.worker}", Seen())
        if parsed.kind == "status":
            if seen.words[-1:] != [head.status]:
                seen.words.append(head.status)
            if head.seq != STATUS_SEQ:
                return
        if parsed.kind == "command_result" and head.status != "obeyed":  # the bridge's
            return
        if seen.take(head) and parsed.kind in WITH_POINT and head.time_unix_nanos not in self._without_message:
            self._without_point.add(head.time_unix_nanos)


if __name__ == "__main__":
    Listener(int(sys.argv[1]), Path(sys.argv[2]).read_text().strip()).run()
