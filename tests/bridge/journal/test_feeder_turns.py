"""Who publishes much does not keep others waiting: what the feeder lets in, and what it passes on past the line."""

from __future__ import annotations

from typing import Any

import pytest
from kit.bridge import make

from monty_mqtt.wire import schema
from monty_mqtt.wire.zmq_protocol import Hello
from monty_mqtt_bridge.counters import BridgeCounters
from monty_mqtt_bridge.journal.feeder import Feeder
from monty_mqtt_bridge.journal.journal import Journal

MOST = 100


class Broker:
    """A target, and the way out behind it, that take so many rows, and then no more until they are told to."""

    def __init__(self) -> None:
        self.online = True
        self.room = 0
        self.fed: list[Any] = []

    def has_room(self) -> bool:
        return self.online and self.room > 0

    def feed(self, row, receipt, *, again) -> None:  # noqa: ARG002
        self.room -= not row.bulk
        self.fed.append(row.message)


class Encoder:
    """An encoder that has finished all frames."""

    def has_room(self) -> bool:
        return True


class Line:
    """A feeder with a clock that the test turns."""

    def __init__(self) -> None:
        self.now = 100.0
        self.broker = Broker()
        self.journal = Journal("")
        self.feeder = Feeder(self.journal, self.broker, self.broker, Encoder(), BridgeCounters(), lambda: self.now)
        hello = Hello(schema_version=1, run="run", worker="main", base=0, started_unix_nanos=1)
        self.sender, _ = self.journal.senders.of(hello)

    def publish(self, count, kind=schema.Metric, **fields) -> None:
        for seq in range(count):
            message = make(kind, seq, **fields)
            name = message.__struct_config__.tag
            self.feeder.accepted(self.sender, name, message, schema.encode(message), ())

    def passes_on(self, count) -> None:
        self.broker.room = count
        self.feeder.feed()


@pytest.fixture
def line():
    made = Line()
    yield made
    made.journal.close()


def test_while_the_broker_keeps_up_everything_may_come(line):
    line.broker.room = 1000
    line.publish(500)
    assert line.feeder.waiting == 0
    assert line.feeder.allowance(MOST) == MOST


def test_while_a_line_is_long_half_of_what_is_passed_on_may_come_so_it_gets_shorter(line):
    line.publish(300)
    line.passes_on(60)
    assert line.feeder.allowance(MOST) == 30
    assert line.feeder.allowance(MOST) == 0, "nothing was passed on since"
    line.passes_on(1)
    assert line.feeder.allowance(MOST) == 1
    line.passes_on(300)
    assert line.feeder.allowance(MOST) == MOST


def test_a_broker_that_takes_nothing_or_is_away_keeps_nobody_waiting(line):
    line.publish(300)
    line.passes_on(1)
    line.feeder.allowance(MOST)
    assert line.feeder.allowance(MOST) == 0
    line.now += 0.3
    assert line.feeder.allowance(MOST) == MOST
    line.passes_on(10)
    assert line.feeder.allowance(MOST) == 5
    line.broker.online = False
    assert line.feeder.allowance(MOST) == MOST


def test_frames_go_past_the_line_while_the_broker_is_there_and_into_it_while_it_is_away(line):
    frame = {"sensor": "s", "modality": "rgba", "episode": 0, "step": 0, "height": 1, "width": 1}
    line.publish(300)
    line.publish(1, schema.Frame, **frame)
    assert [type(message) for message in line.broker.fed] == [schema.Frame]
    assert line.feeder.waiting == 300
    line.broker.online = False
    line.publish(1, schema.Frame, **frame)
    assert line.feeder.waiting == 301
