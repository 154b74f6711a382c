"""What waits to be sent, what is in flight, and what stays after a connection is lost."""

from __future__ import annotations

import itertools

import pytest

from monty_mqtt_bridge.journal.feeder import RowReceipt
from monty_mqtt_bridge.publish.send_queue import SendQueue
from monty_mqtt_core.payloads.to_mqtt import Outgoing


@pytest.fixture
def queue():
    return SendQueue()


def message(topic="t", payload=b"1234", qos=1, *, retain=False):
    return Outgoing(topic, payload, qos, retain)


def send_all(queue):
    numbers = itertools.count(1)
    while queue.send_next(lambda _: next(numbers)):
        pass


def test_a_receipt_is_counted_down_when_the_broker_has_the_message(queue):
    receipt = RowReceipt(1)
    receipt.open = 2
    queue.put(message(), (receipt,))
    queue.put(message(qos=0), (receipt,))
    assert queue.pending_bytes == 8
    send_all(queue)
    assert (receipt.open, queue.pending_bytes, list(queue.in_flight)) == (1, 4, [1])
    assert queue.acknowledged(1)
    assert not queue.acknowledged(1)
    assert (receipt.open, queue.pending_bytes) == (0, 0)


def test_what_is_not_taken_stays_first(queue):
    queue.put(message("a"), ())
    assert not queue.send_next(lambda _: None)
    assert [outgoing.topic for outgoing, _ in queue.waiting] == ["a"]


def test_after_a_lost_connection_only_the_bridge_s_own_messages_stay_and_the_last_of_a_topic_is_retained(queue):
    queue.put(message("status", b"old", retain=True), ())
    queue.put(message("row"), (RowReceipt(1),))
    send_all(queue)
    queue.put(message("status", b"newer", retain=True), ())
    queue.keep_own()
    kept = [(outgoing.payload, outgoing.retain) for outgoing, _ in queue.waiting]
    assert kept == [(b"old", False), (b"newer", True)]
    assert (queue.pending_bytes, queue.in_flight) == (8, {})


def test_what_another_bridge_says_now_is_withdrawn(queue):
    queue.put(message("status"), ())
    queue.put(message("status", b"of a row"), (RowReceipt(1),))
    queue.put(message("other"), ())
    queue.withdraw("status")
    assert [outgoing.payload for outgoing, _ in queue.waiting] == [b"of a row", b"1234"]
    assert queue.pending_bytes == 12
