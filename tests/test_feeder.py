"""The bridge with its journal: killed, without a broker, full; between a DEALER and a real Mosquitto."""

from __future__ import annotations

import signal
from contextlib import ExitStack

import pytest
from bridge_fixtures import Dealer, config_for
from bridge_process import BridgeProcess, at
from stack_process import until
from subscriber import Subscriber

from monty_mqtt import ZmqBroadcaster, protocol, schema
from monty_mqtt_bridge import feeder
from monty_mqtt_bridge.service import Bridge
from monty_mqtt_stack.broker import Mosquitto
from monty_mqtt_stack.ports import any_free

pytest_plugins = ["bridge_fixtures"]


@pytest.fixture
def own(tmp_path):
    with Mosquitto(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "bridge.sqlite"


@pytest.fixture
def stack():
    with ExitStack() as opened:
        yield opened


def seqs(subscriber, run="run", worker="main") -> list[int]:
    return subscriber.seqs()[run, worker]


def test_a_killed_bridge_goes_on_exactly_where_it_was(own, path, stack):
    with BridgeProcess(**at(own, journal=path)) as process, Dealer(process.ready()) as dealer:
        own.kill()
        dealer.hello()
        dealer.steps(range(500))
        dealer.acked(500)
        process.end(signal.SIGKILL)
    own.start()
    subscriber = stack.enter_context(Subscriber(own.host, own.port, "monty/v1/run/main/#"))
    process = stack.enter_context(BridgeProcess(**at(own, journal=path)))
    dealer = stack.enter_context(Dealer(process.ready()))
    subscriber.wait_for(lambda got: len(got) >= 500, 20)
    assert seqs(subscriber) == list(range(500))
    assert dealer.hello(base=490).next == 500, "what is in the journal need not be sent again"
    dealer.send(schema.Metric, 500)
    dealer.acked(501)
    subscriber.wait_for(lambda _: seqs(subscriber)[-1] == 500)


def test_what_is_younger_than_ten_seconds_is_published_again_after_a_restart_and_nothing_else(
    own, path, stack, monkeypatch
):
    monkeypatch.setattr(feeder, "_KEPT_SECS", 1.0)
    with Bridge(config_for(own, journal=str(path))) as bridge, Dealer(bridge.zmq_port) as dealer:
        dealer.hello()
        dealer.steps(range(100))
        dealer.acked(100)
        subscriber = stack.enter_context(Subscriber(own.host, own.port, "monty/bridge/#"))
        subscriber.wait_for(lambda got: any(b'"journal_rows":0,' in one.payload for one in got), 10)
        dealer.steps(range(100, 150))
        dealer.acked(150)
    again = stack.enter_context(Subscriber(own.host, own.port, "monty/v1/run/main/#"))
    with Bridge(config_for(own, journal=str(path))):
        again.wait_for(lambda _: seqs(again)[-1:] == [149])
        assert seqs(again) == list(range(100, 150))


def test_after_a_reconnect_it_is_published_again(own, path, stack):
    with Bridge(config_for(own, journal=str(path))) as bridge, Dealer(bridge.zmq_port) as dealer:
        first = stack.enter_context(Subscriber(own.host, own.port, "monty/v1/run/main/#"))
        dealer.hello()
        dealer.steps(range(1000))
        first.wait_for(lambda _: len(seqs(first)) == 1000)
        own.kill()
        dealer.steps(range(1000, 1100))
        dealer.acked(1100)
        own.start()
        again = stack.enter_context(Subscriber(own.host, own.port, "monty/v1/run/main/#"))
        again.wait_for(lambda _: set(seqs(again)) >= set(range(1100)), 20)


@pytest.mark.parametrize(("where", "why"), [("path", "journal_mib"), ("disk", "its disk")])
def test_the_broker_away_the_journal_full_nothing_acknowledged_is_lost_and_it_goes_on(
    own, where, why, request, stack, monkeypatch, caplog
):
    monkeypatch.setattr(feeder, "_KEPT_SECS", 0.5)
    place = request.getfixturevalue(where)
    settings = {"journal": str(place), "journal_mib": 3} if where == "path" else {"journal": str(place / "j.sqlite")}
    bridge = stack.enter_context(Bridge(config_for(own, **settings)))
    broadcaster = stack.enter_context(ZmqBroadcaster(run="run", zmq_port=bridge.zmq_port, strict=True))
    assert broadcaster.flush(10)
    own.kill()
    for _ in range(2500):
        broadcaster.publish_data("much", "x" * 10_000)
    assert not broadcaster.flush(2)
    assert 250 < broadcaster.counts.acknowledged < 2500
    assert bridge.counts.deferred
    assert "nothing more is accepted" in caplog.text
    assert why in caplog.text
    own.start()
    subscriber = stack.enter_context(Subscriber(own.host, own.port, "monty/v1/run/main/#"))
    assert broadcaster.flush(40), "what was refused stayed with the experiment"
    subscriber.wait_for(lambda _: set(seqs(subscriber)) >= set(range(2500)), 20)
    assert broadcaster.counts.dropped == 0
    assert "room again" in caplog.text


def test_a_bridge_that_finds_no_broker_takes_messages_all_the_same(own, path, stack):
    own.kill()
    port = any_free("127.0.0.1")
    process = stack.enter_context(BridgeProcess(**at(own, journal=path, zmq_port=port)))
    dealer = stack.enter_context(Dealer(port))
    dealer.hello()
    dealer.steps(range(100))
    dealer.acked(100)
    own.start()
    subscriber = stack.enter_context(Subscriber(own.host, own.port, "monty/v1/run/main/#"))
    process.ready()
    subscriber.wait_for(lambda _: set(seqs(subscriber)) == set(range(100)))


def test_frames_that_came_while_the_broker_was_away_are_published_in_order(own, path, stack, caplog):
    bridge = stack.enter_context(Bridge(config_for(own, journal=str(path))))
    dealer = stack.enter_context(Dealer(bridge.zmq_port))
    dealer.hello()
    own.kill()
    until(lambda: "no MQTT broker" in caplog.text)
    fields = {"sensor": "patch", "modality": "rgba", "episode": 0, "height": 16, "width": 16}
    for seq in range(30):
        dealer.send(schema.Frame, seq, [bytes(1024)], step=seq, **fields)
    dealer.wait_for(protocol.Ack, lambda ack: ack.bulk_next == 30)
    own.start()
    subscriber = stack.enter_context(Subscriber(own.host, own.port, "monty/raw/v1/run/main/frame/#"))
    frames = subscriber.wait_for(lambda _: len(subscriber.messages(schema.Frame)) >= 30 and subscriber.messages(), 30)
    assert [frame.seq for frame in frames if frame.seq < 30][-30:] == list(range(30))
    assert (bridge.counts.images_dropped, bridge.counts.unsent) == (0, 0)


def test_memory_is_bounded_while_the_broker_is_away_and_when_it_is_back(own, path, stack):
    process = stack.enter_context(BridgeProcess(**at(own, journal=path)))
    dealer = stack.enter_context(Dealer(process.ready()))
    dealer.hello()
    dealer.send(schema.Data, 0, stream="first", data="")
    dealer.acked(1)
    before = process.peak_mib()
    own.kill()
    for first in range(1, 30_001, 3000):
        for seq in range(first, first + 3000):
            dealer.send(schema.Data, seq, stream="much", data="x" * 5000)
        dealer.acked(first + 3000, secs=30)
    assert process.peak_mib() - before < 80, "of 150 MiB"
    own.start()
    subscriber = stack.enter_context(Subscriber(own.host, own.port, "monty/v1/run/main/#"))
    subscriber.wait_for(lambda got: len(got) >= 30_000, 60)
    assert set(seqs(subscriber)) >= set(range(1, 30_001))
    assert process.peak_mib() - before < 80
