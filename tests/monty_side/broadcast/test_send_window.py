"""The bounded memory of what is not acknowledged, with and without a store behind it."""

from hypothesis import given
from hypothesis import strategies as st

from monty_mqtt.broadcast.send_window import SendWindow, SeqRanges

KIB = 1024


class Kept:
    """A store in memory; `read` tells what was asked of it."""

    def __init__(self):
        self.messages = {}
        self.last = -1

    def first_from(self, seq):
        first = min((kept for kept in self.messages if kept >= seq), default=None)
        return None if first is None else (first, self.messages[first])

    def copy(self, window, most=64):
        for seq, frames in window.after(self.last, most=most, most_bytes=1 << 20):
            self.messages[seq] = frames
            self.last = seq


def window_with(count, bound_bytes=1 << 20, size=KIB, store=None):
    window = SendWindow(bound_bytes, store)
    publish(window, count, size)
    return window


def publish(window, count, size=KIB):
    for _ in range(count):
        window.append([b"v1 metric", window.next_seq.to_bytes(4, "big"), b"x" * size])
        if window.held_bytes > window.bound_bytes:
            window.make_room()


def send(window, count=None):
    """Send as a link does; return what went out."""
    out = []
    while window.next_unsent < window.next_seq and count != 0:
        entry = window.peek()
        out.append((entry.first, entry.last, entry.frames is not None))
        if entry.frames is not None:
            assert int.from_bytes(entry.frames[1], "big") == entry.first
        window.mark_sent(entry)
        count = None if count is None else count - 1
    return out


def test_acknowledged_messages_are_forgotten():
    window = window_with(5)
    send(window)
    assert window.acknowledge(3) == 3
    assert (window.base, window.next_seq, len(window)) == (3, 5, 2)
    assert window.acknowledge(5) == 2
    assert (len(window), window.sent_bytes, window.held_bytes, window.is_under_way) == (0, 0, 0, False)


def test_an_old_acknowledgement_changes_nothing():
    window = window_with(5)
    send(window)
    window.acknowledge(3)
    assert window.acknowledge(1) == 0
    assert window.base == 3


def test_a_bridge_that_knows_more_than_we_said_is_not_believed_beyond_that():
    window = window_with(2)
    assert window.acknowledge(100) == 2
    assert (window.base, window.next_unsent, window.next_seq) == (2, 2, 2)


def test_rewinding_keeps_the_order():
    window = window_with(5)
    send(window, 3)
    window.rewind(0)
    assert (window.sent_bytes, window.next_unsent) == (0, 0)
    assert send(window) == [(seq, seq, True) for seq in range(5)]


def test_beyond_the_bound_the_oldest_unsent_leave_one_tombstone():
    window = window_with(100, bound_bytes=20 * KIB)
    assert window.held_bytes <= 20 * KIB
    tombstone, *rest = send(window)
    assert tombstone == (0, window.dropped - 1, False)
    assert [first for first, _, _ in rest] == list(range(window.dropped, 100))
    assert window.dropped + window.waiting == 100


def test_what_is_under_way_is_not_given_up():
    window = window_with(5, bound_bytes=20 * KIB)
    send(window)
    publish(window, 50)
    assert window.held_bytes <= 20 * KIB
    window.rewind(0)
    out = send(window)
    assert out[:5] == [(seq, seq, True) for seq in range(5)]
    assert out[5] == (5, 4 + window.dropped, False)


def test_a_message_larger_than_the_bound_becomes_a_tombstone_at_once():
    window = window_with(1, bound_bytes=20 * KIB, size=100 * KIB)
    assert send(window) == [(0, 0, False)]
    assert window.dropped == 1


def test_a_bridge_that_took_part_of_a_tombstone_gets_the_rest():
    window = window_with(100, bound_bytes=20 * KIB)
    last = window.dropped - 1
    window.acknowledge(5)
    assert send(window, 1) == [(5, last, False)]


def test_what_a_bridge_wants_that_is_long_gone_is_a_tombstone():
    window = window_with(5)
    send(window)
    window.acknowledge(4)
    window.rewind(1)
    assert send(window) == [(1, 3, False), (4, 4, True)]
    assert window.dropped == 0
    assert window.acknowledge(5) == 1


