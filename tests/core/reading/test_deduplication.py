"""What is new, and what was heard before."""

from __future__ import annotations

import pytest

from monty_mqtt.wire import topics
from monty_mqtt_core.payloads.from_mqtt import is_possible
from monty_mqtt_core.reading.deduplication import SeenMessages

METRIC = topics.Parsed("r", "main", "metric", ("loss",))
CLOUD = topics.Parsed("r", "main", "hypotheses", ("lm",))
STATUS = topics.Parsed("r", "main", "status", ())


def new(seen, parsed, seqs, *, is_retained=False):
    return [seq for seq in seqs if seen.is_new(parsed, seq, 1000 + seq, b"%d" % seq, is_retained=is_retained)]


def test_frames_and_clouds_that_never_came_are_counted_for_themselves():
    seen = SeenMessages()
    assert new(seen, METRIC, range(5)) == [0, 1, 2, 3, 4]
    assert new(seen, CLOUD, [0, 3, 9, 3]) == [0, 3, 9]
    assert (seen.missing, seen.bulk_missing) == (0, 7)


def test_a_sender_whose_frames_mostly_do_not_come_takes_no_memory():
    known = SeenMessages()
    assert len(new(known, CLOUD, range(0, 100_000, 2))) == 50_000
    assert known.bulk_missing == 49_999
    (seen,) = known._seen.values()
    assert len(seen.above) <= 1000


def test_a_bridge_that_says_a_lot_takes_no_memory():
    seen = SeenMessages()
    for number in range(30_000):
        assert seen.is_new(STATUS, 1, number, b"%d" % number, is_retained=False)
    assert len(seen._said) <= 20_000
    assert not seen.is_new(STATUS, 1, 29_999, b"29999", is_retained=False)


@pytest.mark.parametrize(("seq", "time"), [(-1, 0), (0, -1), (2**63, 0), (0, 2**63)])
def test_what_no_message_can_have(seq, time):
    assert not is_possible(seq, time)
    assert is_possible(0, 0)
