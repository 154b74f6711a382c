"""Data streams and state: the latest value of each."""

from kit.page.page_state import head

from monty_mqtt.wire import schema
from monty_mqtt_liveview.state import latest_values
from monty_mqtt_liveview.state.latest_values import LatestValues


def data(at, value, stream="s", worker="main"):
    return schema.Data(**head(at, worker), stream=stream, data=value)


def kept_of(*messages):
    latest = LatestValues()
    for number, message in enumerate(messages):
        latest.keep(message, number + 1)
    return latest


def test_the_latest_is_kept_as_it_is():
    latest = kept_of(data(0, {"a": 1}), data(1, [None, "two"]), data(2, "x", worker="other"))
    assert {key: kept.value for key, kept in latest.items()} == {("main", "s"): [None, "two"], ("other", "s"): "x"}
    assert latest.revision == 3


def test_what_comes_late_does_not_replace_it():
    assert kept_of(data(5, "new"), data(1, "old"))["main", "s"].value == "new"


def test_a_state_is_kept_by_worker():
    latest = kept_of(schema.State(**head(0), state={"a": 1}), schema.State(**head(1), state={"a": 2, "b": 3}))
    assert latest["main", ""].value == {"a": 2, "b": 3}


def test_a_very_large_value_is_only_said_to_be_large():
    latest = kept_of(data(0, "x" * 2_000_000))
    assert latest["main", "s"].value == {"left_out_bytes": 2_000_002}


def test_many_large_values_do_not_take_all_memory():
    latest = kept_of(*(data(number, "x" * 900_000, f"s{number}") for number in range(100)))
    assert sum(kept.size_bytes for kept in latest.values()) <= 32_000_000
    latest.keep(data(200, "small", "s0"), 200)
    assert latest["main", "s0"].value == "small"


def test_more_streams_than_fit_are_counted(monkeypatch):
    monkeypatch.setattr(latest_values, "_MOST_STREAMS", 2)
    latest = kept_of(*(data(number, 1, f"s{number}") for number in range(5)))
    assert (len(latest), latest.left_out) == (2, 3)
