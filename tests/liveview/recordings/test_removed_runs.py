"""A run that was removed stays so, whatever the broker retains of it, until something new is published of it."""

from __future__ import annotations

import pytest
from kit.bridge import make
from kit.machine.child_process import until
from kit.mqtt_publisher import Client
from kit.page.page_service import Keeping

from monty_mqtt.wire import schema, topics
from monty_mqtt_core.reading.mqtt_client import MqttMessage
from monty_mqtt_core.recordings.part_files import directory_of
from monty_mqtt_liveview.recordings import removed_runs
from monty_mqtt_liveview.recordings.removed_runs import RemovedRuns
from monty_mqtt_liveview.recordings.retention import Retention
from monty_mqtt_stack.services.mosquitto import Mosquitto

LONG = "long " * 100
RUNS = ["over", "odd / ü\u2028#+", LONG]


def publish(broker, *messages, retain=False):
    with Client(broker.port, "bridge", broker.password("bridge")) as client:
        for message in messages:
            client.publish(topics.of_message(message).topic, schema.encode(message), retain=retain)


def heard_everything(broker, keeping, name):
    """Whatever is retained came before what is published now."""
    publish(broker, make(schema.Metric, 0, run=name))
    until(lambda: keeping.run(name))


@pytest.fixture
def broker(tmp_path):
    """A broker that retains of some runs how they ended."""
    with Mosquitto(tmp_path / "broker") as mosquitto:
        for run in RUNS:
            publish(
                mosquitto,
                make(schema.Info, 0, run=run),
                make(schema.Status, 1, run=run, status="completed"),
                retain=True,
            )
        yield mosquitto


def test_a_run_beyond_the_limits_is_not_listed_again(broker, tmp_path):
    with Keeping(broker, tmp_path) as keeping:
        until(lambda: all(keeping.run(run) for run in RUNS))
    for start in range(2):  # the second knows it from the first
        with Keeping(broker, tmp_path, Retention(most_bytes=1)) as keeping:
            until(lambda: not any(directory_of(keeping.recordings, run).exists() for run in RUNS))
            heard_everything(broker, keeping, f"barrier {start}")
            assert not any(map(keeping.run, RUNS))


def test_something_new_brings_it_back_for_good(broker, tmp_path):
    with Keeping(broker, tmp_path) as keeping:
        until(lambda: all(keeping.run(run) for run in RUNS))
    with Keeping(broker, tmp_path, Retention(most_bytes=1)) as keeping:
        until(lambda: not any(map(keeping.run, RUNS)))
        publish(broker, make(schema.Metric, 2, run=RUNS[1]))
        until(lambda: keeping.run(RUNS[1]))
    with Keeping(broker, tmp_path) as keeping:
        heard_everything(broker, keeping, "barrier")
        assert [bool(keeping.run(run)) for run in RUNS] == [False, True, False]


def arrived(run, *, retain=True, payload=b"{}", worker="main"):
    return MqttMessage(topics.build(run, worker, "status"), payload, retain)


def test_what_is_no_news_brings_nothing_back(tmp_path):
    gone = RemovedRuns(tmp_path / "removed")
    assert not gone.hides(arrived("a"))
    gone.add("a")
    for message in (arrived("a", retain=False, payload=b""), arrived("a", retain=False, worker=topics.ALL_WORKERS)):
        assert not gone.hides(message)
        assert gone.hides(arrived("a"))
    assert not gone.hides(MqttMessage("of/others", b"", retain=True))
    assert not gone.hides(arrived("a", retain=False))
    assert not gone.hides(arrived("a"))


def test_only_so_many_are_remembered(tmp_path, monkeypatch):
    monkeypatch.setattr(removed_runs, "_MOST", 3)
    gone = RemovedRuns(tmp_path / "removed")
    for name in "abcad":
        gone.add(name)
    again = RemovedRuns(tmp_path / "removed")
    again.load()
    for known in (gone, again):
        assert [known.hides(arrived(name)) for name in "abcd"] == [True, False, True, True]


def test_without_a_file_that_can_be_read_or_written_it_goes_on(tmp_path, caplog):
    (tmp_path / "removed").write_bytes(b"\xff")
    gone = RemovedRuns(tmp_path / "removed")
    gone.load()
    assert "cannot be read" in caplog.text
    gone = RemovedRuns(tmp_path / "no such directory" / "removed")
    gone.load()
    gone.add("a")
    assert "cannot be written" in caplog.text
    assert gone.hides(arrived("a"))
