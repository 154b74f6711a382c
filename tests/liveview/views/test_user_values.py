"""Metrics, data streams and state as they were published."""

from kit.page.page_state import START, head, of

from monty_mqtt.wire import schema
from monty_mqtt_liveview.views import data, metrics, state


def value(at, number, name="loss", worker="main", **more):
    return schema.Metric(**head(at, worker), name=name, value=number, **more)


def run_of(*messages):
    (run,) = of(messages)
    return run


def test_the_latest_of_each_metric():
    run = run_of(value(0, 1.5), value(1, 0.5), value(2, 7.0, "Reward", "other"))
    first, second = metrics(run)["metrics"]
    assert first == {
        "worker": "main",
        "name": "loss",
        "count": 2,
        "not_finite": {},
        "latest": 0.5,
        "latest_not_finite": None,
        "latest_unix_millis": START // 1_000_000 + 1000,
    }
    assert (second["worker"], second["name"], second["count"]) == ("other", "Reward", 1)


def test_metrics_by_worker_name_and_number():
    run = run_of(value(0, 1.0), value(1, 2.0, "Reward"), value(2, 3.0, worker="other"))
    assert [shown_metric["name"] for shown_metric in metrics(run, search="REW")["metrics"]] == ["Reward"]
    assert [shown_metric["worker"] for shown_metric in metrics(run, worker="other")["metrics"]] == ["other"]
    like = metrics(run, like=("R*", "l?ss", "*"))
    assert [shown_metric["name"] for shown_metric in like["metrics"]] == ["Reward", "loss", "loss"]
    assert metrics(run, like=("los",)) == {"count": 0, "metrics": []}
    page = metrics(run, first=1, most=1)
    assert (page["count"], [shown_metric["name"] for shown_metric in page["metrics"]]) == (3, ["Reward"])


def test_data_streams_as_they_are():
    hostile = {"run": None, "x": [1, "</script>"], "": True}
    run = run_of(
        schema.Data(**head(0), stream="s", data=hostile), schema.Data(**head(1, "other"), stream="a/b", data=3)
    )
    assert [(stream["worker"], stream["stream"], stream["data"]) for stream in data(run)] == [
        ("main", "s", hostile),
        ("other", "a/b", 3),
    ]
    assert [stream["stream"] for stream in data(run, "other")] == ["a/b"]


def test_the_state_of_each_worker():
    run = run_of(
        schema.State(**head(0), state={"phase": "warm-up"}),
        schema.State(**head(1), state={"phase": "x", "rate": 0.1}),
        schema.State(**head(2, "other"), state={}),
    )
    assert state(run) == {"main": {"phase": "x", "rate": 0.1}, "other": {}}
    assert state(run, "other") == {"other": {}}