def test_a_message_that_begins_later_leaves_a_tombstone_before_it():
    window = SendWindow(1 << 20, first_seq=7)
    publish(window, 1)
    window.skip_to(20)
    publish(window, 1)
    assert send(window) == [(7, 7, True), (8, 19, False), (20, 20, True)]
    assert (window.dropped, window.waiting) == (12, 2)


def test_what_is_in_the_store_leaves_memory_and_is_read_back():
    store = Kept()
    window = window_with(10, bound_bytes=20 * KIB, store=store)
    send(window)
    for _ in range(90):
        publish(window, 1)
        store.copy(window)
    assert window.held_bytes <= 20 * KIB
    assert send(window) == [(seq, seq, True) for seq in range(10, 100)]
    assert window.dropped == 0
    window.rewind(0)
    assert send(window) == [(seq, seq, True) for seq in range(100)]
    assert window.acknowledge(100) == 100
    assert (window.held_bytes, window.sent_bytes) == (0, 0)


def test_only_what_is_in_the_store_is_unloaded():
    store = Kept()
    window = window_with(20, store=store)
    send(window, 3)
    store.copy(window, 10)
    window.unload(5 * KIB)
    assert [seq for seq in range(20) if seq not in window._messages] == list(range(3, 10))
    assert send(window) == [(seq, seq, True) for seq in range(3, 20)]
    assert window.dropped == 0


def test_what_the_store_has_lost_becomes_one_tombstone():
    store = Kept()
    window = SendWindow(20 * KIB, store)
    for _ in range(100):
        publish(window, 1)
        store.copy(window)
    in_file = 100 - window.held_bytes // (KIB + 313)
    for seq in range(10, 100):
        store.messages.pop(seq)
    out = send(window)
    assert out[:10] == [(seq, seq, True) for seq in range(10)]
    assert out[10] == (10, in_file - 1, False)
    assert window.dropped == in_file - 10
    window.rewind(0)
    send(window)
    assert window.dropped == in_file - 10  # not counted twice


def test_only_what_the_store_has_not_got_is_offered_to_it():
    window = window_with(10, bound_bytes=1 << 20)
    window.append([b"x" * (2 << 20)])
    publish(window, 3)
    assert [seq for seq, _ in window.after(7, most=4, most_bytes=1 << 20)] == [8, 9, 11, 12]
    assert [seq for seq, _ in window.after(-1, most=64, most_bytes=2 * KIB)] == [0, 1]
    assert [seq for seq, _ in window.after(-1, most=64, most_bytes=1)] == [0]
    window.acknowledge(12)
    assert [seq for seq, _ in window.after(-1, most=64, most_bytes=1 << 20)] == [12, 13]


def test_mending_repairs_a_step_that_was_cut_short():
    window = window_with(3)
    send(window, 1)
    window._messages[3] = ((b"v1 metric", b"x"), 310)  # cut short here: no seq is taken, and no byte counted
    window.sent_bytes = 7
    window.mend()
    assert (window.next_seq, window.next_unsent, window.sent_bytes) == (4, 0, 0)
    send(window, 3)
    assert window.acknowledge(4) == 4
    assert window.held_bytes == 0


def test_after_mending_no_seq_is_given_to_another_message_than_the_one_in_the_store():
    store = Kept()
    window = window_with(3, store=store)
    store.copy(window)
    window.next_seq = 2
    window._messages.pop(2)
    window.mend()
    assert window.next_seq == 3
    assert send(window) == [(seq, seq, True) for seq in range(3)]


