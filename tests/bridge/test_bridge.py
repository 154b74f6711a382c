"""The whole bridge between a DEALER that speaks the protocol and a real Mosquitto."""

from __future__ import annotations

import io
import itertools
import json
import time

import paho.mqtt.client as mqtt
import pytest
from kit.bridge import Dealer, as_published, config_for, make
from kit.history.line_parser import parse
from kit.messages.message_examples import EXAMPLES
from kit.mqtt_subscriber import Subscriber
from paho.mqtt.enums import CallbackAPIVersion
from PIL import Image

from monty_mqtt.wire import schema, topics, zmq_protocol
from monty_mqtt.wire.vocabulary import STATUS_CODES
from monty_mqtt_bridge.bridge import Bridge
from monty_mqtt_stack.services.mosquitto import Mosquitto

_runs = itertools.count()
WEIRD = ["a/b", "+", "#", "%2F", "two words", 'quo"te', "new\nline", "🤖", "x" * 300, ".", ""]


@pytest.fixture
def dealer(bridge):
    with Dealer(bridge.zmq_port, run=f"run-{next(_runs)}") as connected:
        connected.hello()
        yield connected


def on(topic):
    """Return a condition: a message arrived on this topic; it returns the last one."""
    return lambda received: next((message for message in reversed(received) if message.topic == topic), None)


def retained(broker, topic):
    with Subscriber(broker.host, broker.port, topic) as late:
        return late.wait_for(on(topic))


def test_every_kind_arrives_on_its_topic_as_it_was_said(bridge, dealer, subscriber):
    seqs = itertools.count()
    sent = []
    for kind in sorted(set(schema.KINDS) - {"frame", "hypotheses", "object_model", "image", "points", "end"}):
        fields = {name: getattr(EXAMPLES[kind], name) for name in schema.KINDS[kind].__struct_fields__}
        fields = {name: value for name, value in fields.items() if name not in schema.Message.__struct_fields__}
        sent.append(dealer.send(schema.KINDS[kind], next(seqs), **fields))
    sent.append(dealer.send(schema.End, next(seqs), status=EXAMPLES["status"].status))
    dealer.acked(len(sent))
    experiment = EXAMPLES["info"].experiment
    for message in (as_published(sent_message, bridge._config.bridge_id, experiment) for sent_message in sent):
        topic, qos, retain = topics.of_message(message)
        received = subscriber.wait_for(on(topic))
        assert received.payload == schema.encode(message)
        assert received.qos == qos
        if retain:
            assert retained_is(subscriber, topic, message)
    assert subscriber.seqs()[dealer.run, "main"] == list(range(len(sent)))


def retained_is(subscriber, topic, message) -> bool:
    with Subscriber(subscriber._host, subscriber._port, topic) as late:
        return late.wait_for(on(topic)).payload == schema.encode(message)


def test_frames_arrive_as_images_and_stay(broker, dealer, subscriber):
    size = {"episode": 0, "step": 7, "height": 16, "width": 16}
    dealer.send(schema.Frame, 0, [bytes(1024)], sensor="patch", modality="rgba", **size)
    dealer.send(schema.Frame, 1, [bytes(1024)], sensor="patch", modality="depth", **size)
    for modality, kind in (("rgba", "JPEG"), ("depth", "PNG")):
        topic = f"monty/raw/v1/{dealer.run}/main/frame/patch/{modality}"
        subscriber.wait_for(on(topic))
        assert Image.open(io.BytesIO(retained(broker, topic).payload)).format == kind
    assert dealer.wait_for(zmq_protocol.Ack, lambda ack: ack.bulk_next == 2)


def test_statuses_and_frames_tell_influxdb_where_the_page_has_them(dealer, subscriber):
    dealer.send(schema.Status, 0, status="completed")
    size = {"episode": 0, "step": 7, "height": 1, "width": 1}
    for seq in range(3):
        dealer.send(schema.Frame, seq, [bytes(4)], sensor="patch", modality="rgba", **size)
    dealer.wait_for(zmq_protocol.Ack, lambda ack: ack.bulk_next == 3)
    topic = topics.influx_topic(dealer.run)

    def points_of(measurement, got):
        points = [point for message in got if message.topic == topic for point in parse(message.payload)]
        return [point for point in points if point.measurement == measurement]

    subscriber.wait_for(lambda got: points_of("frame", got) and points_of("status", got))
    (frame,) = points_of("frame", subscriber.received)
    page = points_of("status", subscriber.received)[0].fields["page_url"]
    assert page == f"http://127.0.0.1:8000/run/{dealer.run}"
    assert frame.fields["rgba_url"].startswith(f"{page}/latest/patch/rgba?worker=main&serial=")


