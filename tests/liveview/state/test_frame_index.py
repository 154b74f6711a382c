"""When there was a frame, a cloud or a model."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from kit.page.page_state import START, demo, demo_messages, head

from monty_mqtt.wire import schema
from monty_mqtt_liveview.state import frame_index
from monty_mqtt_liveview.state.frame_index import FrameIndex, FrameTimes, bulk_key


def test_every_frame_cloud_and_model_of_the_demo_is_found():
    published = {}
    for message in demo_messages():
        if bulk_key(message) is not None:
            published.setdefault((message.run, *bulk_key(message)), []).append(message)
    indexes = {(run.name, *key): index for run in demo() for key, index in run.workers["main"].bulk.items()}
    assert indexes.keys() == published.keys()
    for key, messages in published.items():
        assert indexes[key].count == len(messages)
        assert indexes[key].times.tolist() == sorted(message.time_unix_nanos for message in messages)
        for message in messages:
            time, episode, step = indexes[key].entry(indexes[key].at(message.time_unix_nanos))
            assert (time, episode, step) == (message.time_unix_nanos, message.episode, getattr(message, "step", -1))


def test_keys_say_what_it_is():
    frame = schema.Frame(**head(0), sensor="p", modality="rgba", episode=0, step=0, height=1, width=1)
    cloud = schema.Hypotheses(**head(0), learning_module="LM", episode=0, step=0)
    model = schema.ObjectModel(**head(0), learning_module="LM", object="mug", count=1)
    keys = [bulk_key(message) for message in (frame, cloud, model, schema.Log(**head(0), level="info", message=""))]
    assert keys == [("frame", "p", "rgba"), ("hypotheses", "LM"), ("object_model", "LM", "mug"), None]


def test_the_newest_that_is_not_later():
    index = FrameTimes()
    for time in (30, 10, 20):
        index.note(time, time, 0, 1)
    assert [index.at(time) for time in (9, 10, 19, 20, 100)] == [None, 0, 0, 1, 2]
    assert index.entry(index.latest()) == (30, 30, 0)
    assert (index.episodes.tolist(), index.steps.tolist()) == ([10, 20, 30], [0, 0, 0])
    assert FrameTimes().latest() is None
    assert FrameTimes().at(5) is None


@given(st.lists(st.integers(0, 50)), st.integers(-1, 60))
def test_in_whatever_order_they_come(times, asked):
    index = FrameTimes()
    for time in times:
        index.note(time, 0, 0, 1)
    place = index.at(asked)
    earlier = [time for time in times if time <= asked]
    assert (None if place is None else index.entry(place)[0]) == max(earlier, default=None)


def test_of_very_many_the_older_ones_are_thinned_out(monkeypatch):
    monkeypatch.setattr(frame_index, "_MOST_TIMES", 100)
    index = FrameTimes()
    for time in range(1000):
        index.note(time, time, 0, 1)
    assert index.count <= 101
    assert index.entry(index.latest())[0] == 999
    assert (np.diff(index.times) > 0).all()
    assert index.times[0] == 0


def test_more_kinds_than_fit_are_left_out(monkeypatch):
    monkeypatch.setattr(frame_index, "_MOST_KEYS", 3)
    every = FrameIndex()
    for number in range(5):
        every.note(schema.Hypotheses(**head(number), learning_module=f"LM {number}", episode=0, step=0), number)
    assert len(every) == 3


def test_numbers_beyond_all_bounds():
    index = FrameTimes()
    index.note(START, 2**50, -(2**50), 1)
    assert index.entry(0) == (START, 2**31 - 1, -1)
