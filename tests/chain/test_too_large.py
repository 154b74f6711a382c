"""A message that is larger than the broker takes: counted with its reason wherever anything is counted."""

from __future__ import annotations

import pytest
from kit.bridge import Dealer, config_for
from kit.history.line_parser import parse

from monty_mqtt import ZmqBroadcaster
from monty_mqtt.wire import schema, topics
from monty_mqtt_bridge.bridge import Bridge
from monty_mqtt_core.reading.run_status import RunStatuses
from monty_mqtt_stack.watch.message_lines import readable
from monty_mqtt_stack.watch.summary import summary

MEGA = 1_000_000


def points(subscriber, measurement, run):
    batches = [one.payload for one in list(subscriber.received) if one.topic == topics.influx_topic(run)]
    return [point for batch in batches for point in parse(batch) if point.measurement == measurement]


@pytest.mark.timeout(120)
def test_12_and_70_mb_among_small_messages(bridge, subscriber):
    with ZmqBroadcaster(run_id="huge", zmq_port=bridge.zmq_port, strict=True) as broadcaster:
        for size in (0, 12 * MEGA, 70 * MEGA, 9 * MEGA):
            broadcaster.publish_data("d", "x" * size)
            broadcaster.publish_metric("number", size)
        subscriber.wait_for(
            lambda _: any(point.fields["too_large"] == 2 for point in points(subscriber, "run_health", "huge"))
        )
        subscriber.wait_for(lambda _: [one.too_large for one in subscriber.messages(schema.Status)][-1:] == [2])
    subscriber.wait_for(lambda _: subscriber.messages(schema.End))
    seqs = sorted(set(subscriber.seqs()["huge", "main"]))
    assert seqs == [0, 1, 2, 3, 5, 7, 8, 9, 10, 11]
    (end,) = subscriber.messages(schema.End)
    assert (end.too_large, end.dropped) == (2, 0)
    assert (bridge.counts.too_large, bridge.counts.dropped, bridge.counts.lost, bridge.counts.refused) == (2, 0, 0, 0)
    runs = RunStatuses()
    for message in (*subscriber.messages(schema.Status), end):
        runs.apply(message)
    (worker,) = runs.workers.values()
    assert worker.too_large == 2
    assert any("2 too large" in line for line in summary([worker]))
    assert "2 too large" in readable(end)


def test_what_only_the_bridge_finds_to_be_too_large_is_counted_the_same_once(broker, subscriber, tmp_path):
    settings = {"mqtt_max_packet_bytes": 10_000, "journal": str(tmp_path / "journal"), "bridge_id": "small"}
    with Bridge(config_for(broker, **settings)) as bridge, Dealer(bridge.zmq_port, run="r" * 300) as dealer:
        dealer.hello()
        assert dealer.largest_message_bytes == 9900
        dealer.send(schema.Status, 0)
        dealer.send(schema.Data, 1, stream="d", data="x" * 9000)
        dealer.send(schema.Metric, 2)
        dealer.acked(3)
        subscriber.wait_for(lambda _: [one.too_large for one in subscriber.messages(schema.Status)][-1:] == [1])
        assert (bridge.counts.too_large, bridge.counts.refused) == (1, 0)
    with Bridge(config_for(broker, **settings)) as bridge, Dealer(bridge.zmq_port, run="r" * 300) as dealer:
        dealer.hello(base=3)
        dealer.send(schema.Metric, 3)
        dealer.acked(4)
        assert bridge.counts.too_large == 0
        subscriber.wait_for(lambda _: len(points(subscriber, "run_health", "r" * 300)) > 1)
        assert points(subscriber, "run_health", "r" * 300)[-1].fields["too_large"] == 1