def test_lines_arrive_in_batches_that_read_back(dealer, subscriber):
    dealer.send(schema.Info, 0, experiment="exp eriment")
    modules = {f"LM_{n}": schema.LearningModuleStep(evidence={"mug": 1.0}) for n in range(5)}
    for seq in range(1, 101):
        dealer.send(schema.Step, seq, learning_modules=modules)
    dealer.send(schema.End, 101)
    dealer.acked(102)
    topic = topics.influx_topic(dealer.run)

    def batches(received):
        return [parse(message.payload) for message in received if message.topic == topic]

    def points_of_steps(received):
        return [point for batch in batches(received) for point in batch if point.measurement in ("step", "evidence")]

    subscriber.wait_for(lambda got: len(points_of_steps(got)) >= 100 * 11)
    points = points_of_steps(subscriber.received)
    assert len(points) == 100 * 11
    assert max(map(len, batches(subscriber.received))) <= 100
    assert {point.tags["experiment"] for point in points} == {"exp eriment"}
    assert len({(point.measurement, tuple(point.tags.items()), point.time) for point in points}) == len(points)


@pytest.mark.parametrize(
    ("run", "sensor"), [(" " * 29_000, "s"), ("run", " " * 29_000), ("r" * 70_000, "s"), ("run", "s" * 70_000)]
)
def test_names_too_long_for_a_topic_stop_nothing(bridge, subscriber, run, sensor):
    run = f"{run}{next(_runs)}"
    with Dealer(bridge.zmq_port, run) as dealer:
        dealer.hello()
        dealer.send(schema.Status, 0, status="running")
        dealer.send(schema.Frame, 0, [bytes(4)], sensor=sensor, modality="rgba", episode=0, step=0, height=1, width=1)
        dealer.send(schema.Metric, 1)
        dealer.send(schema.End, 2, status="completed")
        dealer.acked(3)
    with Dealer(bridge.zmq_port, f"after-{next(_runs)}") as dealer:
        dealer.hello()
        topic = topics.of_message(dealer.send(schema.Metric, 0)).topic
        subscriber.wait_for(on(topic))
        points = topics.influx_topic(dealer.run)
        subscriber.wait_for(on(points))


@pytest.mark.parametrize("name", WEIRD)
def test_troublesome_names_arrive(bridge, subscriber, name):
    with Dealer(bridge.zmq_port, run=f"{name}-{next(_runs)}", worker=name) as dealer:
        dealer.hello()
        metric = dealer.send(schema.Metric, 0, name=name)
        model = dealer.send(schema.ObjectModel, 1, [bytes(12)], learning_module=name, object=name, count=1)
        dealer.acked(2)
    for message in (metric, model):
        subscriber.wait_for(on(topics.of_message(message).topic))
    parsed = topics.parse(topics.of_message(model).topic)
    assert (parsed.run, parsed.worker, parsed.names) == (model.run, name, (name, name))


def test_health_comes_each_second_and_status_stays(broker, bridge, subscriber, dealer):
    dealer.steps(range(3))
    dealer.acked(3)
    prefix = f"monty/bridge/v1/{bridge._config.bridge_id}"
    health = subscriber.wait_for(
        lambda received: [
            message
            for message in received
            if message.topic == f"{prefix}/health" and b'"accepted":3' in message.payload
        ]
    )
    values = json.loads(health[0].payload)
    assert values["workers"] == 1
    assert values["lost"] == values["dropped"] == values["refused"] == 0
    assert retained(broker, f"{prefix}/status").payload == b"online"
    run = subscriber.wait_for(lambda received: health_points(received, dealer.run))
    assert run[0].fields["status_code"] == STATUS_CODES["running"]
    assert subscriber.wait_for(lambda received: health_points(received, bridge._config.bridge_id, "bridge_health"))


