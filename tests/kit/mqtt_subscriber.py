"""Subscribes in tests with a real paho client, which collects messages and waits on events."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from functools import partial
from typing import Any, Callable, NamedTuple

import paho.mqtt.client as mqtt

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.vocabulary import BULK_KINDS
from monty_mqtt_core.payloads.from_mqtt import message_of


class Received(NamedTuple):
    topic: str
    payload: bytes
    qos: int
    retain: bool


class Subscriber:
    """Subscribes on entering, and keeps every message in `received`, in order of arrival."""

    def __init__(self, host: str, port: int, topic: str = "monty/#", **credentials: str) -> None:
        self.received: list[Received] = []
        self._changed = threading.Condition()
        self._subscribed = threading.Event()
        self._topic = topic
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
        if credentials:
            self._client.username_pw_set(**credentials)
        self._client.on_connect = lambda client, *_: client.subscribe(self._topic, qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._host, self._port = host, port

    def __enter__(self):
        self._client.connect(self._host, self._port)
        self._client.loop_start()
        assert self._subscribed.wait(10), "no SUBACK within 10 s"
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def wait_for(self, condition: Callable[[list[Received]], Any], timeout_secs: float = 10) -> Any:
        """Return what `condition(received)` returns, as soon as that is true; fail after `timeout_secs`.

        A condition reads everything that was received, so it is called again only after a pause as long as its last
        call: else thousands of messages would wait for it.
        """
        deadline = time.monotonic() + timeout_secs
        with self._changed:
            while True:
                began, looked_at = time.monotonic(), len(self.received)
                if result := condition(self.received):
                    return result
                took_secs = time.monotonic() - began
                self._changed.wait_for(lambda: False, took_secs)
                if not self._changed.wait_for(partial(self._has_more_than, looked_at), deadline - time.monotonic()):
                    seen = sorted({one.topic for one in self.received})
                    raise AssertionError(f"not within {timeout_secs} s; {len(self.received)} messages on {seen[:40]}")

    def _has_more_than(self, count: int) -> bool:
        return len(self.received) > count

    def messages(self, kind: type[schema.Message] | None = None) -> list[Any]:
        """Return the decoded messages of a kind, or of all kinds that have one message per topic."""
        with self._changed:
            received = list(self.received)
        decoded = (decode(one) for one in received)
        return [message for message in decoded if isinstance(message, kind or schema.Message)]

    def seqs(self) -> dict[tuple[str, str], list[int]]:
        """Return the seqs of the main sequence in order of arrival, by run and worker."""
        result: dict[tuple[str, str], list[int]] = defaultdict(list)
        for message in self.messages():
            if message.__struct_config__.tag not in BULK_KINDS:
                result[message.run, message.worker].append(message.seq)
        return result

    def _on_message(self, _client: object, _userdata: object, message: mqtt.MQTTMessage) -> None:
        with self._changed:
            self.received.append(Received(message.topic, message.payload, message.qos, message.retain))
            self._changed.notify_all()


def decode(one: Received) -> schema.Message | None:
    """Return the message, read back from JSON, image or model; None for derived messages and commands."""
    try:
        if topics.parse(one.topic).kind in ("evidence", "command"):
            return None
    except DecodeError:
        return None
    return message_of(one.topic, one.payload)[0] if one.payload else None
