"""Lines gathered to messages of at most 100 points; retained topics that only go forward."""

from __future__ import annotations

from collections import Counter

from kit.bridge import FIRST_STAMP

from monty_mqtt_bridge.journal.feeder import RowReceipt
from monty_mqtt_bridge.publish.line_batches import LineBatches
from monty_mqtt_bridge.publish.retained import RetainedTopics, Stamp
from monty_mqtt_core.payloads.to_mqtt import Outgoing

KEY = ("run", "main")


def points(batch) -> int:
    assert batch.outgoing.payload.endswith(b"\n")
    return batch.outgoing.payload.count(b"\n")


def test_a_batch_is_full_before_it_would_have_more_than_100_points():
    batches, receipts = LineBatches(), [RowReceipt(number) for number in range(10)]
    full = [batch for receipt in receipts for batch in batches.add("run/1", "main", ["m a=1 1"] * 30, receipt, 0.0)]
    assert [points(batch) for batch in full] == [90, 90, 90]
    assert full[0].outgoing.topic == "monty/influx/v1/run%2F1"
    assert (full[0].outgoing.qos, full[0].outgoing.retain) == (1, False)
    assert full[0].receipts == receipts[:3]
    assert {receipt.open for receipt in receipts} == {1}


def test_a_message_of_many_lines_spreads_over_batches_and_waits_for_all():
    batches, receipt = LineBatches(), RowReceipt(1)
    full = batches.add("run", "main", ["m a=1 1"] * 250, receipt, 0.0)
    assert [points(batch) for batch in [*full, *batches.flush()]] == [100, 100, 50]
    assert receipt.open == 3


def test_what_waits_is_due_after_a_tenth_of_a_second():
    batches = LineBatches()
    assert batches.next_due() == float("inf")
    batches.add("a", "main", ["m a=1 1"], None, 5.0)
    batches.add("b", "main", ["m a=1 1"], None, 5.05)
    assert batches.next_due() == 5.1
    assert batches.due(5.09) == []
    assert [batch.outgoing.topic for batch in batches.due(5.11)] == ["monty/influx/v1/a"]
    assert [batch.outgoing.topic for batch in batches.flush("b")] == ["monty/influx/v1/b"]
    assert batches.add("a", "main", [], None, 6.0) == batches.flush() == []


def test_a_partition_has_all_of_a_worker_and_about_its_share_of_the_workers():
    for partitions in (2, 3, 5):
        batches = LineBatches(partitions)
        topics = {}
        for number in [*range(231), *range(231)]:
            batches.add("run", f"parallel_eval_episode_{number}", [f"m a={number} 1"], None, 0.0)
            for batch in batches.flush():
                topics.setdefault(number, []).append(batch.outgoing.topic)
        assert all(first == second for first, second in topics.values())
        shares = Counter(first for first, _ in topics.values())
        assert set(shares) == {"monty/influx/v1/run", *(f"monty/influx/v1/{n}/run" for n in range(1, partitions))}
        assert min(shares.values()) > 0.7 * 231 / partitions


def test_the_end_of_a_run_flushes_its_partitions():
    batches = LineBatches(4)
    for number in range(40):
        batches.add("run", f"{number}", ["m a=1 1"], None, 0.0)
    batches.add("other", "0", ["m a=1 1"], None, 0.0)
    ended = batches.flush("run")
    assert len({batch.outgoing.topic for batch in ended}) == len(ended) == 4
    assert sum(map(points, ended)) == 40
    assert [points(batch) for batch in batches.flush()] == [1]


def outgoing_of(text: bytes, topic: str = "t") -> Outgoing:
    return Outgoing(topic, text, qos=1, retain=True)


def test_an_older_message_is_sent_but_not_retained():
    topics = RetainedTopics()
    topics.seen(KEY, "t", Stamp(50, FIRST_STAMP))
    assert not topics.pass_through(KEY, Stamp(49, FIRST_STAMP), outgoing_of(b"old")).retain
    assert topics.pass_through(KEY, Stamp(50, FIRST_STAMP), outgoing_of(b"same")).retain
    assert topics.pass_through(KEY, Stamp(51, FIRST_STAMP), outgoing_of(b"new")).retain
    assert topics.pass_through(KEY, Stamp(0, FIRST_STAMP), outgoing_of(b"other", "u")).retain
    assert [outgoing.payload for outgoing in topics.latest(KEY)] == [b"new", b"other"]


def test_what_the_bridge_said_last_is_not_replaced_by_what_it_said_it_of():
    """It speaks with the last seq it saw. After a reconnect the worker's own message of that seq is sent once more."""
    topics = RetainedTopics()
    topics.pass_through(KEY, Stamp(50, FIRST_STAMP), outgoing_of(b"running"))
    assert topics.pass_through(KEY, Stamp(50, FIRST_STAMP - 9), outgoing_of(b"disconnected"), by_bridge=True).retain
    assert not topics.pass_through(KEY, Stamp(50, FIRST_STAMP), outgoing_of(b"running")).retain
    assert [outgoing.payload for outgoing in topics.latest(KEY)] == [b"disconnected"]


def test_a_new_sender_of_the_name_replaces_what_was_retained_before_it():
    topics = RetainedTopics()
    topics.seen(KEY, "t", Stamp(50, FIRST_STAMP))
    topics.forget_before(KEY, FIRST_STAMP + 1)
    assert topics.pass_through(KEY, Stamp(0, FIRST_STAMP + 2), outgoing_of(b"new")).retain
    topics.forget_before(KEY, FIRST_STAMP + 1)
    assert not topics.pass_through(KEY, Stamp(-1, FIRST_STAMP + 2), outgoing_of(b"older")).retain
    topics.forget(KEY)
    assert topics.latest(KEY) == []


def test_each_sender_of_a_name_counts_its_own_seqs():
    topics = RetainedTopics()
    assert topics.pass_through(KEY, Stamp(3, FIRST_STAMP + 9, FIRST_STAMP + 1), outgoing_of(b"later sender")).retain
    assert not topics.pass_through(KEY, Stamp(50, FIRST_STAMP, FIRST_STAMP), outgoing_of(b"earlier sender")).retain
    assert topics.pass_through(KEY, Stamp(0, FIRST_STAMP + 99, FIRST_STAMP + 2), outgoing_of(b"latest sender")).retain
    assert [outgoing.payload for outgoing in topics.latest(KEY)] == [b"latest sender"]
    assert [(key, stamp.seq) for key, stamp, _ in topics.all()] == [(KEY, 0)]


def test_of_what_the_journal_and_the_broker_have_the_newer_one_is_right():
    topics = RetainedTopics()
    topics.seen(KEY, "t", Stamp(5, FIRST_STAMP + 5, 1), outgoing_of(b"journal"))
    topics.seen(KEY, "t", Stamp(4, FIRST_STAMP + 4))
    assert [outgoing.payload for outgoing in topics.latest(KEY)] == [b"journal"]
    topics.seen(KEY, "t", Stamp(6, FIRST_STAMP + 6))
    assert topics.latest(KEY) == [], "the broker has it"
    assert not topics.pass_through(KEY, Stamp(5, FIRST_STAMP + 5, 1), outgoing_of(b"journal")).retain
