"""When a worker is told what is safe: at once after a pause, then by number, bytes and time."""

from __future__ import annotations

import logging

import pytest
from kit.bridge import make

from monty_mqtt.wire import schema, zmq_protocol
from monty_mqtt_bridge.counters import BridgeCounters
from monty_mqtt_bridge.rate_limited_log import RateLimitedLog
from monty_mqtt_bridge.receive.acceptance import Acceptance
from monty_mqtt_bridge.receive.senders import Senders


class Story:
    """An acceptance whose messages are safe as soon as they are accepted, with a clock of its own."""

    def __init__(self) -> None:
        self.now = 100.0
        self.acks: list[zmq_protocol.Ack] = []
        log = RateLimitedLog(logging.getLogger(__name__), self.clock)
        self.acceptance = Acceptance(
            self, Senders(), BridgeCounters(), log, self.clock, lambda _, answer: self.say(answer)
        )
        hello = zmq_protocol.Hello(schema_version=schema.SCHEMA_VERSION, run="run", worker="main", base=0)
        self.sender, _ = self.acceptance.identify(hello)
        self.seq = 0

    def clock(self) -> float:
        return self.now

    def say(self, answer: zmq_protocol.Down) -> None:
        assert isinstance(answer, zmq_protocol.Ack)
        self.acks.append(answer)

    def began(self, sender) -> None:
        """A life begins."""

    def accepted(self, sender, kind, message, payload, raw) -> None:  # noqa: ARG002
        sender.safe = sender.next

    def publish(self, kind=schema.Metric, **fields) -> list[int]:
        """Take one message and return what was acknowledged then."""
        message = make(kind, self.seq, **fields)
        self.seq += 1
        self.acceptance.message(self.sender, message.__struct_config__.tag, schema.encode(message), ())
        before = len(self.acks)
        self.acceptance.acknowledge()
        return [ack.next for ack in self.acks[before:]]


@pytest.fixture
def story():
    return Story()


def test_first_message_after_a_pause_is_acknowledged_at_once_the_next_ones_together(story):
    assert story.publish() == [1]
    assert story.publish() == []
    story.now += 0.1
    assert story.publish() == []
    assert story.acceptance.ack_due
    story.now += 0.11
    story.acceptance.acknowledge()
    assert [ack.next for ack in story.acks] == [1, 3]
    assert not story.acceptance.ack_due


def test_many_messages_are_acknowledged_sooner(story):
    story.publish()
    assert [story.publish() for _ in range(64)] == [[]] * 63 + [[65]]


def test_large_messages_are_acknowledged_sooner(story):
    story.publish()
    assert story.publish(schema.Log, level="info", message="x" * 300_000) == [2]


def test_who_ends_or_asks_is_told_at_once(story):
    story.publish()
    assert story.publish() == []
    story.acceptance.control(story.sender, zmq_protocol.Probe(run="run", worker="main", next=2))
    story.acceptance.acknowledge()
    assert story.acks[-1].next == 2
    assert story.publish(schema.End, status="completed") == [3]