def health_points(received, run, measurement="run_health"):
    batches = [parse(message.payload) for message in received if message.topic == topics.influx_topic(run)]
    return [point for batch in batches for point in batch if point.measurement == measurement]


def test_leaving_says_offline(broker):
    with Bridge(config_for(broker, bridge_id="leaving")):
        assert retained(broker, "monty/bridge/v1/leaving/status").payload == b"online"
    with Subscriber(broker.host, broker.port, "monty/bridge/v1/leaving/status") as late:
        late.wait_for(lambda received: received and received[-1].payload == b"offline")


def test_leaving_drains_what_was_accepted(broker, subscriber):
    with Bridge(config_for(broker, bridge_id="drains")) as bridge, Dealer(bridge.zmq_port, run="drained") as dealer:
        dealer.hello()
        dealer.steps(range(500))
        subscriber.wait_for(on("monty/v1/drained/main/step"))
        bridge.__exit__(None, None, None)
        accepted = bridge.counts.accepted
        dealer.acked(accepted)
    subscriber.wait_for(lambda _: len(subscriber.seqs()["drained", "main"]) == accepted)


def test_leaving_acknowledges_the_last_few_messages_too(broker, subscriber):
    with Bridge(config_for(broker, bridge_id="last")) as bridge, Dealer(bridge.zmq_port, run="last-few") as dealer:
        dealer.hello()
        dealer.steps(range(500))
        dealer.acked(500)
        dealer.steps(range(500, 510))
        subscriber.wait_for(lambda _: len(subscriber.seqs()["last-few", "main"]) == 510)
        bridge.__exit__(None, None, None)
        dealer.acked(510)


def test_bad_input_is_refused_and_the_rest_arrives(bridge, dealer, subscriber):
    dealer.socket.send_multipart([b"\0garbage", b"\xff"])
    dealer.send(schema.Data, 0, stream="huge", data="x" * 11_000_000)
    dealer.send(schema.Metric, 1, name="long" * 20_000)
    dealer.steps([2])
    dealer.acked(3)
    subscriber.wait_for(on(f"monty/v1/{dealer.run}/main/step"))
    assert (bridge.counts.refused, bridge.counts.too_large) == (2, 1)


class Control:
    """Publishes commands as the user who may."""

    def __init__(self, broker: Mosquitto) -> None:
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.username_pw_set("control", broker.password("control"))
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._client.disconnect()
        self._client.loop_stop()

    def send(self, run, worker, *, retain=False, **command) -> None:
        payload = command.pop("payload", None) or schema.encode(schema.Command(**command))
        topic = topics.build(run, worker, "command")
        self._client.publish(topic, payload, 1, retain).wait_for_publish(10)


@pytest.fixture
def control(broker):
    with Control(broker) as client:
        yield client


def begins(dealer):
    """Who only said hello is nobody that commands are for."""
    dealer.send(schema.Status, 0)
    dealer.acked(1)


def test_a_command_reaches_its_worker_and_the_answer_everybody(dealer, subscriber, control):
    begins(dealer)
    control.send(dealer.run, "main", id="c1", command="abort", reason="enough", issued_unix_nanos=time.time_ns())
    assert dealer.wait_for(schema.Command).reason == "enough"
    dealer.send(schema.CommandResult, 1, id="c1", status="obeyed", detail="at step 4")
    answer = subscriber.wait_for(on(f"monty/v1/{dealer.run}/main/command/result"))
    assert schema.decode(answer.payload).status == "obeyed"
    control.send(dealer.run, "main", id="c1", command="abort")
    subscriber.wait_for(lambda got: len([message for message in got if message.topic == answer.topic]) == 2)
    dealer.probe(2)
    assert isinstance(dealer.hear(), zmq_protocol.Ack), "obeyed once, so not passed on again"


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ({"id": "r2", "command": "abort", "issued_unix_nanos": 1}, "s old"),
        ({"id": "r3", "command": "dance"}, "not a command"),
        ({"payload": b"{"}, "no command"),
    ],
)
def test_a_refused_command_is_answered_with_the_reason(bridge, dealer, subscriber, control, command, why):
    control.send(dealer.run, "main", **command)
    answer = schema.decode(subscriber.wait_for(on(f"monty/v1/{dealer.run}/main/command/result")).payload)
    assert (answer.status, answer.id) == ("refused", command.get("id", ""))
    assert why in answer.detail
    assert bridge.counts.refused == 1


