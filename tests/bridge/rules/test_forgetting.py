"""Runs that are forgotten: on command, and when they are long over; at a real broker, by a real bridge."""

from __future__ import annotations

import itertools
import time

import pytest
from kit.bridge import Dealer, config_for, make
from kit.mqtt_publisher import Client
from kit.mqtt_subscriber import Subscriber

from monty_mqtt.wire import schema, topics
from monty_mqtt_bridge.bridge import Bridge
from monty_mqtt_bridge.journal import feeder
from monty_mqtt_bridge.rules.forgetting import ClearedRun, Forgetting
from monty_mqtt_core.reading.mqtt_client import MqttMessage
from monty_mqtt_stack.services.mosquitto import Mosquitto

DAY_NANOS = 86_400 * 10**9
_ids = itertools.count()


@pytest.fixture(autouse=True)
def _rows_leave_at_once(monkeypatch):
    """A run is not cleared while the journal may publish it again."""
    monkeypatch.setattr(feeder, "_KEPT_SECS", 0.3)


@pytest.fixture
def run():
    return f"run {next(_ids)} of a/b+#"


def retained(broker, run=None):
    """What a new subscriber is told at once, by topic; of one run or of all."""
    level = "+" if run is None else topics.escape(run)
    kept = {}
    for prefix in (topics.JSON_PREFIX, topics.RAW_PREFIX):
        with Subscriber(broker.host, broker.port, f"{prefix}/{level}/#") as subscriber, as_bridge(broker) as bridge:
            behind = topics.build(run or "any", "main", "metric", "behind")
            if prefix == topics.RAW_PREFIX:
                behind = topics.build(run or "any", "main", "object_model", "behind", "behind")
            bridge.publish(behind)
            subscriber.wait_for(
                lambda received, behind=behind: [message for message in received if message.topic == behind]
            )
            kept.update({message.topic: message.payload for message in subscriber.received if message.retain})
    return kept


def as_bridge(broker):
    return Client(broker.port, "bridge", broker.password("bridge"))


def publish_run(port, run, *, end="completed", worker="main"):
    """A worker with every kind that is retained."""
    with Dealer(port, run, worker, started_unix_nanos=time.time_ns()) as dealer:
        dealer.hello()
        dealer.send(schema.Info, 0)
        dealer.send(schema.Status, 1)
        dealer.send(schema.Progress, 2)
        dealer.send(schema.State, 3, state={"note": 1})
        dealer.send(schema.ObjectModel, 4, [bytes(12)], learning_module="lm", object="mug", count=1)
        picture = {"sensor": "patch", "modality": "rgba", "episode": 0, "step": 0, "height": 8, "width": 8}
        dealer.send(schema.Frame, 0, [bytes(8 * 8 * 4)], **picture, total_step=0)
        if end:
            dealer.send(schema.Status, 5, status=end)
            dealer.send(schema.End, 6, status=end)
        dealer.acked(7 if end else 5)


def kinds(kept):
    return sorted(topics.parse(topic).kind for topic in kept)


EVERYTHING = ["frame", "info", "object_model", "progress", "state", "status"]


def wait_until_retained(broker, run, wanted=EVERYTHING):
    """The last of it may still be on its way to the broker."""
    deadline = time.monotonic() + 10
    while kinds(kept := retained(broker, run)) != sorted(wanted):
        assert time.monotonic() < deadline, kinds(kept)


def forget(broker, run, *, worker="all", command_id="f-1"):
    """Ask to forget it; return the answer."""
    command = schema.Command(id=command_id, command="forget", issued_unix_nanos=time.time_ns())
    with Subscriber(broker.host, broker.port, topics.build(run, worker, "command_result")) as subscriber:
        with Client(broker.port, "control", broker.password("control")) as control:
            control.publish(topics.build(run, worker, "command"), schema.encode(command))
        return subscriber.wait_for(lambda _: subscriber.messages(schema.CommandResult), 20)[0]


def test_a_forgotten_run_leaves_nothing_at_the_broker(broker, bridge, run):
    for name in (run, f"{run} and more"):
        publish_run(bridge.zmq_port, name)
        wait_until_retained(broker, name)
    answer = forget(broker, run)
    assert (answer.status, answer.detail) == ("obeyed", "6 retained topics cleared")
    assert retained(broker, run) == {}
    assert kinds(retained(broker, f"{run} and more")) == EVERYTHING


def test_a_name_of_a_forgotten_run_is_free_again(broker, bridge, run):
    for _ in range(2):
        publish_run(bridge.zmq_port, run)
    wait_until_retained(broker, run, EVERYTHING * 2)
    assert forget(broker, run).detail == "12 retained topics cleared"
    publish_run(bridge.zmq_port, run)
    wait_until_retained(broker, run)
    assert {topics.parse(topic).worker for topic in retained(broker, run)} == {"main"}


def test_it_stays_forgotten_when_the_broker_and_the_bridge_come_back(tmp_path, run):
    with Mosquitto(tmp_path / "state") as broker:
        settings = {"journal": str(tmp_path / "journal.sqlite")}
        with Bridge(config_for(broker, **settings)) as bridge:
            publish_run(bridge.zmq_port, run)
            wait_until_retained(broker, run)
            assert forget(broker, run).status == "obeyed"
        with Bridge(config_for(broker, **settings)) as bridge:
            publish_run(bridge.zmq_port, "another")
            wait_until_retained(broker, "another")
            assert retained(broker, run) == {}


