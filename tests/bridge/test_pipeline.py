"""What is derived from rows of the journal: who lives, how runs ended, what stays retained."""

from __future__ import annotations

import itertools
import shutil
import signal
import time
from contextlib import ExitStack

import pytest
from kit.bridge import FIRST_STAMP, Dealer, as_published, config_for
from kit.bridge_process import BridgeProcess, at
from kit.history.line_parser import parse
from kit.mqtt_subscriber import Subscriber

from monty_mqtt.wire import schema, topics, zmq_protocol
from monty_mqtt_bridge.bridge import Bridge
from monty_mqtt_bridge.publish.publisher import Publisher
from monty_mqtt_bridge.rules import liveness
from monty_mqtt_stack.services.mosquitto import Mosquitto

STARTED = FIRST_STAMP


@pytest.fixture
def own(tmp_path):
    with Mosquitto(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "state" / "bridge.sqlite")


@pytest.fixture
def stack():
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def impatient(monkeypatch):
    """A bridge that says `disconnected` after half a second."""
    monkeypatch.setattr(liveness, "GRACE_SECS", 0.3)


_markers = itertools.count()


def retained(broker, zmq_port):
    """Return all that is retained of runs, by topic: what comes before something published after the subscription."""
    run = f"marker-{next(_markers)}"
    with Subscriber(broker.host, broker.port, "monty/v1/#") as late, Dealer(zmq_port, run=run) as dealer:
        dealer.hello()
        dealer.send(schema.Metric, 0)
        late.wait_for(lambda got: any(message.topic.startswith(f"monty/v1/{run}") for message in got))
        return {message.topic: schema.decode(message.payload) for message in list(late.received) if message.retain}


def statuses(subscriber, run, worker="main"):
    topic = topics.build(run, worker, "status")
    return [schema.decode(message.payload) for message in list(subscriber.received) if message.topic == topic]


def last(subscriber, run, word):
    """Return a condition: the last status of a run is this word."""
    return lambda _: [status.status for status in statuses(subscriber, run)][-1:] == [word]


def short_life(dealer, steps=3, word="completed"):
    dealer.hello()
    dealer.send(schema.Info, 0)
    dealer.send(schema.Status, 1)
    dealer.steps(range(2, 2 + steps))
    dealer.send(schema.Status, 2 + steps, status=word)
    dealer.send(schema.End, 3 + steps, status=word)


@pytest.mark.usefixtures("impatient")
def test_a_run_whose_end_waits_in_the_journal_ends_as_it_ended_and_is_never_disconnected(own, path, stack):
    bridge = stack.enter_context(Bridge(config_for(own, journal=path)))
    with Dealer(bridge.zmq_port, run="before") as before:
        before.hello()
        before.send(schema.Status, 0)
        before.acked(1)
        own.kill()
        before.send(schema.Status, 1, status="completed")
        before.send(schema.End, 2)
        before.acked(3)
    for number in range(50):
        with Dealer(bridge.zmq_port, run="short", worker=f"w{number}") as dealer:
            short_life(dealer)
            dealer.acked(7)
    with Dealer(bridge.zmq_port, run="killed") as killed:
        killed.hello()
        killed.send(schema.Status, 0)
        killed.steps(range(1, 3000))
        killed.acked(3000)
    own.start()
    subscriber = stack.enter_context(Subscriber(own.host, own.port))
    subscriber.wait_for(last(subscriber, "killed", "disconnected"), 20)
    assert statuses(subscriber, "killed")[-1].highest_seq == 2999, "said after everything of it was published"
    assert [status.status for status in statuses(subscriber, "before")][-1] == "completed"
    for number in range(50):
        assert [status.status for status in statuses(subscriber, "short", f"w{number}")] == ["running", "completed"]
    kept = retained(own, bridge.zmq_port)
    assert kept["monty/v1/short/w7/status"].status == "completed"
    assert kept["monty/v1/killed/main/status"].status == "disconnected"


