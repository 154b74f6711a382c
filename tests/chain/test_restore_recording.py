"""A recording restored at a bridge that never heard of its runs, and at one that did: the same runs, once."""

from __future__ import annotations

import threading

import msgspec
import pytest
from kit.bridge import config_for
from kit.mqtt_subscriber import Subscriber

from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster
from monty_mqtt.errors import ConfigError, ServiceError
from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt_bridge.bridge import Bridge
from monty_mqtt_core.payloads.from_mqtt import message_of
from monty_mqtt_core.recordings.mcap_file import Entry, Reader, RecordingWriter
from monty_mqtt_stack.demo.demo_recording import recording_path
from monty_mqtt_stack.replay.restore_recording import restore_recording
from monty_mqtt_stack.services.mosquitto import Mosquitto

SECOND = 10**9


@pytest.fixture
def far_side(tmp_path):
    """A broker and a bridge that know nothing yet."""
    with Mosquitto(tmp_path / "state") as broker, Bridge(config_for(broker)) as bridge:
        yield broker, bridge


def entry(kind, seq, *, run="r", worker="main", **fields):
    message = schema.KINDS[kind](run=run, worker=worker, seq=seq, time_unix_nanos=SECOND + seq, **fields)
    return Entry(topics.of_message(message).topic, schema.encode(message), message.time_unix_nanos, seq)


def written(path, entries):
    with RecordingWriter(path) as writer:
        for one in entries:
            writer.write(one)
    return path


def heard(subscriber, run):
    """Topic and payload of what is heard of a run, but for what the bridge derives."""
    left_out = ("evidence", "frame", "command")
    found = [one for one in subscriber.received if one.topic.startswith(("monty/v1", "monty/raw")) and one.payload]
    return [
        (one.topic, one.payload)
        for one in found
        if (parsed := topics.parse(one.topic)).run == run and parsed.kind not in left_out
    ]


def test_the_demo_is_restored_to_the_last_byte_and_only_once(far_side):
    broker, bridge = far_side
    entries = list(Reader(recording_path()).entries())
    with Subscriber(broker.host, broker.port) as subscriber:
        first = restore_recording(recording_path(), bridge=BridgeAddress(port=bridge.zmq_port))
        subscriber.wait_for(lambda received: sum(one.topic.endswith("/end") for one in received) == 2)
        for restored in first:
            recorded = [(one.topic, one.payload) for one in entries if topics.parse(one.topic).run == restored.run]
            recorded = [one for one in recorded if topics.parse(one[0]).kind != "frame"]
            assert sorted(heard(subscriber, restored.run)) == sorted(recorded)
        assert [(one.already, one.missing, one.ended) for one in first] == [(0, 0, True)] * 2
        again = restore_recording(recording_path(), bridge=BridgeAddress(port=bridge.zmq_port))
        assert [(one.sent, one.already, one.missing) for one in again] == [(0, one.sent, 0) for one in first]
        retained = {one.topic: one.payload for one in subscriber.received}
    with Subscriber(broker.host, broker.port, "monty/v1/+/+/status") as late:
        late.wait_for(lambda received: len(received) == 2)
        for one in late.received:
            assert one.payload == retained[one.topic]
            assert message_of(one.topic, one.payload)[0].status == "completed"


def test_frames_are_shown_again(far_side):
    broker, bridge = far_side
    with Subscriber(broker.host, broker.port, "monty/raw/#") as subscriber:
        restore_recording(recording_path(), bridge=BridgeAddress(port=bridge.zmq_port))
        wanted = {one.topic for one in Reader(recording_path()).entries() if topics.parse(one.topic).kind == "frame"}
        subscriber.wait_for(lambda received: {one.topic for one in received if one.payload} >= wanted)