def test_a_run_with_a_worker_that_lives_is_not_forgotten(broker, bridge, run):
    publish_run(bridge.zmq_port, run, worker="over")
    with Dealer(bridge.zmq_port, run, "alive") as dealer:
        dealer.hello()
        dealer.send(schema.Status, 0)
        dealer.acked(1)
        answer = forget(broker, run)
        assert answer.status == "refused"
        assert "the run is not over: alive" in answer.detail
    assert "status" in kinds(retained(broker, run))


@pytest.mark.usefixtures("bridge")
def test_a_live_run_of_another_bridge_is_not_forgotten(broker, run):
    status = make(schema.Status, 1, run=run, worker="elsewhere")
    with as_bridge(broker) as client:
        client.publish(topics.of_message(status).topic, schema.encode(status), retain=True)
    answer = forget(broker, run)
    assert (answer.status, answer.detail) == ("refused", "it is not over: elsewhere lives")
    assert kinds(retained(broker, run)) == ["status"]


@pytest.mark.usefixtures("bridge")
def test_one_worker_is_not_forgotten_alone(broker, run):
    answer = forget(broker, run, worker="main")
    assert (answer.status, answer.detail) == ("refused", "a run is forgotten as a whole: send it to 'all'")


@pytest.mark.usefixtures("bridge")
def test_a_run_of_which_nothing_is_retained_is_forgotten_all_the_same(broker, run):
    assert forget(broker, run).detail == "0 retained topics cleared"


def test_runs_that_are_long_over_are_cleared_at_the_start(tmp_path):
    now = time.time_ns()
    ages = {"old": 31, "young": 29, "old but live": 31, "old, one worker young": 31}
    with Mosquitto(tmp_path / "state") as broker:
        with as_bridge(broker) as client:
            for name, days in ages.items():
                word = "running" if "live" in name else "completed"
                for kind, fields in ((schema.Info, {}), (schema.Status, {"status": word})):
                    message = make(kind, 1, run=name, time_unix_nanos=now - days * DAY_NANOS, **fields)
                    client.publish(topics.of_message(message).topic, schema.encode(message), retain=True)
            young = make(
                schema.Status, 1, run="old, one worker young", worker="w", time_unix_nanos=now, status="aborted"
            )
            client.publish(topics.of_message(young).topic, schema.encode(young), retain=True)
        with Bridge(config_for(broker)), Subscriber(broker.host, broker.port, "monty/v1/old/#") as subscriber:
            subscriber.wait_for(
                lambda received: {message.topic for message in received if not message.payload} >= emptied("old")
            )
        kept = {topics.parse(topic).run for topic in retained(broker)}
        assert kept == {"young", "old but live", "old, one worker young"}


def emptied(run):
    return {topics.build(run, "main", kind) for kind in ("info", "status")}


def test_nothing_is_cleared_where_the_setting_says_so(tmp_path):
    message = make(schema.Status, 1, run="old", time_unix_nanos=0, status="completed")
    with Mosquitto(tmp_path / "state") as broker:
        with as_bridge(broker) as client:
            client.publish(topics.of_message(message).topic, schema.encode(message), retain=True)
        with Bridge(config_for(broker, keep_retained_days=0)) as bridge:
            publish_run(bridge.zmq_port, "new")
            wait_until_retained(broker, "new")
            assert kinds(retained(broker, "old")) == ["status"]


class Silent:
    """A way to a broker that never answers."""

    online = True

    def __init__(self):
        self.asked, self.taken_back, self.published = [], [], []

    def subscribe(self, topic_filter):
        self.asked.append(topic_filter)

    def unsubscribe(self, topic_filter):
        self.taken_back.append(topic_filter)

    def put(self, outgoing):
        self.published.append(outgoing)


def test_a_broker_that_does_not_answer_is_asked_three_times():
    now, line = 0.0, Silent()
    forgetting = Forgetting("bridge", 0, lambda: now, lambda: 0)
    forgetting.ask("r", "c-1")
    cleared = []
    while not cleared and now < 100:
        cleared += forgetting.turn(line, lambda _: False, lambda _: False)
        now += 0.5
    assert cleared == [ClearedRun("r", "c-1", refusal="the broker does not send what it retains")]
    assert 30 <= now < 35
    assert line.asked == line.taken_back
    assert len(set(line.published)) == 3
    assert all(outgoing.payload for outgoing in line.published)


def test_what_other_subscriptions_bring_is_left_alone():
    """Clearing it would take away another run's topics."""
    now, line = 0.0, Silent()
    forgetting = Forgetting("bridge", 0, lambda: now, lambda: 0)
    forgetting.ask("r")
    list(forgetting.turn(line, lambda _: False, lambda _: False))
    for run, retain in (("r", True), ("r2", True), ("r", False)):
        status = make(schema.Status, 1, run=run, status="completed")
        forgetting.heard(MqttMessage(topics.of_message(status).topic, schema.encode(status), retain))
    assert forgetting.heard(MqttMessage(line.published[0].topic, line.published[0].payload, retain=False))
    now = 1.0
    (cleared,) = forgetting.turn(line, lambda _: False, lambda _: False)
    assert cleared == ClearedRun("r", "", 1)
    assert [(outgoing.topic, outgoing.payload) for outgoing in line.published[1:]] == [("monty/v1/r/main/status", b"")]


def test_a_run_that_is_busy_waits_and_holds_up_no_other():
    now, line = 0.0, Silent()
    forgetting = Forgetting("bridge", 0, lambda: now, lambda: 0)
    forgetting.ask("busy")
    forgetting.ask("over")
    list(forgetting.turn(line, lambda _: False, lambda run: run == "busy"))
    assert line.asked[0] == "monty/v1/over/+/info"