@pytest.mark.usefixtures("impatient")
def test_500_short_workers_one_after_another_are_never_disconnected(own, path, stack):
    bridge = stack.enter_context(Bridge(config_for(own, journal=path)))
    subscriber = stack.enter_context(Subscriber(own.host, own.port, "monty/v1/+/+/+"))
    for number in range(500):
        with Dealer(bridge.zmq_port, run="short", worker=f"w{number}") as dealer:
            short_life(dealer, steps=1)
            dealer.acked(5)
    subscriber.wait_for(lambda got: sum(message.topic.endswith("/end") for message in got) == 500, 20)
    words = [
        schema.decode(message.payload).status for message in subscriber.received if message.topic.endswith("/status")
    ]
    assert (words.count("running"), words.count("completed"), len(words)) == (500, 500, 1000)


def test_killed_together_and_only_the_bridge_restarted_it_is_disconnected_within_ten_seconds(own, path, stack):
    with BridgeProcess(**at(own, journal=path)) as process, Dealer(process.ready()) as dealer:
        dealer.hello()
        dealer.send(schema.Status, 0)
        dealer.steps(range(1, 40))
        dealer.acked(40)
        process.end(signal.SIGKILL)
    subscriber = stack.enter_context(Subscriber(own.host, own.port, "monty/v1/run/main/#"))
    process = stack.enter_context(BridgeProcess(**at(own, journal=path)))
    process.ready()
    began = time.monotonic()
    subscriber.wait_for(last(subscriber, "run", "disconnected"), 12)
    assert time.monotonic() - began < 11, "ten seconds, looked at once a second"
    status = statuses(subscriber, "run")[-1]
    assert (status.highest_seq, status.seq) == (39, 39)


def test_both_killed_and_the_broker_emptied_what_is_retained_of_live_workers_is_back(own, path, stack):
    process = stack.enter_context(BridgeProcess(**at(own, journal=path)))
    live = stack.enter_context(Dealer(process.ready(), run="live", started_unix_nanos=STARTED))
    with Dealer(int(live.socket.last_endpoint.rpartition(b":")[2]), run="over") as over:
        short_life(over)
        over.acked(7)
    live.hello()
    sent = [
        live.send(schema.Info, 0, experiment="name"),
        live.send(schema.Status, 1),
        live.send(schema.Progress, 2),
        live.send(schema.State, 3, state={"a": 1}),
    ]
    live.acked(4)
    process.end(signal.SIGKILL)
    own.kill()
    for file in own.state.mosquitto.glob("*.db"):
        file.unlink()
    own.start()
    again = stack.enter_context(BridgeProcess(**at(own, journal=path)))
    kept = retained(own, again.ready())
    for message in sent:
        assert kept[topics.of_message(message).topic] == as_published(message, experiment="name")


def lines_on(subscriber, run):
    batches = [message.payload for message in list(subscriber.received) if message.topic == topics.influx_topic(run)]
    return [point for batch in batches for point in parse(batch)]


def health_of(subscriber, run):
    return [point.fields["status_code"] for point in lines_on(subscriber, run) if point.measurement == "run_health"]


def restorer(bridge, run, started=STARTED, worker="main"):
    return Dealer(bridge.zmq_port, run=run, worker=worker, started_unix_nanos=started)


@pytest.mark.usefixtures("impatient")
def test_restoring_a_finished_run_repeats_nothing_and_it_stays_finished(own, path, stack):
    with Bridge(config_for(own, journal=path)) as bridge, Dealer(
        bridge.zmq_port, run="done", started_unix_nanos=STARTED
    ) as dealer:
        short_life(dealer)
        dealer.acked(7)
    bridge = stack.enter_context(Bridge(config_for(own, journal=path)))
    subscriber = stack.enter_context(Subscriber(own.host, own.port, "monty/+/+/done/#"))
    with restorer(bridge, "done") as again:
        assert again.hello(replayed=True) == zmq_protocol.Welcome(next=7), "it is known, a day later too"
        again.send(schema.Status, 1)
        again.acked(7)
    assert bridge.counts.duplicates == 1
    assert retained(own, bridge.zmq_port)["monty/v1/done/main/status"].status == "completed"
    assert "disconnected" not in [status.status for status in statuses(subscriber, "done")]