def test_a_retained_command_is_refused_and_removed(broker, subscriber, control):
    control.send("kept", "main", id="r1", command="abort", retain=True)
    with Bridge(config_for(broker)):
        answer = schema.decode(subscriber.wait_for(on("monty/v1/kept/main/command/result")).payload)
        assert (answer.status, answer.id) == ("refused", "r1")
        assert "retained" in answer.detail
        subscriber.wait_for(lambda got: on("monty/v1/kept/main/command")(got).payload == b"")


def test_an_abort_of_all_also_holds_for_workers_that_start_later(bridge, dealer, control):
    begins(dealer)
    control.send(dealer.run, "all", id="a1", command="abort")
    assert dealer.wait_for(schema.Command).id == "a1"
    with Dealer(bridge.zmq_port, run=dealer.run, worker="later") as later:
        later.hello()
        assert later.wait_for(schema.Command).id == "a1"
    with Dealer(bridge.zmq_port, run="another") as other:
        other.hello()
        other.probe(0)
        assert isinstance(other.hear(), zmq_protocol.Ack)


def test_while_the_broker_is_away_experiments_go_on_and_then_all_arrives(tmp_path):
    with Mosquitto(tmp_path) as own, Bridge(config_for(own)) as bridge, patient(bridge) as dealer:
        dealer.hello()
        dealer.send(schema.Status, 0)
        dealer.acked(1)
        own.kill()
        dealer.steps(range(1, 6000))
        dealer.acked(6000)
        with Dealer(bridge.zmq_port, run="late") as late:
            assert late.hello().next == 0, "a new experiment is welcome all the same"
            late.send(schema.Status, 0)
            late.acked(1)
        own.start()
        with Subscriber(own.host, own.port) as subscriber:
            topic = "monty/v1/patient/main/step"
            subscriber.wait_for(lambda got: seqs_on(got, topic) >= set(range(1, 6000)), timeout_secs=40)
            status = subscriber.wait_for(on("monty/v1/patient/main/status"))
            assert schema.decode(status.payload).seq == 0, "what is retained is said again to a broker that forgot"
            subscriber.wait_for(on("monty/v1/late/main/status"))


def test_a_run_that_is_just_over_is_not_without_its_status_at_a_broker_that_forgot(tmp_path):
    with Mosquitto(tmp_path) as own, Bridge(config_for(own)) as bridge, Dealer(bridge.zmq_port, run="over") as dealer:
        dealer.hello()
        dealer.send(schema.Info, 0)
        dealer.send(schema.End, 1)  # no status of its own: the bridge says one
        dealer.acked(2)
        topic = "monty/v1/over/main/status"
        with Subscriber(own.host, own.port) as subscriber:
            subscriber.wait_for(on(topic))
        own.kill()
        own.state.mosquitto.joinpath("mosquitto.db").unlink(missing_ok=True)
        own.start()
        with Subscriber(own.host, own.port) as subscriber:
            subscriber.wait_for(on("monty/v1/over/main/info"), timeout_secs=40)
            assert schema.decode(subscriber.wait_for(on(topic)).payload).status == "completed"


def patient(bridge):
    return Dealer(bridge.zmq_port, run="patient")


def seqs_on(received, topic) -> set[int]:
    return {json.loads(message.payload)["seq"] for message in received if message.topic == topic}


