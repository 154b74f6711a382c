"""The bounded memory of what is not acknowledged."""

from hypothesis import given
from hypothesis import strategies as st

from monty_mqtt.window import Window

KIB = 1024


def window_with(count, bound_bytes=1 << 20, size=KIB):
    window = Window(bound_bytes)
    for _ in range(count):
        window.append([b"v1 metric", b"x" * size])
    return window


def send_all(window):
    while window.unsent:
        window.mark_sent()


def held(window):
    return [
        (entry.first, entry.last, entry.frames is not None) for queue in (window.sent, window.unsent) for entry in queue
    ]


def test_acknowledged_messages_are_forgotten():
    window = window_with(5)
    send_all(window)
    assert window.acknowledge(3) == 3
    assert held(window) == [(3, 3, True), (4, 4, True)]
    assert (window.base, window.next_seq) == (3, 5)
    assert window.acknowledge(5) == 2
    assert (len(window), window.sent_bytes, window.held_bytes) == (0, 0, 0)


def test_an_old_acknowledgement_changes_nothing():
    window = window_with(5)
    send_all(window)
    window.acknowledge(3)
    assert window.acknowledge(1) == 0
    assert window.base == 3


def test_a_bridge_that_knows_more_than_we_said_is_not_believed_beyond_that():
    window = window_with(2)
    assert window.acknowledge(100) == 2
    assert (window.base, window.next_seq) == (2, 2)


def test_rewinding_keeps_the_order():
    window = window_with(5)
    for _ in range(3):
        window.mark_sent()
    window.rewind(0)
    assert [entry.first for entry in window.unsent] == [0, 1, 2, 3, 4]
    assert (window.sent_bytes, window.next_unsent()) == (0, 0)


def test_beyond_the_bound_the_oldest_unsent_leave_one_tombstone():
    window = window_with(100, bound_bytes=20 * KIB)
    assert window.held_bytes <= 20 * KIB
    tombstone, *rest = held(window)
    assert tombstone == (0, window.dropped - 1, False)
    assert [first for first, _, _ in rest] == list(range(window.dropped, 100))
    assert window.dropped + len(window.messages()) == 100


def test_what_is_under_way_is_not_given_up():
    window = window_with(5, bound_bytes=20 * KIB)
    send_all(window)
    for _ in range(50):
        window.append([b"x" * KIB])
    assert held(window)[:6] == [
        (0, 0, True),
        (1, 1, True),
        (2, 2, True),
        (3, 3, True),
        (4, 4, True),
        (5, 4 + window.dropped, False),
    ]
    assert window.held_bytes <= 20 * KIB


def test_a_message_larger_than_the_bound_becomes_a_tombstone_at_once():
    window = window_with(1, bound_bytes=20 * KIB, size=100 * KIB)
    assert held(window) == [(0, 0, False)]
    assert window.dropped == 1


def test_a_bridge_that_took_part_of_a_tombstone_gets_the_rest():
    window = window_with(100, bound_bytes=20 * KIB)
    last = window.dropped - 1
    window.acknowledge(5)
    assert held(window)[0] == (5, last, False)


def test_what_a_bridge_wants_that_is_long_gone_is_a_tombstone():
    window = window_with(5)
    send_all(window)
    window.acknowledge(4)
    window.rewind(1)
    assert held(window) == [(1, 3, False), (4, 4, True)]
    assert window.dropped == 0


def test_mending_repairs_a_step_that_was_cut_short():
    window = window_with(3)
    window.mark_sent()
    entry = window.unsent[0]
    window.sent.append(entry)  # cut short here: it is in both queues, and no byte was counted
    window.next_seq = 1
    window.mend()
    assert held(window) == [(0, 0, True), (1, 1, True), (2, 2, True)]
    assert window.next_seq == 3
    assert window.held_bytes == sum(entry.size for entry in window.unsent)


@given(
    st.integers(4 * KIB, 64 * KIB),
    st.lists(
        st.one_of(
            st.tuples(st.just("append"), st.integers(0, 8 * KIB)),
            st.tuples(st.sampled_from(["send", "ack", "rewind"]), st.integers(0, 10)),
        )
    ),
)
def test_no_seq_is_ever_missing_and_the_bound_holds(bound_bytes, steps):
    window = Window(bound_bytes)
    acknowledged = 0
    for what, amount in steps:
        if what == "append":
            window.append([b"x" * amount])
        elif what == "send":
            for _ in range(min(amount, len(window.unsent))):
                if window.sent_bytes < bound_bytes // 2:  # as the link does
                    window.mark_sent()
        elif what == "ack":
            acknowledged += window.acknowledge(window.base + amount)
        else:
            window.rewind(window.base)
        covered = [seq for first, last, _ in held(window) for seq in range(first, last + 1)]
        assert covered == list(range(window.base, window.next_seq))
        assert window.held_bytes == sum(entry.size for queue in (window.sent, window.unsent) for entry in queue)
        assert window.sent_bytes == sum(entry.size for entry in window.sent)
        assert window.held_bytes <= bound_bytes + KIB  # a tombstone on top of what is under way
        assert acknowledged + window.dropped + len(window.messages()) == window.next_seq
