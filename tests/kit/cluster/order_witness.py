"""Subscribes to a cluster with a session that persists, goes on at another node, and looks at the order of arrival."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from typing import Any, NamedTuple, Self

import msgspec
import paho.mqtt.client as mqtt

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import topics
from monty_mqtt_core.reading.broker_client import BrokerClient
from monty_mqtt_core.settings.broker_address import BrokerAddress

CLIENT_ID = "order-witness"
CONNECT_SECS = 20
UNNUMBERED = frozenset({"evidence", "command", "command_result"})


class Head(msgspec.Struct):
    seq: int
    time_unix_nanos: int
    status: str = ""


class Late(NamedTuple):
    """Describes a message that came behind a higher seq, seconds after it was published."""

    seq: int
    behind: int
    after_secs: float


class Seen:
    """What came of one worker.

    Attributes:
        times: Time of each message by seq.
        late: First arrivals behind a higher seq, without those that the broker said to have sent before: what it had
            given to a connection that is gone comes again, and a cluster does that half a minute later.
        again: The seqs that the broker said to have sent before.
        duplicates: Number of messages that came once more.
        words: Each change of status.
    """

    def __init__(self) -> None:
        self.times: dict[int, int] = {}
        self.late: list[Late] = []
        self.again: set[int] = set()
        self.duplicates = 0
        self.words: list[str] = []
        self._highest = -1

    @property
    def unexplained(self) -> list[Late]:
        """Those that are late for another reason than that their first copy went to a connection that died.

        A node that dies may have given a message to its subscriber, who did not get it. The cluster sends it again
        half a minute later. If another bridge repeats the message meanwhile, that copy comes first, behind newer ones.
        """
        return [one for one in self.late if one.seq not in self.again]

    def take(self, head: Head, *, is_again: bool) -> None:
        if is_again:
            self.again.add(head.seq)
        if head.seq in self.times:
            self.duplicates += 1
            return
        self.times[head.seq] = head.time_unix_nanos
        if not is_again:
            if head.seq < self._highest:
                self.late.append(Late(head.seq, self._highest, (time.time_ns() - head.time_unix_nanos) / 1e9))
            self._highest = max(self._highest, head.seq)


class OrderWitness:
    """Subscribes on entering.

    Args:
        broker: All nodes, and the user.
        own_statuses: The seqs of the statuses that the workers publish; the bridges' own carry another message's.

    Attributes:
        workers: What came, by run and worker.
        connects: Number of connections.
    """

    def __init__(self, broker: BrokerAddress, own_statuses: set[int]) -> None:
        self.workers: dict[tuple[str, str], Seen] = defaultdict(Seen)
        self.connects = 0
        self._own_statuses = own_statuses
        self._subscribed = threading.Event()
        self._heads = msgspec.json.Decoder(Head)
        self._client = BrokerClient(broker, CLIENT_ID, clean_session=False)
        assert broker.username
        assert broker.password_file
        self._client.username_pw_set(broker.username, broker.password_file.read_text().strip())
        self._client.reconnect_delay_set(1, 4)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message

    def __enter__(self) -> Self:
        self._client.connect_to_any()
        self._client.loop_start()
        assert self._subscribed.wait(CONNECT_SECS)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def count(self, run: str) -> int:
        """Return how many different messages of a run came."""
        return sum(len(seen.times) for (of_run, _), seen in list(self.workers.items()) if of_run == run)

    def _on_connect(self, client: mqtt.Client, _data: object, flags: Any, _reason: object, _properties: object) -> None:
        self.connects += 1
        if not flags.session_present:
            client.subscribe("monty/v1/#", 1)

    def _on_message(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        try:
            parsed = topics.parse(message.topic)
        except DecodeError:  # a bridge's question whether its topics are let through
            return
        if parsed.kind in UNNUMBERED or not message.payload:
            return
        head, seen = self._heads.decode(message.payload), self.workers[parsed.run, parsed.worker]
        if parsed.kind == "status":
            if seen.words[-1:] != [head.status]:
                seen.words.append(head.status)
            if head.seq not in self._own_statuses:
                return
        seen.take(head, is_again=message.dup)
