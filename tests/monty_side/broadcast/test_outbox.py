"""Behind the lock: numbering, and what is counted; the rest of it shows in test_broadcaster.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monty_mqtt.broadcast.broadcast_counts import BroadcastCounts
from monty_mqtt.broadcast.outbox import Outbox, Stamps
from monty_mqtt.broadcast.settings import Settings
from monty_mqtt.wire import schema
from monty_mqtt.wire.bridge_address import BridgeAddress


def outbox():
    opened = []
    settings = Settings(run="x", run_name="x", worker="main", bridges=(BridgeAddress(port=1),))
    return Outbox(settings, "main-7", lambda: opened.append(1), lambda call, *args: call(*args)), opened


def messages(box):
    return [schema.decode(frames[1]) for _, frames in box.window.after(-1, most=1000, most_bytes=1 << 20)]


def test_nothing_is_opened_before_the_first_message():
    box, opened = outbox()
    box.pump()
    box.end("completed", 0)
    box.shut()
    assert (box.link, opened) == (None, [])
    assert box.counts(0) == BroadcastCounts()


def test_messages_are_numbered_and_stamped():
    box, opened = outbox()
    for number in range(3):
        box.take(schema.Metric, (), {"name": "loss", "value": float(number)})
    box.take(schema.Hypotheses, [b"1234"], {"learning_module": "LM_0", "episode": 0, "step": 0})
    box.end("completed", 5)
    *metrics, end = messages(box)
    assert [message.seq for message in metrics] == [0, 1, 2]
    assert {message.worker for message in metrics} == {"main-7"}
    assert (end.seq, end.bulk_seq, end.errors) == (3, 1, 5)
    assert opened == [1]
    box.shut()


def test_a_message_that_cannot_be_made_takes_no_seq():
    box, _ = outbox()
    with pytest.raises(TypeError, match="nonsense"):
        box.take(schema.Metric, (), {"nonsense": 1})
    box.take(schema.Metric, (), {"name": "loss", "value": 1.0})
    assert [message.seq for message in messages(box)] == [0]
    box.shut()


def test_after_the_end_everything_is_counted_only():
    box, _ = outbox()
    box.take(schema.Metric, (), {"name": "loss", "value": 1.0})
    box.end("completed", 0)
    box.take(schema.Metric, (), {"name": "loss", "value": 1.0})
    assert box.counts(0) == BroadcastCounts(published=2, unacknowledged=2, dropped=1)
    box.shut()


HOUR = 3600 * 10**9


def test_a_stamp_is_the_wall_clock():
    assert Stamps(wall=lambda: 1795428900123456789).take() == 1795428900123456789


def test_stamps_go_on_at_their_own_speed_while_the_wall_clock_is_behind():
    clock = {"wall": 5 * HOUR, "tick": 0}
    stamps = Stamps(wall=lambda: clock["wall"], tick=lambda: clock["tick"])
    before = stamps.take()
    clock["wall"] -= HOUR  # somebody sets it back
    clock["tick"] += 40_000_000
    assert stamps.take() == before + 40_000_000
    clock["wall"] += 2 * HOUR
    assert stamps.take() == clock["wall"]


@given(st.lists(st.tuples(st.integers(-(2**62), 2**62), st.integers(0, 10**9))))
def test_stamps_never_repeat_whatever_the_clock_does(moves):
    wall, tick = iter([wall for wall, _ in moves]), iter([tick for _, tick in moves])
    ticks = [0]

    def monotonic():
        ticks[0] += next(tick)
        return ticks[0]

    stamps = Stamps(wall=lambda: next(wall), tick=monotonic)
    taken = [stamps.take() for _ in moves]
    assert all(later > earlier for earlier, later in zip(taken, taken[1:]))