@pytest.mark.usefixtures("impatient")
def test_restoring_what_a_killed_run_left_publishes_it_and_changes_no_status(own, path, stack):
    bridge = stack.enter_context(Bridge(config_for(own, journal=path)))
    subscriber = stack.enter_context(Subscriber(own.host, own.port))
    with Dealer(bridge.zmq_port, run="killed", started_unix_nanos=STARTED) as dealer:
        dealer.hello()
        dealer.send(schema.Info, 0, experiment="name")
        dealer.send(schema.Status, 1)
        dealer.steps(range(2, 10))
        dealer.acked(10)
    subscriber.wait_for(lambda _: health_of(subscriber, "killed")[-1:] == [7])
    subscriber.received.clear()
    with restorer(bridge, "killed") as again:
        assert again.hello(base=4, replayed=True).next == 10
        again.send(schema.Status, 10, status="paused")
        again.send(schema.Progress, 11, episodes_done=3)
        again.steps(range(12, 20))
        again.acked(20)
        subscriber.wait_for(lambda _: subscriber.seqs()["killed", "main"] == list(range(10, 20)))
    with Dealer(bridge.zmq_port, run="other") as other:
        other.hello()
        other.send(schema.Status, 0)
        other.acked(1)
    subscriber.wait_for(last(subscriber, "other", "disconnected"))
    assert [status.status for status in statuses(subscriber, "killed")] == ["paused"], (
        "as it was; the bridge says nothing"
    )
    kept = retained(own, bridge.zmq_port)
    assert kept["monty/v1/killed/main/status"].status == "disconnected"
    assert kept["monty/v1/killed/main/progress"].episodes_done == 3, "newer than what was retained"
    points = lines_on(subscriber, "killed")
    assert {point.measurement for point in points} == {"status", "progress", "step"}, "no run_health"
    assert {point.tags["experiment"] for point in points} == {"name"}


@pytest.mark.usefixtures("impatient")
def test_restoring_the_end_of_a_run_that_was_killed_with_its_bridge_finishes_it(own, path, stack):
    bridge = stack.enter_context(Bridge(config_for(own, journal=path)))
    subscriber = stack.enter_context(Subscriber(own.host, own.port))
    with Dealer(bridge.zmq_port, run="ended", started_unix_nanos=STARTED) as dealer:
        dealer.hello()
        dealer.send(schema.Status, 0)
        dealer.acked(1)
    subscriber.wait_for(last(subscriber, "ended", "disconnected"))
    with restorer(bridge, "ended") as again:
        again.hello(replayed=True)
        again.send(schema.Status, 1, status="completed")
        again.send(schema.End, 2)
        again.acked(3)
    subscriber.wait_for(last(subscriber, "ended", "completed"))
    assert retained(own, bridge.zmq_port)["monty/v1/ended/main/status"].status == "completed"


@pytest.mark.usefixtures("impatient")
def test_restoring_an_earlier_sender_of_the_name_replaces_nothing_of_the_later_one(own, path, stack):
    bridge = stack.enter_context(Bridge(config_for(own, journal=path)))
    later = stack.enter_context(Dealer(bridge.zmq_port, run="twice", started_unix_nanos=STARTED + 10**9))
    later.hello()
    later.send(schema.Status, 0, time_unix_nanos=STARTED + 10**9 + 1)
    later.acked(1)
    with restorer(bridge, "twice") as again:
        assert again.hello(base=0, replayed=True).next == 0
        short_life_of_the_earlier(again)
        again.acked(5)
    later.send(schema.Metric, 1)
    later.acked(2)
    assert retained(own, bridge.zmq_port)["monty/v1/twice/main/status"].status == "running"


def short_life_of_the_earlier(dealer):
    dealer.send(schema.Info, 0)
    dealer.steps([1, 2])
    dealer.send(schema.Status, 3, status="completed")
    dealer.send(schema.End, 4)


def test_who_is_connected_is_not_restored_by_another(own, path, stack):
    bridge = stack.enter_context(Bridge(config_for(own, journal=path)))
    live = stack.enter_context(Dealer(bridge.zmq_port, run="live", started_unix_nanos=STARTED))
    live.hello()
    again = stack.enter_context(restorer(bridge, "live"))
    again.up(
        zmq_protocol.Hello(
            schema_version=schema.SCHEMA_VERSION,
            run="live",
            worker="main",
            base=0,
            started_unix_nanos=STARTED,
            replayed=True,
        )
    )
    assert "connected" in again.wait_for(zmq_protocol.Reject).reason
    live.steps([0])
    live.acked(1)


