"""What becomes of each message, one by one."""

from __future__ import annotations

import pytest
from kit.bridge import make

from monty_mqtt.wire import schema, topics
from monty_mqtt_core.reading.mqtt_client import MqttMessage
from monty_mqtt_core.recordings.part_files import Recording
from monty_mqtt_liveview.intake.sorting import Sorting
from monty_mqtt_liveview.recordings.payload_cache import PayloadCache
from monty_mqtt_liveview.recordings.recorder import Recorder
from monty_mqtt_liveview.recordings.run_recordings import RunRecordings


class Taken:
    """An intake with all that it needs."""

    def __init__(self, recordings):
        self.recordings = recordings
        self.recorder = Recorder(recordings.started)
        self.cache = PayloadCache()
        self.intake = Sorting(recordings, self.recorder, self.cache)

    def take(self, message, *, retain=False, payload=None):
        payload = schema.encode(message) if payload is None else payload
        return self.intake.take(MqttMessage(topics.of_message(message).topic, payload, retain))

    def recorded(self, run="run"):
        self.recorder.flush()
        return [entry.seq for entry in Recording(self.recordings.of(run).directory).entries()]


@pytest.fixture
def taken(tmp_path):
    with RunRecordings(tmp_path / "recordings") as recordings:
        sorted_out = Taken(recordings)
        yield sorted_out
        sorted_out.recorder.close()


def metric(seq, **fields):
    return make(schema.Metric, seq, **fields)


def test_what_is_new_is_shown_and_recorded_and_what_was_heard_is_neither(taken):
    messages = [metric(seq) for seq in range(3)]
    assert [taken.take(message) for message in [*messages, *messages]] == [*messages, None, None, None]
    assert taken.recorded() == [0, 1, 2]
    assert (taken.intake.counts.recorded, taken.intake.counts.repeated) == (3, 3)


def test_what_is_retained_of_a_run_that_is_over_is_shown_too(taken):
    status = make(schema.Status, 9, status="completed")
    assert taken.take(status, retain=True) == status
    assert taken.take(status, retain=True) is None
    assert taken.intake.heard["run"].missing == 0
    assert taken.recorded() == [9]


def test_a_run_that_was_not_read_yet_is_recorded_and_not_shown(taken):
    recording = taken.recordings.of("run")
    recording.was_read = False
    assert taken.take(metric(0)) is None
    assert taken.intake.wanted == {recording}
    assert taken.take(make(schema.Info, 0), retain=True) is None
    assert taken.intake.has_held_back
    assert taken.recorded() == [0]


def test_what_the_bridge_says_of_all_workers_makes_no_worker(taken):
    answer = make(schema.CommandResult, 0, worker="all", id="c", status="obeyed")
    assert taken.take(answer) is None
    assert taken.intake.forgotten == []
    taken.take(make(schema.Status, 1, status="completed"), payload=b"", retain=True)
    refused = make(schema.CommandResult, 0, worker="all", id="d", status="refused")
    assert taken.take(refused) is None
    assert taken.intake.forgotten == []
    assert taken.take(make(schema.CommandResult, 0, worker="all", id="e", status="obeyed")) is None
    assert taken.intake.forgotten == ["run"]


def test_of_frames_clouds_and_models_the_newest_payloads_are_at_hand(taken):
    cloud = make(schema.Hypotheses, 3, learning_module="lm", episode=0, step=0, objects=[], count=0, total=0)
    assert taken.take(cloud) == cloud
    assert taken.cache.get((topics.of_message(cloud).topic, cloud.time_unix_nanos)) == schema.encode(cloud)
    taken.take(metric(0))
    assert taken.cache.get((topics.of_message(metric(0)).topic, metric(0).time_unix_nanos)) is None


def test_a_message_on_the_topic_of_another_is_none(taken, caplog):
    for wrong in (metric(0, run="other"), metric(0, worker="other"), make(schema.Step, 0)):
        assert taken.take(metric(0), payload=schema.encode(wrong)) is None
    assert taken.intake.counts.unreadable == 3
    assert len(caplog.messages) == 1


def test_payloads_not_used_for_longest_give_way():
    cache = PayloadCache(10_000)
    for number in range(20):
        cache.put(("topic", number), bytes(1000))
        assert cache.get(("topic", 0)) is not None
    kept = [number for number in range(20) if cache.get(("topic", number)) is not None]
    assert kept == [0, *range(20 - len(kept) + 1, 20)]
    assert 5 <= len(kept) <= 10
    cache.put(("topic", 0), b"short")
    cache.put(("large", 0), bytes(20_000))
    assert cache.get(("large", 0)) is None
