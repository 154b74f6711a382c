"""The connection when the bridge comes late, freezes, dies and forgets: real ROUTERs, some in their own process."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from kit.zmq_router import Router

from monty_mqtt import ZmqBroadcaster
from monty_mqtt.broadcast.link import bridge_link
from monty_mqtt.wire import schema

ROUTER = str(Path(__file__).parents[3] / "kit" / "zmq_router.py")


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class RouterProcess:
    """`tests/kit/zmq_router.py` as a process: freeze, kill, start again on the same port."""

    def __init__(self, port, log):
        self.log = log
        self._command = [sys.executable, ROUTER, "--port", str(port), "--log", str(log)]
        self._process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self):
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout.readline()

    def kill(self):
        with self._process as process:
            process.kill()

    def freeze(self):
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self._process.send_signal(signal.SIGCONT)

    def seqs(self):
        lines = self.log.read_text().splitlines()
        return [json.loads(line)[2] for line in lines if line.endswith("]")]


@pytest.fixture
def process(port, tmp_path):
    with RouterProcess(port, tmp_path / "taken.jsonl") as running:
        yield running


@pytest.fixture
def b(port):
    broadcaster = ZmqBroadcaster(run_id="x", zmq_port=port, strict=True)
    yield broadcaster
    broadcaster.close(flush_secs=0)


def publish_for(b, secs, number=0):
    """Publish about 1000 a second, without a pause longer than a step's."""
    over = threading.Event()
    timer = threading.Timer(secs, over.set)
    timer.start()
    while not over.wait(0.001):
        b.publish_metric("number", number)
        number += 1
    timer.join()
    return number


def test_a_bridge_that_comes_in_the_middle_gets_everything(b, port):
    for number in range(3000):
        b.publish_metric("number", number)
    with Router(port) as router:
        for number in range(3000, 6000):
            b.publish_metric("number", number)
        assert b.flush(20)
        assert [message.value for message in router.messages("x")] == list(range(6000))
    assert b.counts.dropped == 0


def test_a_bridge_that_freezes_for_a_moment(b, process):
    count = publish_for(b, 0.2)
    process.freeze()
    count = publish_for(b, 0.7, count)
    process.thaw()
    count = publish_for(b, 0.2, count)
    assert b.flush(20)
    assert process.seqs() == list(range(count))


def test_a_bridge_that_freezes_until_the_connection_is_given_up(b, process):
    count = publish_for(b, 0.2)
    process.freeze()
    count = publish_for(b, 4.5, count)  # HEARTBEAT_TIMEOUT is 3 s: two connections will interleave
    process.thaw()
    count = publish_for(b, 0.5, count)
    assert b.flush(20)
    assert process.seqs() == list(range(count))


def test_a_bridge_that_is_killed_and_forgets_everything(b, process):
    count = 0
    for _ in range(3):
        count = publish_for(b, 0.2, count)
        process.kill()
        count = publish_for(b, 0.3, count)
        process.start()
    count = publish_for(b, 0.2, count)
    assert b.flush(20)
    assert sorted(set(process.seqs())) == list(range(count))


def test_what_a_bridge_took_along_in_a_silent_moment_is_sent_again(b, port):
    with Router(port) as first:
        b.publish_metric("number", 0)
        assert b.flush(10)
        first.deaf = True
        for number in range(1, 100):
            b.publish_metric("number", number)
        assert first.wait(lambda: len(first.messages("x")) == 100)
        assert not b.flush(0)
    with Router(port) as second:  # nothing is published any more: only the probe can find out
        assert b.flush(20)
        assert [message.value for message in second.messages("x")] == list(range(1, 100))


def test_a_bridge_that_does_not_answer_is_probed_less_and_less(port):
    with Router(port) as router:
        b = ZmqBroadcaster(run_id="x", zmq_port=port, strict=True)
        b.publish_metric("number", 0)
        assert b.flush(10)
        router.deaf = True
        b.publish_metric("number", 1)
        assert not b.flush(2)
        assert [(probe.next, probe.bulk_next) for probe in router.probes] == [(2, 0), (2, 0)]  # after 0.5 and 1.5 s
        b.close(flush_secs=0)


