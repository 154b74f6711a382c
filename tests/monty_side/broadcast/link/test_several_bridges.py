"""An experiment that was given several bridges goes on with another one; against real ROUTERs that freeze."""

import time
from contextlib import ExitStack

import pytest
from kit.zmq_router import Router

from monty_mqtt import ZmqBroadcaster
from monty_mqtt.wire import schema
from monty_mqtt_core.settings import ports


@pytest.fixture
def routers():
    with ExitStack() as stack:
        yield [stack.enter_context(Router()) for _ in range(2)]


@pytest.fixture
def b(routers):
    addresses = ",".join(f"tcp://127.0.0.1:{router.port}" for router in routers)
    broadcaster = ZmqBroadcaster(run_id="x", bridge=addresses, strict=True, spool_mib=0)
    yield broadcaster
    broadcaster.close(flush_secs=0)


def publish_until(b, condition, secs=15.0):
    deadline = time.monotonic() + secs
    while not condition():
        b.publish_metric("a", time.monotonic())
        time.sleep(0.02)
        assert time.monotonic() < deadline


def has_taken(router):
    return any(router.messages("x"))


def seqs(router):
    return [message.seq for message in router.messages("x")]


def test_workers_spread_over_the_bridges():
    addresses = "tcp://127.0.0.1:1,tcp://127.0.0.1:2"
    ports = []
    for number in range(40):
        b = ZmqBroadcaster(run_id="x", worker=f"parallel_{number}", bridge=addresses, spool_mib=0)
        b.publish_metric("a", 1)
        ports.append(b._outbox.link.bridge.port)
        b.close(flush_secs=0)
    assert 10 <= ports.count(1) <= 30


def test_it_goes_on_with_the_next_when_its_own_is_silent(routers, b, caplog):
    publish_until(b, lambda: any(map(has_taken, routers)))
    assert b.flush(5)
    first, second = sorted(routers, key=has_taken, reverse=True)
    assert not has_taken(second)
    base = len(first.messages("x"))
    first.frozen = True
    time.sleep(0.1)
    publish_until(b, lambda: has_taken(second))
    assert b.flush(5)
    hello = second.hellos[-1]
    assert (hello.bridges, hello.base, hello.elsewhere) == (2, base, base)
    last = b.counts.published - 1
    assert seqs(second) == list(range(base, last + 1)), "what was not acknowledged is sent again, in order"
    assert b.counts.acknowledged == b.counts.published
    (line,) = caplog.messages
    there, here = f"tcp://127.0.0.1:{second.port}", f"tcp://127.0.0.1:{first.port}"
    assert line == f"run 'x' goes on with the bridge at {there}: that at {here} does not answer"
    first.frozen, second.frozen = False, True
    time.sleep(0.1)
    taken = len(first.messages("x"))
    publish_until(b, lambda: len(first.messages("x")) > taken)
    assert b.flush(5)
    assert first.hellos[-1].elsewhere == first.hellos[-1].base > base
    assert first.hellos[-1].published == ""


def test_a_bridge_that_is_not_there_is_passed_over(routers):
    port = ports.any_free("127.0.0.1")
    addresses = f"tcp://127.0.0.1:{port},tcp://127.0.0.1:{routers[0].port}"
    with ZmqBroadcaster(run_id="x", bridge=addresses, strict=True, spool_mib=0) as b:
        b.publish_metric("a", 1)
    assert isinstance(routers[0].messages("x")[-1], schema.End)
