"""What of a run's messages is worth a notification, and what is not."""

from __future__ import annotations

import pytest

from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.message_pieces import ModeProgress, SensorModuleInfo, Target
from monty_mqtt_core.reading.mqtt_client import MqttMessage
from monty_mqtt_stack.notify.occasions import Occasions

NOW = 1_790_000_000_000_000_000
SENSOR = SensorModuleInfo(sensor_module="patch", class_name="a.b.Camera")


def arrived(kind, seq=0, *, worker="main", is_retained=False, **fields):
    message = kind(run="run", worker=worker, seq=seq, time_unix_nanos=NOW + seq, **fields)
    return MqttMessage(topics.of_message(message).topic, schema.encode(message), is_retained)


def status(word, seq=1, **fields):
    return arrived(schema.Status, seq, status=word, **fields)


def ended(episode, outcome, mode="eval", seq=1):
    fields = {"mode": mode, "epoch": 0, "episode": episode, "outcome": outcome, "steps": 7}
    return arrived(schema.EpisodeEnded, seq, target=Target(object="mug"), **fields)


def found(*messages):
    occasions = Occasions()
    last = []
    for message in messages:
        last = occasions.apply(message)
    assert occasions.all == last
    return {occasion.word: occasion.detail for occasion in last}


@pytest.mark.parametrize("word", ["initializing", "running", "paused", "aborting", "aborted"])
def test_what_is_under_way_and_what_the_user_asked_for_is_no_news(word):
    assert found(status(word)) == {}


def test_an_error_is_told_with_its_words():
    assert found(status("error", error_type="ValueError", error_message="no mug")) == {"failed": "ValueError: no mug"}


def test_the_end_is_told_with_the_outcomes():
    progress = arrived(
        schema.Progress, mode="eval", episodes_done=3,
        modes={"eval": ModeProgress(episodes_done=3, outcomes={"correct": 3})},
    )  # fmt: skip
    assert found(progress, status("completed")) == {"finished": "3 episodes; eval: 3 correct"}


def test_the_bridges_words_stalled_and_disconnected_are_told():
    assert list(found(status("running", stalled=True))) == ["stalled"]
    assert list(found(status("running", stalled=True), status("running", 2))) == []
    assert list(found(status("disconnected", stalled=True))) == ["disconnected"]


def test_the_first_failed_episode_is_told_once_with_its_outcome():
    first, second = ended(1, "confused", seq=2), ended(2, "time_out", seq=3)
    told = {"first failed episode": "eval episode 1: confused, target mug, 7 steps"}
    assert found(status("running"), ended(0, "correct"), first, second) == told


@pytest.mark.parametrize(
    ("mode", "outcome", "is_failure"),
    [
        ("eval", "correct_mlh", False),
        ("eval", None, False),
        ("eval", "no_match", True),
        ("train", "no_match", False),
        ("train", "confused_mlh", True),
    ],
)
def test_an_object_that_is_new_while_learning_is_no_failure(mode, outcome, is_failure):
    assert bool(found(status("running"), ended(0, outcome, mode))) == is_failure


def test_what_failed_while_nobody_listened_is_known_from_the_retained_sum():
    sums = {"eval": ModeProgress(episodes_done=2, outcomes={"correct": 1, "confused": 1})}
    told = {"first failed episode": "eval: 1 correct, 1 confused"}
    assert found(arrived(schema.Progress, mode="eval", modes=sums, is_retained=True)) == told
    assert found(arrived(schema.Progress, mode="eval", modes=sums)) == {}


def test_of_a_parallel_run_the_parent_says_how_it_ended_and_a_worker_that_it_is_stalled():
    parent = arrived(schema.Info, schema_version=1, experiment_class="a.b.Mine")
    child = arrived(schema.Info, worker="w0", schema_version=1, experiment_class="a.b.Mine", sensor_modules=[SENSOR])
    running = arrived(schema.Status, 1, status="running")
    child_ended = arrived(schema.Status, 1, worker="w0", status="completed")
    child_stalls = arrived(schema.Status, 1, worker="w1", status="running", stalled=True)
    assert found(parent, child, running, child_ended) == {}
    assert list(found(parent, child, running, child_ended, child_stalls)) == ["stalled"]
    assert list(found(parent, child, running, child_stalls, status("completed", 2))) == ["finished"]


def test_without_a_parent_all_workers_must_have_ended():
    other = arrived(schema.Status, 1, worker="other", status="running")
    assert found(other, status("completed")) == {}
    assert list(found(other, status("error"))) == ["failed"]


def test_a_run_that_is_forgotten_is_forgotten():
    occasions = Occasions()
    occasions.apply(status("completed"))
    occasions.apply(ended(0, "confused"))
    occasions.apply(MqttMessage("monty/v1/run/main/status", b"", False))  # noqa: FBT003
    assert occasions.all == []


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("monty/v1/run/main/status", b"{"),
        ("monty/v1/run/main/status", b'{"kind":"status"}'),
        ("monty/v1/%zz/main/status", b""),
        ("monty/v1/status", b""),
        ("elsewhere", b"1"),
    ],
)
def test_what_is_no_message_is_passed_over(topic, payload):
    assert Occasions().apply(MqttMessage(topic, payload, False)) == []  # noqa: FBT003
