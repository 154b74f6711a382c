"""The walking skeleton of history: what an experiment sent, in InfluxDB, to the nanosecond and the bit."""

from __future__ import annotations

import pytest
from bridge_fixtures import Dealer
from history import Chain, bits
from line_parser import Point, parse
from stack_process import until

from monty_mqtt import schema, topics
from monty_mqtt_bridge.line_protocol import Misfits, key
from monty_mqtt_bridge.lines import lines_of
from monty_mqtt_stack.demo_recording import recording_path
from monty_mqtt_stack.influxdb import LOGS
from monty_mqtt_stack.payloads import message_of
from monty_mqtt_stack.recording_file import Reader
from monty_mqtt_stack.restore_recording import restore_recording

pytest_plugins = ["history"]

SENT = ("step", "evidence", "episode", "metric", "event", "progress", "status")


def canonical(points):
    """Points as they can be compared: each field by its bits, in order."""
    return sorted(
        (one.measurement, sorted(one.tags.items()), one.time, sorted((name, bits(v)) for name, v in one.fields.items()))
        for one in points
    )


@pytest.fixture(scope="module")
def messages():
    """What the committed recording says was sent."""
    found = []
    for entry in Reader(recording_path()).entries():
        if topics.parse(entry.topic).kind in ("evidence", "frame", "model"):
            continue
        found.append(message_of(entry.topic, entry.payload)[0])
    return [one for one in found if isinstance(one, schema.Message)]


def expected(messages):
    """The points that the messages should become, by measurement."""
    experiments = {one.run: one.experiment for one in messages if isinstance(one, schema.Info)}
    lines = [line for one in messages for line in lines_of(one, experiments.get(one.run), Misfits())]
    points = {}
    for point in parse("".join(f"{line}\n" for line in lines).encode()):
        points.setdefault(point.measurement, []).append(point)
    return points


def test_the_recorded_demo_is_stored_exactly_and_sending_it_again_changes_nothing(chain: Chain, messages):
    wanted = expected(messages)
    assert {"step", "evidence", "episode"} <= set(wanted)
    restore_recording(recording_path(), zmq_port=chain.zmq_port)
    for _ in range(2):
        until(lambda: all(len(chain.points(name)) >= len(points) for name, points in wanted.items() if name in SENT))
        for name, points in wanted.items():
            stored = [one for one in chain.points(name, LOGS if name == "log" else "monty") if by_worker(one)]
            assert canonical(stored) == canonical(points), name
        statuses = {one.tags["run"]: one.fields["status"] for one in chain.points("status") if by_worker(one)}
        # Once more, as a bridge hears it that has forgotten all: the points themselves come again.
        chain.kill("bridge")
        for file in (chain.state.path / "journal").iterdir():
            file.unlink()
        chain.start("bridge")
        restore_recording(recording_path(), zmq_port=chain.zmq_port)
    assert set(statuses.values()) == {"completed"}
    assert chain.telegraf_counts() == {"dropped": 0, "rejected": 0}


def by_worker(point: Point) -> bool:
    """Whether a worker's message became it, and not what the bridge says of its own accord."""
    return point.tags.get("name") != "bridge" or point.measurement != "status"


def test_every_evidence_value_episode_and_metric_is_what_was_sent(chain: Chain, messages):
    """Without `lines`: the messages themselves against what InfluxDB says."""
    evidence = {
        (one.tags["run"], one.tags["worker"], one.tags["learning_module"], one.time): one.fields
        for one in chain.points("evidence")
    }
    steps = [one for one in messages if isinstance(one, schema.Step)]
    assert steps
    for step in steps:
        for name, module in step.learning_modules.items():
            if module.evidence:
                stored = evidence.pop((step.run, step.worker, name, step.time_unix_nanos))
                sent = {key(one): value for one, value in module.evidence.items() if value is not None}
                assert {one: bits(value) for one, value in stored.items()} == {
                    one: bits(value) for one, value in sent.items()
                }
    assert evidence == {}
    ended = {
        (one.run, one.worker, one.time_unix_nanos): one for one in messages if isinstance(one, schema.EpisodeEnded)
    }
    stored = [one for one in chain.points("episode") if "learning_module" not in one.tags]
    assert len(stored) == len(ended) > 0
    for point in stored:
        sent = ended[point.tags["run"], point.tags["worker"], point.time]
        assert (point.fields.get("outcome"), point.fields["steps"]) == (sent.outcome, sent.steps)
        assert point.tags["mode"] == sent.mode


def test_two_runs_in_the_same_nanosecond_keep_both_points(chain: Chain):
    stamp = 1_795_000_000_123_456_789
    for number, run in enumerate(("one", "two")):
        with Dealer(chain.zmq_port, run) as dealer:
            dealer.hello()
            dealer.send(schema.Metric, 0, name="same_time", value=float(number), time_unix_nanos=stamp)
            dealer.acked(1)

    def stored():
        return {
            (one.tags["run"], one.fields["value"], one.time)
            for one in chain.points("metric")
            if one.tags["name"] == "same_time"
        }

    until(lambda: len(stored()) == 2)
    assert stored() == {("one", 0.0, stamp), ("two", 1.0, stamp)}
