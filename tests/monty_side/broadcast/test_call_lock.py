"""One call at a time: threads, signal handlers in the middle of a call, and Ctrl+C in the middle of a message."""

import itertools
import logging
import signal
import subprocess
import sys
import threading

import pytest
from kit.programs.interrupted import INTERRUPTED
from kit.zmq_router import Router

from monty_mqtt import ZmqBroadcaster
from monty_mqtt.broadcast.call_lock import CallLock


class Interrupt(BaseException):
    """What a signal handler raises in the tests, as Ctrl+C raises KeyboardInterrupt."""


@pytest.fixture
def alarm():
    """Install a handler for a timer that rings every 0.2 ms."""

    def install(handler):
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)

    before = signal.getsignal(signal.SIGALRM)
    yield install
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_calls_of_many_threads_never_overlap():
    call_lock = CallLock("x", strict=True, mend=lambda: None)
    inside, overlaps, done = [], [], []

    def call(number):
        inside.append(number)
        if len(inside) > 1:
            overlaps.append(list(inside))
        inside.remove(number)
        done.append(number)

    threads = [threading.Thread(target=lambda: [call_lock.run(call, n) for n in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (overlaps, len(done)) == ([], 4000)


def test_a_call_within_a_call_runs_after_it():
    call_lock = CallLock("x", strict=True, mend=lambda: None)
    order = []

    def outer():
        call_lock.run(order.append, "inner")
        order.append("outer")

    call_lock.run(outer)
    assert order == ["outer", "inner"]


def test_an_error_does_not_keep_the_next_call_from_running(caplog):
    call_lock = CallLock("x", strict=False, mend=lambda: None)
    done = []

    def outer():
        call_lock.run(done.append, "inner")
        raise ValueError("outer")

    call_lock.run(outer)
    call_lock.run(outer)
    assert (done, call_lock.errors) == (["inner", "inner"], 2)
    assert caplog.messages == ["telemetry of run 'x': ValueError: outer (more of this kind are only counted)"]


def test_what_was_torn_is_mended_before_the_next_call():
    order = []
    call_lock = CallLock("x", strict=True, mend=lambda: order.append("mend"))

    def torn():
        raise Interrupt

    with pytest.raises(Interrupt):
        call_lock.run(torn)
    call_lock.run(order.append, "next")
    call_lock.run(order.append, "and next")
    assert order == ["mend", "next", "and next"]


def test_a_signal_handler_that_publishes_while_the_same_thread_publishes(alarm):
    with Router() as router:
        b = ZmqBroadcaster(run_id="x", zmq_port=router.port, strict=True)
        numbers = itertools.count()

        def publish_from_handler(*_):  # and a signal may come while it runs
            b.publish_metric("handler", next(numbers))

        alarm(publish_from_handler)
        for number in range(5000):
            b.publish_metric("loop", number)
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert b.flush(20)
        b.close()
        *metrics, _end = router.messages("x")
        assert [m.value for m in metrics if m.name == "loop"] == list(range(5000))
        handled = next(numbers)
        assert sorted(m.value for m in metrics if m.name == "handler") == list(range(handled))
        assert handled > 10


def test_a_signal_handler_that_closes_in_the_middle_of_a_publish(alarm):
    with Router() as router:
        b = ZmqBroadcaster(run_id="x", zmq_port=router.port, strict=True)
        alarm(lambda *_: b.close("aborted") if b._call_lock.is_entered() else None)
        for number in range(100_000):
            b.publish_metric("loop", number)
            if b._closed:
                break
        *metrics, end = router.messages("x")
        assert [message.value for message in metrics] == list(range(len(metrics)))
        assert (end.status, b.counts.unacknowledged) == ("aborted", 0)


def test_a_log_handler_that_publishes_does_not_meet_itself():
    # One thread publishes nonsense, which is logged; another logs, which is published. Neither may wait for the other.

    class Publishing(logging.Handler):
        def emit(self, record):
            b.publish_log(record.levelname, record.getMessage())

    with Router() as router:
        b = ZmqBroadcaster(run_id="x", zmq_port=router.port)
        handler = Publishing()
        root = logging.getLogger()
        root.addHandler(handler)
        try:
            nonsense = [type(f"Error{number}", (Exception,), {}) for number in range(300)]

            def fail(error):
                raise error

            threads = [
                threading.Thread(target=lambda: [b._call_lock.run(fail, error) for error in nonsense]),
                threading.Thread(target=lambda: [root.warning("warning %d", number) for number in range(300)]),
            ]
            for thread in threads:
                thread.daemon = True
                thread.start()
            for thread in threads:
                thread.join(20)
            assert not any(thread.is_alive() for thread in threads)
        finally:
            root.removeHandler(handler)
        b.close()
        texts = [message.message for message in router.messages("x")[:-1]]
        assert sum(text.startswith("warning") for text in texts) == 300
        assert sum("Error" in text for text in texts) == 300


PUBLISHES = """
b = ZmqBroadcaster(run_id="x", zmq_port=int(sys.argv[1]), strict=True)
b.publish_metric("number", -1)
assert b.flush(20)
interrupted = 0
for number in range(100_000):
    try:
        armed = True
        signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 6e-5))
        b.publish_metric("number", number)
        armed = False
        print(number)
    except Interrupt:
        armed = False
        interrupted += 1
        if interrupted == 300:
            break
signal.setitimer(signal.ITIMER_REAL, 0)
assert b.flush(20)
b.publish_metric("last", interrupted)
b.close()
"""


def test_ctrl_c_at_any_moment_leaves_nothing_torn():
    with Router() as router:
        command = [sys.executable, "-c", INTERRUPTED + PUBLISHES, str(router.port)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
        *numbers, last, end = router.messages("x")
        assert [message.seq for message in router.messages("x")] == list(range(end.seq + 1))
        assert {int(line) for line in done.stdout.split()} <= {message.value for message in numbers}
        assert (last.name, last.value) == ("last", 300)
        assert end.dropped == 0