def test_what_the_bridge_said_itself_is_not_said_again(far_side, tmp_path):
    broker, bridge = far_side
    path = written(
        tmp_path / "some.mcap",
        [
            entry("info", 0, schema_version=1),
            entry("status", 1, status="running"),
            entry("metric", 2, name="loss", value=1),
            entry("status", 2, status="running", stalled=True),
            entry("status", 2, status="running"),
            entry("command_result", 2, worker="all", id="c", status="refused"),
            entry("command_result", 3, id="d", status="obeyed"),
            entry("status", 3, status="disconnected"),
        ],
    )
    with Subscriber(broker.host, broker.port, "monty/v1/r/#") as subscriber:
        (restored,) = restore_recording(path, bridge=BridgeAddress(port=bridge.zmq_port))
        subscriber.wait_for(lambda received: [one for one in received if one.topic.endswith("result")])
    assert (restored.worker, restored.sent, restored.already, restored.ended) == ("main", 4, 0, False)
    assert [schema.decode(payload).seq for _, payload in heard(subscriber, "r")] == [0, 1, 2, 3]


def test_a_recording_with_a_gap_and_one_begun_in_the_middle(far_side, tmp_path):
    broker, bridge = far_side
    seqs = [90, 100, 101, 105]  # the first was retained when the recording began
    path = written(tmp_path / "some.mcap", [entry("metric", seq, name="loss", value=1) for seq in seqs])
    with Subscriber(broker.host, broker.port, "monty/v1/r/main/metric/#") as subscriber:
        (restored,) = restore_recording(path, bridge=BridgeAddress(port=bridge.zmq_port))
        subscriber.wait_for(lambda received: len(received) == len(seqs))
    assert (restored.sent, restored.missing) == (4, 12)


def metrics(path, seqs):
    return written(path, [entry("metric", seq, name="loss", value=seq) for seq in seqs])


@pytest.mark.parametrize(
    "partial",
    [range(40, 60), [*range(5), *range(40, 60)], [0, *range(40, 60), *range(80, 100)], range(30)],
    ids=["begun in the middle", "with a gap", "with two gaps", "ended early"],
)
def test_what_a_partial_recording_lacks_comes_with_the_fuller_one(tmp_path, partial):
    lacking = set(range(100)) - set(partial)
    with Mosquitto(tmp_path / "state") as broker:
        config = msgspec.structs.replace(config_for(broker), journal=str(tmp_path / "bridge.sqlite"))
        with Bridge(config) as bridge:
            restore_recording(metrics(tmp_path / "partial.mcap", partial), bridge=BridgeAddress(port=bridge.zmq_port))
        metric_topics = (broker.host, broker.port, "monty/v1/r/main/metric/#")
        with Bridge(config) as bridge, Subscriber(*metric_topics) as subscriber:  # what is missing, its journal knows
            full = metrics(tmp_path / "full.mcap", range(100))
            restore_recording(full, bridge=BridgeAddress(port=bridge.zmq_port))
            subscriber.wait_for(lambda received: {schema.decode(one.payload).seq for one in received} >= lacking)
            (again,) = restore_recording(full, bridge=BridgeAddress(port=bridge.zmq_port))
            assert (again.sent, again.already, again.missing) == (0, 100, 0)


def test_a_run_that_lives_here_is_left_to_itself(far_side, tmp_path):
    _, bridge = far_side
    path = written(tmp_path / "some.mcap", [entry("metric", seq, run="live", name="a", value=1) for seq in range(9)])
    with ZmqBroadcaster(run_id="live", zmq_port=bridge.zmq_port, strict=True) as broadcaster:
        broadcaster.publish_metric("loss", 1)
        assert broadcaster.flush(5)
        with pytest.raises(ServiceError, match="live"):
            restore_recording(path, bridge=BridgeAddress(port=bridge.zmq_port))


def test_a_stop_is_obeyed(far_side):
    _, bridge = far_side
    stop = threading.Event()
    stop.set()
    (restored,) = restore_recording(recording_path(), bridge=BridgeAddress(port=bridge.zmq_port), stop=stop)
    assert restored.was_stopped


def test_an_empty_recording_is_one_clear_line(tmp_path):
    with pytest.raises(ConfigError, match="no message of a run in it"):
        restore_recording(written(tmp_path / "some.mcap", []), bridge=BridgeAddress())
