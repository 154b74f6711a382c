"""Publishes runs to the page through the broker, as a bridge would: many, in any state, without an experiment."""

from __future__ import annotations

import itertools
import time
from typing import Any, Self

from kit.mqtt_publisher import Client

from monty_mqtt.wire import schema, topics
from monty_mqtt_core.payloads.frame_images import encode_frame
from monty_mqtt_stack.services.mosquitto import Mosquitto

HOSTILE = "../../x</script><img src=x onerror=alert(1)>"

_NEEDED: dict[type[schema.Message], dict[str, Any]] = {
    schema.Info: {"schema_version": schema.SCHEMA_VERSION},
    schema.Progress: {"mode": "eval"},
    schema.EpisodeStarted: {"mode": "eval", "epoch": 0},
    schema.EpisodeEnded: {"mode": "eval", "epoch": 0},
    schema.Step: {"mode": "eval", "epoch": 0},
}


class Voice:
    """Publishes for one worker; its messages are numbered, and their times begin `secs_ago` before now.

    Attributes:
        time_unix_nanos: Time of its last message, ns since 1970.
    """

    def __init__(self, teller: Teller, run: str, worker: str, secs_ago: float) -> None:
        self._teller, self._run, self._worker = teller, run, worker
        self._seqs, self._frame_seqs = itertools.count(), itertools.count()
        self.time_unix_nanos = time.time_ns() - int(secs_ago * 1e9)

    def say(self, kind: type[schema.Message], *, after_secs: float = 0, **fields: Any) -> None:
        """Publish a message whose time is `after_secs` later than that of the last message."""
        self.time_unix_nanos += int(after_secs * 1e9) + 1
        head = {"run": self._run, "worker": self._worker, "seq": next(self._seqs)}
        message = kind(**head, time_unix_nanos=self.time_unix_nanos, **{**_NEEDED.get(kind, {}), **fields})
        topic = topics.of_message(message)
        self._teller.publish(topic.topic, schema.encode(message), retain=topic.retain)

    def see(self, kind: type[schema.Frame], pixels: bytes, **fields: Any) -> None:
        """Publish a frame as the bridge would, at the time of the last message."""
        self.time_unix_nanos += 1
        head = {"run": self._run, "worker": self._worker, "seq": next(self._frame_seqs)}
        sent = encode_frame(kind(**head, time_unix_nanos=self.time_unix_nanos, **fields), pixels)
        self._teller.publish(sent.topic, sent.payload, retain=sent.retain)


class Teller:
    """Connects to a broker as the bridge's user."""

    def __init__(self, broker: Mosquitto) -> None:
        self._client = Client(broker.port, "bridge", broker.password("bridge"))
        self._sent: list[Any] = []

    def __enter__(self) -> Self:
        self._client.client.max_inflight_messages_set(500)
        self._client.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._client.__exit__(*error)

    def voice(self, run: str, worker: str = "main", *, secs_ago: float = 0) -> Voice:
        return Voice(self, run, worker, secs_ago)

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> None:
        self._sent.append(self._client.client.publish(topic, payload, qos=1, retain=retain))

    def done(self) -> None:
        """Wait until the broker has acknowledged everything."""
        for publication in self._sent:
            publication.wait_for_publish(20)
        self._sent.clear()
