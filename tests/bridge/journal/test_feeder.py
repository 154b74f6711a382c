"""The bridge with its journal: killed, without a broker, full; between a DEALER and a real Mosquitto."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import ExitStack

import pytest
from kit.bridge import Dealer, config_for
from kit.bridge_process import BridgeProcess, at
from kit.machine.child_process import until
from kit.mqtt_subscriber import Subscriber

from monty_mqtt import ZmqBroadcaster
from monty_mqtt.wire import schema, zmq_protocol
from monty_mqtt_bridge.bridge import Bridge
from monty_mqtt_bridge.journal import feeder
from monty_mqtt_core.influx import points
from monty_mqtt_core.settings.ports import any_free
from monty_mqtt_stack.services.mosquitto import Mosquitto


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
    """Return the seqs in order of their first arrival; on a busy machine a connection may break, and all come again."""
    return list(dict.fromkeys(subscriber.seqs()[run, worker]))


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
    subscriber.wait_for(lambda _: seqs(subscriber) == list(range(500)), 20)
    assert dealer.hello(base=490).next == 500, "what is in the journal need not be sent again"
    dealer.send(schema.Metric, 500)
    dealer.acked(501)
    subscriber.wait_for(lambda _: seqs(subscriber)[-1] == 500)


def test_a_broker_that_lost_its_data_is_told_once_more_when_its_subscribers_have_had_time_to_come_back(
    own, path, stack, monkeypatch
):
    monkeypatch.setattr(feeder, "_KEPT_SECS", 3.0)
    with Bridge(config_for(own, journal=str(path))) as bridge, Dealer(bridge.zmq_port) as dealer:
        dealer.hello()
        dealer.steps(range(100))
        dealer.acked(100)
        until(lambda: bridge.counts.published > 100)
        published = bridge.counts.published
        own.kill()
        for file in own.state.mosquitto.glob("mosquitto.db*"):
            file.unlink()
        own.start()
        until(lambda: bridge.counts.mqtt_connects == 2 and bridge.counts.published > published + 100)
        late = stack.enter_context(Subscriber(own.host, own.port, "monty/v1/run/main/step"))
        late.wait_for(lambda _: set(seqs(late)) == set(range(100)))


def test_what_is_younger_than_ten_seconds_is_published_again_after_a_restart_and_nothing_else(
    own, path, stack, monkeypatch
):
    monkeypatch.setattr(feeder, "_KEPT_SECS", 1.0)
    with Bridge(config_for(own, journal=str(path))) as bridge, Dealer(bridge.zmq_port) as dealer:
        dealer.hello()
        dealer.steps(range(100))
        dealer.acked(100)
        subscriber = stack.enter_context(Subscriber(own.host, own.port, "monty/bridge/#"))
        subscriber.wait_for(lambda got: any(b'"journal_rows":0,' in message.payload for message in got), 10)
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
    broadcaster = stack.enter_context(ZmqBroadcaster(run_id="run", zmq_port=bridge.zmq_port, strict=True))
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
    dealer.wait_for(zmq_protocol.Ack, lambda ack: ack.bulk_next == 30)
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
    subscriber.wait_for(lambda got: got and b'"seq":30000,' in got[-1].payload, 60)
    assert set(seqs(subscriber)) >= set(range(1, 30_001))
    assert process.peak_mib() - before < 80


def test_a_row_that_is_no_message_is_named_and_the_rest_goes_on(own, path, stack, caplog):
    with Bridge(config_for(own, journal=str(path))) as bridge, Dealer(bridge.zmq_port) as dealer:
        dealer.hello()
        dealer.steps(range(10))
        dealer.send(schema.ObjectModel, 10, [bytes(12)], learning_module="LM_0", object="mug", count=1)
        dealer.acked(11)
    with sqlite3.connect(path) as journal:
        journal.execute("UPDATE messages SET payload = x'7b00' WHERE id = 5")
        journal.execute("UPDATE messages SET buffers = NULL WHERE buffers IS NOT NULL")
    journal.close()
    subscriber = stack.enter_context(Subscriber(own.host, own.port, "monty/v1/run/main/#"))
    bridge = stack.enter_context(Bridge(config_for(own, journal=str(path))))
    subscriber.wait_for(lambda _: seqs(subscriber)[-1:] == [9])
    assert seqs(subscriber) == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    until(lambda: bridge.counts.refused == 2)
    assert "is no message" in caplog.text


def test_a_second_bridge_on_the_same_journal_ends_with_one_line(own, path, stack):
    stack.enter_context(Bridge(config_for(own, journal=str(path))))
    with BridgeProcess(**at(own, journal=path)) as second:
        code, lines = second.end()
    assert code == 2
    assert len(lines) == 1
    assert "another one has it open" in lines[0]


def test_health_tells_of_the_journal(own, path, stack):
    subscriber = stack.enter_context(Subscriber(own.host, own.port))
    bridge = stack.enter_context(Bridge(config_for(own, journal=str(path))))
    dealer = stack.enter_context(Dealer(bridge.zmq_port))
    dealer.hello()
    dealer.steps(range(20))
    health = subscriber.wait_for(
        lambda got: [
            message
            for message in map(health_of, got)
            if message.get("journal_rows") == 21 and not message["journal_waiting"]
        ]
    )[0]
    assert (health["journal_full"], health["journal_evicted"]) == (0, 0)
    assert health["journal_bytes"] > 10_000
    assert 0 <= health["journal_oldest_secs"] < 10
    names = {name for name in health if name.startswith("journal_")}
    assert len(names) >= 6
    assert names <= points.FIELDS["bridge_health"].keys()


def health_of(received):
    return json.loads(received.payload) if received.topic.endswith("/health") else {}
