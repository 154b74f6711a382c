"""The ZMQ side against a DEALER that speaks the protocol, well or badly. No broker: a sink takes what is accepted."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.bridge import Dealer, make
from kit.router_thread import Taken

from monty_mqtt.errors import ConfigError
from monty_mqtt.wire import schema, zmq_protocol
from monty_mqtt_bridge.counters import BridgeCounters
from monty_mqtt_bridge.receive.router import Router
from monty_mqtt_bridge.receive.senders import Senders
from monty_mqtt_bridge.settings import BridgeConfig


@pytest.fixture
def taken():
    with Taken() as running:
        yield running


@pytest.fixture
def dealer(taken):
    with Dealer(taken.port) as connected:
        yield connected


def test_hello_is_welcomed_and_messages_are_accepted_and_acknowledged(taken, dealer):
    assert dealer.hello() == zmq_protocol.Welcome(next=0, bulk_next=0)
    dealer.steps(range(5))
    dealer.acked(5)
    assert taken.seqs() == [0, 1, 2, 3, 4]
    assert [worker.key for worker in taken.joins] == [("run", "main")]


def test_what_a_sender_left_behind_is_taken_before_the_sender_is_let_go(taken, dealer):
    dealer.hello()

    def leave() -> None:  # while the receiver is busy: in its thread
        dealer.steps(range(500))
        dealer.socket.close(linger=5000)
        assert taken.router.monitor.socket.poll(5000)

    taken.do(leave)
    taken.wait_until(lambda: taken.leaves)
    assert taken.seqs() == list(range(500))


def test_a_late_bridge_begins_where_the_sender_can(dealer):
    assert dealer.hello(base=700, bulk_base=30) == zmq_protocol.Welcome(next=700, bulk_next=30)
    dealer.steps([700])
    dealer.acked(701)


def test_a_gap_is_refused_with_sync_and_closed_in_order(taken, dealer):
    dealer.hello()
    dealer.steps([0, 2, 3])
    assert dealer.wait_for(zmq_protocol.Sync).next == 1
    dealer.steps([1, 2, 3])
    dealer.acked(4)
    assert taken.seqs() == [0, 1, 2, 3]


def test_sync_is_said_at_most_ten_times_a_second(dealer):
    dealer.hello()
    began = time.monotonic()
    for _ in range(20):
        dealer.steps(range(1, 100))
    dealer.up(zmq_protocol.Dropped(run="run", worker="main", first=0, last=0))
    dealer.acked(1)
    elapsed = time.monotonic() - began
    syncs = sum(isinstance(answer, zmq_protocol.Sync) for answer in dealer.answers)
    assert 1 <= syncs <= 2 + elapsed * 10


def test_duplicates_are_dropped_and_acknowledged_again(taken, dealer):
    dealer.hello()
    dealer.steps([0, 1])
    dealer.acked(2)
    dealer.steps([0])
    dealer.acked(2)
    assert taken.seqs() == [0, 1]
    assert taken.counts.duplicates == 1


def test_nothing_is_acknowledged_before_it_is_safe(taken, dealer):
    taken.hold = True
    assert dealer.hello().next == 0
    dealer.steps([0, 1])
    taken.wait_until(lambda: taken.seqs() == [0, 1])
    dealer.probe(2)
    assert dealer.wait_for(zmq_protocol.Ack).next == 0
    assert dealer.hello().next == 0, "what is not safe must stay with the sender"
    taken.hold = False
    dealer.acked(2)


def test_a_worker_without_hello_is_asked_for_one(dealer):
    dealer.steps([5])
    dealer.wait_for(zmq_protocol.Sync)
    assert dealer.hello(base=5).next == 5
    dealer.steps([5])
    dealer.acked(6)


def test_probe_is_answered_by_ack_or_sync(dealer):
    dealer.hello()
    dealer.probe(0)
    assert dealer.hear() == zmq_protocol.Ack(next=0)
    dealer.probe(3)
    assert dealer.hear() == zmq_protocol.Sync(next=0)


def test_tombstones_stand_for_what_will_never_come(taken, dealer):
    dealer.hello()
    dealer.steps([0])
    dealer.up(zmq_protocol.Dropped(run="run", worker="main", first=1, last=10))
    dealer.steps([11])
    dealer.acked(12)
    assert taken.counts.dropped == taken.joins[0].dropped == 10
    dealer.up(zmq_protocol.Dropped(run="run", worker="main", first=20, last=30))
    assert dealer.wait_for(zmq_protocol.Sync).next == 12


def test_a_tombstone_that_reaches_back_counts_what_is_new(taken, dealer):
    dealer.hello()
    dealer.steps([0, 1, 2])
    dealer.up(zmq_protocol.Dropped(run="run", worker="main", first=1, last=4))
    dealer.acked(5)
    assert taken.counts.dropped == 2


def test_bulk_is_counted_by_its_own_sequence(taken, dealer):
    dealer.hello(bulk_base=3)
    frame = {"sensor": "patch", "modality": "rgba", "episode": 0, "step": 0, "height": 1, "width": 2}
    for seq in (3, 7, 5):
        dealer.send(schema.Frame, seq, [bytes(8)], **frame)
    dealer.wait_for(zmq_protocol.Ack, lambda ack: ack.bulk_next == 8)
    taken.wait_until(lambda: taken.counts.duplicates == 1)
    assert [message.seq for message in taken.messages] == [3, 7]
    assert taken.counts.bulk_lost == 3


def test_two_connections_of_one_worker_stay_in_order(taken, dealer):
    dealer.hello()
    dealer.steps([0, 1])
    dealer.acked(2)
    with Dealer(taken.port) as second:
        assert second.hello().next == 2
        second.steps([2, 3])
        second.acked(4)
        dealer.steps([2, 3, 4])
        second.acked(5)
    assert taken.seqs() == [0, 1, 2, 3, 4]


def test_a_second_sender_of_the_same_name_begins_anew_under_a_name_of_its_own(taken, dealer):
    dealer.hello()
    dealer.steps([0])
    dealer.send(schema.End, 1)
    dealer.acked(2)
    with Dealer(taken.port, started_unix_nanos=2) as second:
        assert second.hello().next == 0
        second.steps([0])
        assert second.acked(1).published == "main-2"
    assert (taken.seqs(), taken.seqs("main-2")) == ([0], [0])


def test_a_connection_that_goes_is_noticed_and_its_descriptor_used_again(taken):
    for number in range(20):
        with Dealer(taken.port, worker=f"w{number}") as dealer:
            dealer.hello()
            dealer.steps([0])
            dealer.acked(1)
    taken.wait_until(lambda: len(taken.leaves) == 20)
    assert [sender.key[1] for sender in taken.leaves] == [f"w{number}" for number in range(20)]
    assert all(sender.route is None for sender in taken.leaves)


def test_commands_go_down_to_the_worker(taken, dealer):
    dealer.hello()
    command = schema.Command(id="1", command="abort", reason="enough")
    taken.do(lambda: taken.router.say(taken.joins[0], command))
    assert dealer.wait_for(schema.Command) == command


def test_while_full_data_is_refused_and_asked_for_afterwards(taken, dealer):
    def fill():
        taken.router.acceptance.full = True

    dealer.hello()
    taken.do(fill)
    dealer.steps([0, 1])
    dealer.probe(2)
    assert dealer.hear() == zmq_protocol.Ack(next=0)
    with Dealer(taken.port, worker="late") as late:
        assert late.hello().next == 0
    taken.do(taken.router.acceptance.resume)
    assert dealer.wait_for(zmq_protocol.Sync).next == 0
    dealer.steps([0, 1])
    dealer.acked(2)
    assert taken.seqs() == [0, 1]


STEP = schema.encode(make(schema.Step, 5))
FRAME = make(schema.Frame, 0, sensor="patch", modality="depth", episode=0, step=0, height=64, width=64)
FRAME_FIELDS = ("sensor", "modality", "episode", "step", "height", "width")
BAD = {
    "random bytes": [os.urandom(40), os.urandom(40)],
    "no body": [b"v1 step"],
    "empty": [b"", b""],
    "head of another version": [b"v2 step", STEP],
    "unknown kind": [b"v1 dance", b"{}"],
    "unknown kind in the body": [b"v1 step", STEP.replace(b'"kind":"step"', b'"kind":"dance"')],
    "head and body differ": [b"v1 metric", STEP],
    "truncated": [b"v1 step", STEP[:-9]],
    "not UTF-8": [b"v1 step", STEP.replace(b"eval", b"ev\xff\xff")],
    "deeply nested": [b"v1 data", b"[" * 100_000],
    "another worker": [b"v1 step", STEP.replace(b'"main"', b'"evil"')],
    "another run": [b"v1 probe", b'{"run":"other","worker":"main","next":0}'],
    "negative seq": [b"v1 step", STEP.replace(b'"seq":5', b'"seq":-1')],
    "too few pixels": [b"v1 frame", schema.encode(FRAME), bytes(64 * 64 * 4 - 1)],
    "no pixels": [b"v1 frame", schema.encode(FRAME)],
    "too many buffers": [b"v1 frame", schema.encode(FRAME), bytes(64 * 64 * 4), b""],
    "buffers where none belong": [b"v1 probe", b"{}", b"x"],
    "absurd size": [b"v1 frame", schema.encode(FRAME).replace(b'"height":64', b'"height":1000000000000'), b""],
    "unknown modality": [b"v1 frame", schema.encode(FRAME).replace(b'"depth"', b'"smell"'), bytes(64 * 64 * 4)],
    "hello without a run": [b"v1 hello", b'{"schema_version":1}'],
    "hello with a negative base": [b"v1 hello", b'{"schema_version":1,"run":"r","worker":"w","base":-1}'],
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_bad_input_gets_one_line_is_counted_and_changes_nothing_else(taken, dealer, caplog, bad):
    caplog.set_level(logging.INFO)
    dealer.hello()
    for _ in range(3):
        dealer.socket.send_multipart(bad)
    dealer.steps([0])
    dealer.acked(1)
    assert taken.seqs() == [0]
    assert taken.counts.refused == 3
    assert len(caplog.messages) == 1, caplog.messages
    assert "\n" not in caplog.text.strip()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.binary(max_size=200), min_size=1, max_size=4), min_size=1, max_size=5))
def test_any_frames_leave_the_receiver_at_work(random_messages):
    with _module_taken() as (taken, dealer):
        for frames in random_messages:
            dealer.socket.send_multipart(frames)
        dealer.probe(0)
        assert dealer.hear() == zmq_protocol.Ack(next=0)
        assert not taken.messages


class _module_taken:  # noqa: N801 - used as a function
    """One receiver for all examples."""

    pair: Any = None

    def __enter__(self):
        if _module_taken.pair is None:
            taken = Taken()
            taken.__enter__()
            dealer = Dealer(taken.port)
            dealer.hello()
            _module_taken.pair = (taken, dealer)
        return _module_taken.pair

    def __exit__(self, *_):
        return None


@pytest.fixture(scope="module", autouse=True)
def _close_module_taken():
    yield
    if _module_taken.pair:
        taken, dealer = _module_taken.pair
        dealer.__exit__()
        taken.__exit__()


def test_another_schema_version_is_rejected_with_a_reason(taken, dealer):
    answer = dealer.hello(schema_version=99)
    assert "99" in answer.reason
    assert "\n" not in answer.reason
    taken.wait_until(lambda: taken.counts.refused == 1)
    assert not taken.joins


def test_a_bad_message_that_is_next_is_skipped_and_counted_as_lost(taken, dealer):
    dealer.hello()
    dealer.socket.send_multipart(
        [b"v1 step", b'{"kind":"step","run":"run","worker":"main","seq":0,"time_unix_nanos":1}']
    )
    dealer.steps([1])
    dealer.acked(2)
    assert taken.seqs() == [1]
    assert taken.counts.lost == taken.joins[0].lost == 1


def test_a_100_mb_frame_ends_that_connection_only(taken, dealer, caplog):
    dealer.hello()
    with Dealer(taken.port, worker="huge") as huge:
        huge.hello()
        huge.socket.send_multipart([b"v1 frame", schema.encode(FRAME), bytes(100 << 20)])
        taken.wait_until(lambda: taken.leaves)
        dealer.steps([0])
        dealer.acked(1)
        huge.steps([0])
        huge.wait_for(zmq_protocol.Sync)
        assert huge.hello().next == 0
    assert "64 MiB" in caplog.text


# The last is a peer of ZMTP 1.0 that sends three frames: ZMQ takes it in, but knows no descriptor of it.
GREETINGS = {
    "a browser": b"GET / HTTP/1.1\r\n\r\n",
    "half a greeting": b"\xff" + os.urandom(8) + b"\x7f",
    "nothing": b"",
    "random bytes": os.urandom(1000),
    "ZMTP 1.0": b"\1\0\2\1a\2\0b",
}


@pytest.mark.parametrize("greeting", GREETINGS.values(), ids=GREETINGS)
def test_bytes_that_are_no_zmq_are_counted(taken, dealer, caplog, greeting):
    caplog.set_level(logging.INFO)
    with socket.create_connection(("127.0.0.1", taken.port)) as plain:
        plain.sendall(greeting)
    taken.wait_until(lambda: taken.counts.foreign == 1)
    dealer.hello()
    assert 1 <= len(caplog.messages) <= 2
    assert "on the ZMQ port" in caplog.text


def test_a_turn_takes_only_so_many_bytes(taken, dealer):
    taken_at_once = []

    def wait_and_take() -> None:  # while the receiver is busy: in its thread
        for seq in range(20):
            dealer.send(schema.Data, seq, stream="d", data="x" * (2 << 20))
        while len(taken.messages) < 20:
            before = len(taken.messages)
            taken.router.receive(100)
            taken_at_once.append(len(taken.messages) - before)

    dealer.hello()
    taken.do(wait_and_take)
    assert max(taken_at_once) <= 2, "of 2 MiB each, where a turn has 4"
    dealer.acked(20)


LEFT_WITH_A_FULL_PIPE = """
import zmq
from kit.bridge import Dealer
from kit.router_thread import Taken

