"""What a user's program publishes as media reaches a subscriber, a recording, and the run that is played from it."""

import io
import threading

import numpy as np
import pytest
from kit.machine.child_process import until
from PIL import Image

from monty_mqtt import ZmqBroadcaster
from monty_mqtt.wire import schema, topics
from monty_mqtt_core.payloads.from_mqtt import message_of
from monty_mqtt_core.reading.mqtt_client import BrokerAddress
from monty_mqtt_core.recordings.mcap_file import Reader
from monty_mqtt_core.recordings.record import record

pytestmark = pytest.mark.timeout(60)

NAME = "where it looks/é"
COLOURS = np.random.default_rng(1).integers(0, 256, (24, 32, 3), np.uint8)


def published(subscriber, run, kind):
    """The messages of a kind that a run published, each with its topic and payload."""
    found = []
    for arrived in subscriber.received:
        parsed = topics.parse(arrived.topic) if arrived.topic.startswith(("monty/v1/", "monty/raw/v1/")) else None
        if parsed and (parsed.run, parsed.kind) == (run, kind):
            found.append((message_of(arrived.topic, arrived.payload)[0], arrived.payload))
    return found


def publish_all(broadcaster):
    for step in range(10):
        broadcaster.publish_image(NAME, np.roll(COLOURS, step, axis=1), step=step)
    file = io.BytesIO()
    Image.fromarray(COLOURS).save(file, "JPEG")
    broadcaster.publish_image("photo", file.getvalue())


def test_images_reach_a_subscriber_and_a_recording(broker, bridge, subscriber, tmp_path):
    path, listening = tmp_path / "media.mcap", threading.Event()
    with ZmqBroadcaster(run_id="media", zmq_port=bridge.zmq_port, strict=True) as broadcaster:
        assert broadcaster.flush(10)
        options = {"run": "media", "on_listening": listening.set}
        recorder = threading.Thread(target=record, args=(BrokerAddress(broker.host, broker.port), path), kwargs=options)
        recorder.start()
        assert listening.wait(10)
        publish_all(broadcaster)
        subscriber.wait_for(lambda _: len(published(subscriber, "media", "image")) == 11, 20)
    recorder.join(20)
    images = published(subscriber, "media", "image")
    assert [message.metadata.get("step") for message, _ in images if message.name == NAME] == list(range(10))
    for message, payload in images:
        with Image.open(io.BytesIO(payload)) as shown:
            assert shown.format.lower() == message.format
            assert shown.size == (message.width, message.height) == (32, 24)
            if message.name == NAME:
                assert np.array_equal(np.asarray(shown), np.roll(COLOURS, message.metadata["step"], axis=1))
    recorded = [entry.payload for entry in Reader(path).entries() if topics.parse(entry.topic).kind == "image"]
    assert sorted(recorded) == sorted(payload for _, payload in images)
    assert broadcaster.counts.bulk_published == 11


def test_points_histograms_and_tables_reach_a_subscriber(bridge, subscriber):
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    with ZmqBroadcaster(run_id="other media", zmq_port=bridge.zmq_port, strict=True) as broadcaster:
        broadcaster.publish_points(NAME, np.eye(3), colours=colours, sizes=[1, 2, 3], step=1)
        broadcaster.publish_histogram(NAME, [1, 2, 2, np.nan], step=1)
        broadcaster.publish_histogram("counted", counts=[3, 1], edges=[0, 0.5, 1])
        broadcaster.publish_table(NAME, ["object", "right"], [["mug", 0.75], ["<b>bowl</b>", np.nan]], epoch=1)
    subscriber.wait_for(lambda _: all(published(subscriber, "other media", kind) for kind in ("points", "table")), 20)
    ((points, payload),) = published(subscriber, "other media", "points")
    assert (points.name, points.count, points.metadata) == (NAME, 3, {"step": 1})
    _, (xyz, levels, sizes) = message_of(topics.of_message(points).topic, payload)
    assert np.array_equal(np.frombuffer(xyz, "<f4").reshape(3, 3), np.eye(3))
    assert (levels, np.frombuffer(sizes, "<f4").tolist()) == (colours.tobytes(), [1, 2, 3])
    (drawn, _), (counted, _) = published(subscriber, "other media", "histogram")
    assert (sum(drawn.counts), drawn.values, drawn.non_finite, len(drawn.edges)) == (3, 3, 1, 65)
    assert (counted.counts, counted.edges) == ([3, 1], [0, 0.5, 1])
    ((table, _),) = published(subscriber, "other media", "table")
    assert (table.columns, table.rows) == (["object", "right"], [["mug", 0.75], ["<b>bowl</b>", None]])
    assert broadcaster.counts.non_finite == 1


def test_what_is_wrong_with_media_stops_nothing_and_is_said_once(bridge, subscriber, caplog):
    with ZmqBroadcaster(run_id="wrong media", zmq_port=bridge.zmq_port) as broadcaster:
        for _ in range(3):
            broadcaster.publish_image("x", np.zeros((2, 2, 2)))
        broadcaster.publish_image("y", b"\x89PNG\r\n\x1a\n and no more")  # only the bridge looks into a file
        broadcaster.publish_metric("loss", 0.5)
    subscriber.wait_for(lambda _: any(end.run == "wrong media" for end in subscriber.messages(schema.End)), 20)
    said = [record.getMessage() for record in caplog.records if "publish_image" in record.getMessage()]
    assert len(said) == 1
    assert "publish_image('x'): (2, 2, 2) is not allowed; it must be an array of shape (height, width)" in said[0]
    assert broadcaster.counts.errors == 3
    until(lambda: any("it is no PNG image" in record.getMessage() for record in caplog.records))
    assert published(subscriber, "wrong media", "image") == []
    assert [metric.value for metric in subscriber.messages(schema.Metric) if metric.run == "wrong media"] == [0.5]


def test_media_without_a_bridge_cost_no_memory(tmp_path):
    with ZmqBroadcaster(run_id="alone", zmq_port=1, strict=True, spool_dir=str(tmp_path)) as broadcaster:
        for _ in range(20):
            broadcaster.publish_image("x", np.zeros((1000, 1000), np.uint8))
        counts = broadcaster.counts
        assert (counts.bulk_published + counts.bulk_dropped, counts.dropped) == (20, 0)
        assert counts.bulk_dropped >= 10
        broadcaster.close(flush_secs=0)