@given(
    st.integers(4 * KIB, 64 * KIB),
    st.booleans(),
    st.lists(
        st.one_of(
            st.tuples(st.just("append"), st.integers(0, 8 * KIB)),
            st.tuples(st.sampled_from(["send", "ack", "rewind", "copy", "unload"]), st.integers(0, 10)),
        )
    ),
)
def test_no_seq_is_ever_missing_and_the_bound_holds(bound_bytes, has_store, steps):
    store = Kept()
    window = SendWindow(bound_bytes, store)
    acknowledged = 0
    for action, amount in steps:
        if action == "append":
            publish(window, 1, amount)
        elif action == "send":
            for _ in range(amount):
                if window.sent_bytes < bound_bytes // 2:  # as the link does
                    send(window, 1)
        elif action == "ack":
            acknowledged += window.acknowledge(window.base + amount)
        elif action == "rewind":
            window.rewind(window.base)
        elif action == "unload":
            window.unload(amount * KIB)
        elif has_store:
            store.copy(window, amount)
        in_memory = sum(sum(map(len, frames)) + 300 for frames, _ in window._messages.values())
        assert window.held_bytes == in_memory
        assert window.held_bytes <= bound_bytes + bound_bytes // 2 + 9 * KIB  # read back and under way
        assert window.base <= window.next_unsent <= window.next_seq
        assert acknowledged + window.dropped + window.waiting == window.next_seq
    window.rewind(window.base)
    out = send(window)
    assert [seq for first, last, _ in out for seq in range(first, last + 1)] == list(
        range(window.base, window.next_seq)
    )
    assert acknowledged + window.acknowledge(window.next_seq) + window.dropped == window.next_seq


def test_what_is_too_large_and_what_found_no_room_are_told_apart():
    window = SendWindow(10 * KIB)
    window.largest_bytes = 4 * KIB
    publish(window, 2, 5 * KIB)
    publish(window, 20)
    publish(window, 1, 5 * KIB)
    gone = []
    while window.next_unsent < window.next_seq:
        entry = window.peek()
        window.mark_sent(entry)
        if entry.frames is None:
            gone.append((entry.first, entry.last, entry.reason))
    assert gone == [(0, 1, "too_large"), (2, 1 + window.dropped, "memory"), (22, 22, "too_large")]
    assert (window.too_large, window.waiting) == (3, 20 - window.dropped)
    assert window.acknowledge(23) == 20 - window.dropped


def test_a_bridge_that_takes_less_than_what_waits_gets_tombstones_for_it():
    store = Kept()
    window = window_with(4, store=store)
    store.copy(window)
    window.unload(2 * KIB)
    window.largest_bytes = 100
    entries = []
    while window.next_unsent < window.next_seq:
        entries.append(window.peek())
        window.mark_sent(entries[-1])
    assert {(entry.frames, entry.reason) for entry in entries} == {(None, "too_large")}
    assert (window.held_bytes, window.too_large, window.dropped) == (0, 4, 0)


def ranges_of(*added):
    ranges = SeqRanges()
    for first, last in added:
        ranges.add(first, last)
    return ranges


def test_ranges_that_touch_become_one():
    ranges = ranges_of((0, 4), (6, 9))
    assert ranges.last_of(3) == 4
    assert ranges.last_of(5) is None
    assert ranges.first_after(4) == 6
    assert ranges.add(5, 5) == 1
    assert ranges.last_of(0) == 9
    assert ranges.first_after(0) is None


def test_only_seqs_that_are_new_to_the_ranges_count():
    ranges = ranges_of((2, 3), (7, 8))
    assert ranges.add(1, 9) == 5
    assert ranges.add(4, 5) == 0
    assert len(ranges) == 9


def test_ranges_below_a_seq_are_forgotten_in_part():
    ranges = ranges_of((0, 4), (6, 9))
    assert ranges.forget_below(8) == 7
    assert (ranges.last_of(7), ranges.last_of(8), len(ranges)) == (None, 9, 2)


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)), max_size=20), st.integers(-1, 70), st.integers(-1, 70)
)
def test_ranges_are_a_set(added, number, below):
    ranges, numbers = SeqRanges(), set()
    for first, more in added:
        new = set(range(first, first + more + 1))
        assert ranges.add(first, first + more) == len(new - numbers)
        numbers |= new
    assert len(ranges) == len(numbers)
    last = ranges.last_of(number)
    assert (last is not None) == (number in numbers)
    if last is not None:
        assert set(range(number, last + 1)) <= numbers
        assert last + 1 not in numbers
    begins = [n for n in numbers if n > number and n - 1 not in numbers]
    assert ranges.first_after(number) == min(begins, default=None)
    assert ranges.forget_below(below) == len([n for n in numbers if n < below])
    assert len(ranges) == len([n for n in numbers if n >= below])