taken = Taken()  # its thread is never started: it is busy
with Dealer(taken.port) as dealer:
    dealer.steps(range(5000))
    dealer.socket.close(linger=20_000)
    dealer._context.term()
while taken.router.monitor.socket.poll(2500):  # two heartbeats long nothing happens
    taken.router.watch()
print("alive")
"""


def test_who_sends_a_lot_and_goes_while_the_bridge_is_busy_does_not_end_it():
    tests = Path(__file__).parents[2]
    paths = os.pathsep.join([str(tests), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-c", LEFT_WITH_A_FULL_PIPE]
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr


def test_a_port_in_use_is_named(taken):
    with pytest.raises(ConfigError, match=f"zmq_port.*{taken.port}.*in use"):
        Router(BridgeConfig(zmq_port=taken.port), taken, Senders(), BridgeCounters())


def test_who_takes_another_name_on_one_connection_leaves_under_the_old(taken):
    with Dealer(taken.port) as dealer:
        for name in ("first", "second", "third"):
            dealer.worker = name
            dealer.hello()
        assert [sender.key[1] for sender in taken.leaves] == ["first", "second"]
    taken.wait_until(lambda: [sender.key[1] for sender in taken.leaves] == ["first", "second", "third"])


def test_numbers_beyond_any_run_are_refused(taken, dealer):
    dealer.hello()
    dealer.up(zmq_protocol.Dropped(run="run", worker="main", first=0, last=2**70))
    dealer.up(zmq_protocol.Hello(schema_version=schema.SCHEMA_VERSION, run="run", worker="main", base=2**70))
    fields = {"run": "run", "worker": "main", "base": 0, "started_unix_nanos": 2**70}
    dealer.up(zmq_protocol.Hello(schema_version=schema.SCHEMA_VERSION, **fields))
    dealer.steps(range(2))
    dealer.send(schema.Step, 2, time_unix_nanos=2**70)
    dealer.send(schema.Frame, 2**70, [bytes(16384)], **{name: getattr(FRAME, name) for name in FRAME_FIELDS})
    dealer.steps([3])
    dealer.acked(4)
    assert taken.counts.refused == 5
    assert (taken.counts.dropped, taken.counts.lost) == (0, 1)