def test_a_hello_and_its_run_forgotten_by_a_new_journal_begin_at_the_base(own, path, stack):
    bridge = stack.enter_context(Bridge(config_for(own, journal=path)))
    with restorer(bridge, "unknown") as again:
        assert again.hello(base=40, replayed=True).next == 40
        again.send(schema.Status, 40)
        again.steps([41, 42])
        again.acked(43)
    assert "monty/v1/unknown/main/status" not in retained(own, bridge.zmq_port), "it would stay `running` for ever"


@pytest.fixture
def slow_feed(monkeypatch):
    """A bridge that passes nothing on before it has looked at who lives three times."""
    looks = []
    look, has_room = liveness.Liveness.tick, Publisher.has_room
    monkeypatch.setattr(liveness.Liveness, "tick", lambda *args: looks.append(args) or look(*args))
    monkeypatch.setattr(Publisher, "has_room", lambda publisher: len(looks) >= 3 and has_room(publisher))
    return looks


def words(subscriber, run):
    """Return the status words of a run in the order in which they were said."""
    return [status.status for status in statuses(subscriber, run)]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("broker_too", [False, True], ids=["bridge", "everything"])
def test_what_ended_while_the_broker_was_away_is_not_disconnected_by_a_bridge_that_starts_behind(
    own, path, stack, slow_feed, broker_too
):
    slow_feed.extend(range(3))  # the first one is as fast as ever
    with Bridge(config_for(own, journal=path, drain_secs=0)) as bridge:
        live = stack.enter_context(Dealer(bridge.zmq_port, run="live", started_unix_nanos=STARTED))
        live.hello()
        live.send(schema.Status, 0)
        with Dealer(bridge.zmq_port, run="over", started_unix_nanos=STARTED) as over:
            over.hello()
            over.send(schema.Status, 0)
            retained(own, bridge.zmq_port)
            own.stop()
            over.steps(range(1, 1000))
            over.send(schema.Status, 1000, status="completed")
            over.send(schema.End, 1001)
            over.acked(1002)
    if broker_too:
        own.start()
        own.kill()
    own.start()
    slow_feed.clear()
    subscriber = stack.enter_context(Subscriber(own.host, own.port))
    with Bridge(config_for(own, journal=path)) as bridge:
        subscriber.wait_for(lambda _: "completed" in words(subscriber, "over"), 20)
        count = len(slow_feed)
        subscriber.wait_for(lambda _: len(slow_feed) > count + 2, 20)
        assert retained(own, bridge.zmq_port)["monty/v1/over/main/status"].status == "completed"
    assert (words(subscriber, "over")[-1], set(words(subscriber, "over"))) == ("completed", {"running", "completed"})
    assert words(subscriber, "live")[-1] == "disconnected", "and who really is gone, is found"


@pytest.mark.usefixtures("impatient")
def test_what_a_broker_has_forgotten_of_an_end_that_the_journal_knows_is_said_again(own, path, stack, slow_feed):
    """Both are killed; the broker comes back as it was a moment before the run ended."""
    slow_feed.extend(range(3))
    before = own.state.path / "before"
    with Bridge(config_for(own, journal=path, drain_secs=0)) as bridge, Dealer(bridge.zmq_port) as over:
        over.hello()
        over.send(schema.Status, 0)
        over.acked(1)
        retained(own, bridge.zmq_port)
        own.stop()
        shutil.copytree(own.state.mosquitto, before)
        own.start()
        over.send(schema.Status, 1, status="completed")
        over.send(schema.End, 2)
        over.acked(3)
        with Subscriber(own.host, own.port) as subscriber:
            subscriber.wait_for(last(subscriber, "run", "completed"), 20)
        own.kill()
    shutil.rmtree(own.state.mosquitto)
    before.rename(own.state.mosquitto)
    own.start()
    slow_feed.clear()
    subscriber = stack.enter_context(Subscriber(own.host, own.port))
    with Bridge(config_for(own, journal=path)) as bridge:
        subscriber.wait_for(lambda _: len(slow_feed) > 5, 20)
        assert retained(own, bridge.zmq_port)["monty/v1/run/main/status"].status == "completed"
    assert (words(subscriber, "run")[-1], set(words(subscriber, "run"))) == ("completed", {"running", "completed"})