def test_frames_lost_with_a_bridge_do_not_count_as_under_way_for_ever(port):
    head = {"sensor": "patch", "modality": "rgba", "episode": 0, "step": 0, "height": 512, "width": 512}
    b = ZmqBroadcaster(run_id="x", zmq_port=port, strict=True)
    with Router(port) as first:
        b.publish_metric("number", 0)
        assert b.flush(10)
        first.deaf = True
        for _ in range(9):
            b.publish(schema.Frame, [bytes(1 << 20)], **head)
        assert b.counts.bulk_dropped == 1
        assert first.wait(lambda: len(first.bulk["x", "main"]) == 8)
    with Router(port) as second:
        b.publish_metric("number", 1)
        assert b.flush(20)
        b.publish(schema.Frame, [bytes(1 << 20)], **head)
        b.publish_metric("number", 2)
        assert b.flush(10)
        assert [taken.message.seq for taken in second.bulk["x", "main"]] == [9]
    b.close(flush_secs=0)


def test_a_frozen_bridge_does_not_make_zmq_s_own_queue_grow(b, process):
    b.publish_metric("number", 0)
    assert b.flush(10)
    process.freeze()
    for _ in range(1200):
        b.publish_data("d", "x" * 10_000)
    window = b._outbox.window
    assert window.sent_bytes <= bridge_link._UNDER_WAY_BYTES
    assert len(window) == 1200
    process.thaw()
    assert b.flush(20)
    assert process.seqs() == list(range(1201))


def test_one_call_after_an_outage_sends_at_most_64(b, port):
    window = b._outbox.window
    for number in range(10_000):
        b.publish_metric("number", number)
    assert window.next_seq - window.next_unsent > 1000
    with Router(port) as router:
        deadline = time.monotonic() + 20
        while not b.counts.bridge_seen and time.monotonic() < deadline:
            b._outbox.link.wait(0.05)
            b.pump()
        before = window.next_unsent
        b.publish_metric("number", 10_000)
        assert window.next_unsent <= before + 64
        assert b.flush(20)
        assert len(router.messages("x")) == 10_001


def test_a_sender_s_hello_says_where_it_is(port):
    with Router(port) as router:
        b = ZmqBroadcaster(run_id="x", worker="w", zmq_port=port, strict=True)
        b.publish_metric("number", 0)
        assert b.flush(10)
        (hello,) = router.hellos
        assert (hello.run, hello.worker, hello.base, hello.schema_version) == ("x", "w", 0, schema.SCHEMA_VERSION)
        assert hello.started_unix_nanos > 0
        b.close()


def test_over_ipv6():
    b = ZmqBroadcaster(run_id="x", zmq_host="::1", zmq_port=1, strict=True)
    b.publish_metric("number", 0)
    assert b._outbox.link.bridge.endpoint == "tcp://[::1]:1"
    b.close()


@pytest.mark.parametrize("host", ["localhost", "no-such-host.invalid"])
def test_a_host_by_name(host):
    b = ZmqBroadcaster(run_id="x", zmq_host=host, zmq_port=1, strict=True)
    b.publish_metric("number", 0)
    assert not b.flush(0)
    b.close()
    assert not b.counts.bridge_seen


def test_zmq_does_not_push_the_experiment_off_its_core():
    tasks = Path("/proc/self/task")
    before = set(tasks.iterdir())
    with Router() as router, ZmqBroadcaster(run_id="r", zmq_port=router.port, strict=True) as broadcaster:
        broadcaster.publish_metric("x", 1)
        assert broadcaster.flush(10)  # so ZMQ's threads have begun, and set what they were told
        policies = [os.sched_getscheduler(int(task.name)) for task in set(tasks.iterdir()) - before]
    assert os.SCHED_BATCH in policies