def test_after_a_restart_what_is_retained_is_not_replaced_by_something_older(broker):
    topic = "monty/v1/older/main/progress"
    with Bridge(config_for(broker)) as bridge, Dealer(bridge.zmq_port, run="older") as dealer:
        dealer.hello()
        dealer.send(schema.Info, 0, experiment="known before")
        for seq in range(1, 10):
            dealer.send(schema.Progress, seq, step=seq)
        dealer.acked(10)
    with Bridge(config_for(broker)) as bridge, Subscriber(broker.host, broker.port, topic) as subscriber:
        with Dealer(bridge.zmq_port, run="older") as dealer:
            dealer.hello(base=4)
            dealer.send(schema.Progress, 4, step=4)
            dealer.acked(5)
            subscriber.wait_for(lambda got: got and seqs_on(got, topic) >= {4})
            assert json.loads(retained(broker, topic).payload)["seq"] == 9
            (point,) = lines_of_run(broker, dealer, schema.Metric, 5)
            assert point.tags["experiment"] == "known before", "else what is sent again would be other series"
            dealer.send(schema.End, 6)
            dealer.acked(7)
        with Dealer(bridge.zmq_port, run="older", started_unix_nanos=time.time_ns()) as anew:
            anew.hello()
            anew.send(schema.Progress, 0, time_unix_nanos=time.time_ns())
            anew.acked(1)
            assert json.loads(retained(broker, topic.replace("main", "main-2")).payload)["seq"] == 0
            assert json.loads(retained(broker, topic).payload)["seq"] == 9


def lines_of_run(broker, dealer, kind, seq):
    with Subscriber(broker.host, broker.port, topics.influx_topic(dealer.run)) as lines:
        sent = dealer.send(kind, seq)
        received = lines.wait_for(
            lambda got: [message for message in got if str(sent.time_unix_nanos).encode() in message.payload]
        )
    return [point for point in parse(received[0].payload) if point.time == sent.time_unix_nanos]


def test_who_vanishes_is_disconnected_within_ten_seconds_also_over_a_restart_of_the_bridge(broker):
    """One test for both, because each takes its ten seconds."""
    with Bridge(config_for(broker)) as bridge, Dealer(bridge.zmq_port, run="forgotten") as dealer:
        dealer.hello()
        dealer.send(schema.Status, 0)
        dealer.acked(1)
    began = time.monotonic()
    with Bridge(config_for(broker)) as bridge, Subscriber(
        broker.host, broker.port, "monty/v1/+/main/status"
    ) as subscriber:
        with Dealer(bridge.zmq_port, run="crashed") as dealer:
            dealer.hello()
            dealer.send(schema.Status, 0)
            dealer.steps([1, 2])
            dealer.acked(3)
        for run, highest in (("crashed", 2), ("forgotten", 0)):
            status = subscriber.wait_for(last_status("disconnected", run), timeout_secs=15)
            assert status.highest_seq == highest
            assert retained(broker, f"monty/v1/{run}/main/status").payload == schema.encode(status)
        assert 8 < time.monotonic() - began < 12
        with Dealer(bridge.zmq_port, run="crashed") as dealer:
            dealer.hello(base=3)
            back = subscriber.wait_for(last_status("running", "crashed", seq=2))
            assert back.highest_seq is None


def last_status(word, run, seq=None):
    def condition(received):
        statuses = [
            schema.decode(message.payload) for message in received if message.topic == f"monty/v1/{run}/main/status"
        ]
        return statuses and statuses[-1].status == word and seq in (None, statuses[-1].seq) and statuses[-1]

    return condition


def test_a_hundred_workers_at_once(bridge, subscriber):
    dealers = [Dealer(bridge.zmq_port, run="many", worker=f"w{number}") for number in range(100)]
    for dealer in dealers:
        dealer.hello()
        dealer.steps(range(9))
        dealer.send(schema.Status, 9, status="completed")
        dealer.send(schema.End, 10)
    for dealer in dealers:
        dealer.acked(11)
        dealer.__exit__()
    expected = {("many", f"w{number}"): list(range(11)) for number in range(100)}
    subscriber.wait_for(lambda _: expected.items() <= subscriber.seqs().items())


def test_end_and_everything_before_it_is_acknowledged_at_once(dealer):
    dealer.steps(range(5))
    dealer.send(schema.End, 5)
    began = time.monotonic()
    dealer.acked(6)
    assert time.monotonic() - began < 2


def test_make_gives_messages_that_decode():
    assert schema.decode(schema.encode(make(schema.Step, 3))).seq == 3
