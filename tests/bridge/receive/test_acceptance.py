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


def hello(base=0, worker="main", **fields) -> zmq_protocol.Hello:
    sender = {"run": "run", "worker": worker, "token": "its own", "started_unix_nanos": 1}
    return zmq_protocol.Hello(schema_version=schema.SCHEMA_VERSION, base=base, **sender, **fields)


class Story:
    """An acceptance whose messages are safe as soon as they are accepted, with a clock of its own."""

    def __init__(self) -> None:
        self.now = 100.0
        self.acks: list[zmq_protocol.Ack] = []
        log = RateLimitedLog(logging.getLogger(__name__), self.clock)
        self.acceptance = Acceptance(
            self, Senders(), BridgeCounters(), log, self.clock, lambda _, answer: self.say(answer)
        )
        self.sender, _ = self.acceptance.identify(hello())
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
        self.acceptance.acknowledgements.send()
        return [ack.next for ack in self.acks[before:]]


@pytest.fixture
def story():
    return Story()


def test_first_message_after_a_pause_is_acknowledged_at_once_the_next_ones_together(story):
    assert story.publish() == [1]
    assert story.publish() == []
    story.now += 0.1
    assert story.publish() == []
    assert story.acceptance.acknowledgements.due
    story.now += 0.11
    story.acceptance.acknowledgements.send()
    assert [ack.next for ack in story.acks] == [1, 3]
    assert not story.acceptance.acknowledgements.due


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
    story.acceptance.acknowledgements.send()
    assert story.acks[-1].next == 2
    assert story.publish(schema.End, status="completed") == [3]


class TestSeveralBridges:
    """A worker that may go on with another bridge."""

    @pytest.fixture
    def shared(self, story):
        story.sender, _ = story.acceptance.identify(hello(bridges=2))
        return story

    def test_what_the_broker_does_not_have_is_not_acknowledged(self, shared):
        shared.sender.last_row, shared.sender.acked, shared.sender.bulk_acked = 7, 0, 0
        assert shared.publish() == []
        shared.acceptance.acknowledgements.published(6)
        assert shared.publish() == []
        shared.acceptance.acknowledgements.published(7)
        shared.acceptance.acknowledgements.send()
        assert [ack.next for ack in shared.acks] == [2]

    def test_a_new_process_acknowledges_what_the_last_one_left_in_the_journal_when_it_is_published(self, story):
        story.publish()
        story.sender.fed_seq, story.sender.last_row = -1, 9
        story.acceptance.identify(hello(bridges=2))
        assert story.sender.acknowledgeable == 0
        story.acceptance.acknowledgements.published(9)
        assert story.sender.acknowledgeable == 1

    def test_what_another_bridge_has_is_not_lost(self, shared):
        shared.publish()
        shared.acceptance.identify(hello(base=50, elsewhere=50, bulk_base=7, bridges=2))
        assert (shared.sender.next, shared.sender.lost, shared.sender.bulk_next) == (50, 0, 7)
        shared.acceptance.identify(hello(base=60, elsewhere=55, bridges=2))
        assert shared.sender.lost == 5, "this bridge has acknowledged them itself, and lost its journal"

    def test_one_that_began_elsewhere_begins_here_before_it_says_anything(self, story):
        sender, begins = story.acceptance.identify(hello(base=5, elsewhere=5, bridges=2, worker="silent"))
        assert (begins, sender.begins, sender.is_named) == (True, False, True)
