"""A name that is said again in a run: each sender's messages are apart from the other's everywhere, and all arrive."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager

import msgspec
import pytest
from kit.bridge import Dealer, config_for, make
from kit.bridge_process import BridgeProcess, at
from kit.history.line_parser import parse
from kit.mqtt_publisher import Client
from kit.mqtt_subscriber import Subscriber

from monty_mqtt import ZmqBroadcaster
from monty_mqtt.wire import schema, spool_format, topics, zmq_protocol
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt_bridge.bridge import Bridge
from monty_mqtt_bridge.receive.published_name import renamed
from monty_mqtt_bridge.receive.sender import Sender
from monty_mqtt_bridge.spools.left_behind import LeftBehind
from monty_mqtt_stack.replay.restore_spool import restore

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def run(request):
    return request.node.name


@contextmanager
def publisher(port, run, **settings):
    with ZmqBroadcaster(run_id=run, zmq_port=port, **{"strict": True, **settings}) as broadcaster:
        yield broadcaster


def publish(port, run, value, **settings):
    """Publish one of each kind, from start to end; seqs 0 to 6."""
    with publisher(port, run, **settings) as broadcaster:
        broadcaster.publish_metric("loss", value)
        broadcaster.publish_log("info", f"this is {value}")
        broadcaster.publish_state(value=value)
        assert broadcaster.flush(20)


def of_workers(subscriber, run, kind, field):
    """Return a field of all messages of a kind, by the worker in their topics, which is that in their JSON."""
    values = {}
    for arrived in list(subscriber.received):
        if arrived.topic.startswith(f"{topics.JSON_PREFIX}/"):
            parsed = topics.parse(arrived.topic)
            message = msgspec.json.decode(arrived.payload)
            if (parsed.run, message.get("kind")) == (run, kind):
                assert message["worker"] == parsed.worker
                values.setdefault(parsed.worker, []).append(message[field])
    return values


def ended(subscriber, run, *workers):
    subscriber.wait_for(lambda _: set(of_workers(subscriber, run, "end", "seq")) >= set(workers), 20)


def points_of(subscriber, run, measurement):
    """Return who published each point of a measurement of a run, with its fields."""
    batches = [message.payload for message in list(subscriber.received) if message.topic == topics.influx_topic(run)]
    points = [point for batch in batches for point in parse(batch) if point.measurement == measurement]
    return [(point.tags["worker"], point.fields) for point in points]


def retained(broker, run, *, at_least):
    with Subscriber(broker.host, broker.port, f"{topics.JSON_PREFIX}/{topics.escape(run)}/#") as late:
        late.wait_for(lambda got: len(got) >= at_least)
        return {
            message.topic.removeprefix(f"{topics.JSON_PREFIX}/{topics.escape(run)}/"): message.payload
            for message in late.received
        }


def test_what_begins_again_after_its_end_is_apart_everywhere(broker, bridge, subscriber, run, caplog):
    for value in (1, 2, 3):
        publish(bridge.zmq_port, run, value)
    workers = ["main", "main-2", "main-3"]
    ended(subscriber, run, *workers)
    assert {key[1]: seqs for key, seqs in subscriber.seqs().items() if key[0] == run} == {
        worker: [0, 1, 2, 3, 4, 5, 6] for worker in workers
    }
    assert of_workers(subscriber, run, "metric", "value") == {"main": [1], "main-2": [2], "main-3": [3]}
    expected = {worker: [f"this is {value}"] for value, worker in enumerate(workers, 1)}
    assert of_workers(subscriber, run, "log", "message") == expected
    assert of_workers(subscriber, run, "status", "status") == {worker: ["running", "completed"] for worker in workers}
    subscriber.wait_for(lambda _: len(points_of(subscriber, run, "metric")) == 3)
    points = [(worker, fields["value"]) for worker, fields in points_of(subscriber, run, "metric")]
    assert sorted(points) == [("main", 1), ("main-2", 2), ("main-3", 3)]
    kept = retained(broker, run, at_least=9)
    assert sorted(kept) == sorted(f"{worker}/{kind}" for worker in workers for kind in ("info", "state", "status"))
    states = [msgspec.json.decode(kept[f"{worker}/state"])["state"] for worker in workers]
    assert states == [{"value": 1}, {"value": 2}, {"value": 3}]
    assert f"run '{run}' has had a worker 'main' before: this one is published as worker 'main-3'" in caplog.messages


def test_nor_does_a_bridge_that_is_restarted_meanwhile_mix_them(broker, subscriber, run, tmp_path):
    settings = {"bridge_id": "again-between", "journal": str(tmp_path / "journal")}
    for value in (1, 2, 3):
        with Bridge(config_for(broker, **settings)) as bridge:
            publish(bridge.zmq_port, run, value)
    ended(subscriber, run, "main", "main-2", "main-3")
    values = of_workers(subscriber, run, "metric", "value")
    assert {worker: set(numbers) for worker, numbers in values.items()} == {"main": {1}, "main-2": {2}, "main-3": {3}}


def test_a_living_one_keeps_its_name_through_restarts_of_the_bridge(broker, subscriber, run, tmp_path):
    settings = {"bridge_id": "again-living", "journal": str(tmp_path / "journal")}
    with Bridge(config_for(broker, **settings)) as bridge:
        publish(bridge.zmq_port, run, 1)
        second = ZmqBroadcaster(run_id=run, zmq_port=bridge.zmq_port, strict=True)
        second.publish_metric("loss", 2)
        assert second.flush(20)
    with Bridge(config_for(broker, **settings, zmq_port=bridge.zmq_port)):
        second.publish_metric("loss", 2)
        assert second.flush(20)
        second.close()
        ended(subscriber, run, "main", "main-2")
    assert set(of_workers(subscriber, run, "end", "seq")) == {"main", "main-2"}


def test_a_bridge_without_its_journal_goes_on_under_the_same_names_and_gives_none_twice(broker, subscriber, run):
    with Bridge(config_for(broker, bridge_id="again-lost")) as bridge:
        port = bridge.zmq_port
        publish(port, run, 1)
        second = ZmqBroadcaster(run_id=run, zmq_port=port, strict=True)
        second.publish(schema.Status, status="running")
        second.publish_metric("loss", 2)
        assert second.flush(20)
    with Bridge(config_for(broker, bridge_id="again-lost", zmq_port=port)):
        publish(port, run, 3)
        second.publish_metric("loss", 2)
        assert second.flush(20)
        second.close()
        ended(subscriber, run, "main", "main-2", "main-3")
    assert of_workers(subscriber, run, "metric", "value") == {"main": [1], "main-2": [2, 2], "main-3": [3]}


KILLED = """
import sys
from monty_mqtt import ZmqBroadcaster
port, spools, run = int(sys.argv[1]), sys.argv[2], sys.argv[3]
b = ZmqBroadcaster(run_id=run, zmq_port=port, spool_dir=spools, strict=True)
b.publish_metric("n", 0)
assert b.flush(20)
print("flushed", flush=True)
input()
while b.counts.spooled < 100:
    b.publish_metric("n", b.counts.published)
    b._outbox.link.wait(0)
print("spooled", flush=True)
input()
"""


class Killed:
    """A process whose first message a bridge had, and then another hundred its spool, before it was killed."""

    def __init__(self, bridge, port, spools, run):
        command = [sys.executable, "-c", KILLED, str(port), str(spools), run]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "flushed\n"
        bridge.end(signal.SIGKILL)
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "spooled\n"
        self.process.kill()
        self.process.communicate()
        (self.path,) = [path for path in (spools / run).glob("*.spool") if f'"pid":{self.process.pid},' in header(path)]


def seqs_of(subscriber, run):
    """Return the seqs of the metrics of each worker; what came twice, once."""
    return {worker: sorted(set(seqs)) for worker, seqs in of_workers(subscriber, run, "metric", "seq").items()}


def header(path):
    return path.read_bytes().partition(b"\n")[0].decode()


def test_what_a_killed_one_left_is_restored_under_its_own_name_whoever_came_after_it(broker, subscriber, run, tmp_path):
    with Bridge(config_for(broker)) as free:
        port = free.zmq_port
    settings = at(broker, zmq_port=port, bridge_id="again-killed", journal=tmp_path / "journal")
    killed = []
    for _ in range(2):
        with BridgeProcess(**settings) as bridge:
            bridge.ready()
            killed.append(Killed(bridge, port, tmp_path / "spool", run))
    with BridgeProcess(**settings) as bridge:
        bridge.ready()
        publish(port, run, -1)
        sizes = [restore(spool.path, bridge=BridgeAddress(port=port)).sent for spool in reversed(killed)][::-1]
        assert min(sizes) >= 100
        everything = sum(sizes) + 3
        subscriber.wait_for(lambda _: sum(map(len, seqs_of(subscriber, run).values())) >= everything)
    assert seqs_of(subscriber, run) == {
        "main": list(range(sizes[0] + 1)),
        "main-2": list(range(sizes[1] + 1)),
        "main-3": [2],
    }


def test_what_never_had_a_bridge_and_is_restored_later_is_told_apart_too(bridge, subscriber, run, tmp_path):
    without = ZmqBroadcaster(run_id=run, zmq_port=1, spool_dir=str(tmp_path))
    without.publish_metric("loss", 0)
    without.close()
    publish(bridge.zmq_port, run, 1)
    (path,) = tmp_path.glob("*/*.spool")
    assert restore(path, bridge=BridgeAddress(port=bridge.zmq_port)).removed
    ended(subscriber, run, "main", "main-2")
    assert of_workers(subscriber, run, "metric", "value") == {"main": [1], "main-2": [0]}


def test_the_messages_that_are_still_with_one_are_counted_in_its_own_spool(run, tmp_path):
    without = ZmqBroadcaster(run_id=run, zmq_port=1, spool_dir=str(tmp_path))
    without.publish_metric("loss", 0)
    without.close()
    (path,) = tmp_path.glob("*/*.spool")
    with path.open("rb") as file:
        header, _ = spool_format.read_header(file.fileno(), path)
    started = header.started_unix_nanos
    worker = Sender(zmq_protocol.Hello(schema_version=1, run=run, worker="main", base=0, started_unix_nanos=started))
    worker.key, worker.is_named = (run, "main-2"), True
    left_behind = LeftBehind(str(tmp_path))
    counted, deadline = left_behind.look([worker]), time.monotonic() + 20
    while not counted:
        assert time.monotonic() < deadline
        counted = left_behind.look([worker])
    left_behind.close()
    assert counted == {(run, "main-2"): 2}


def test_a_command_is_obeyed_by_whom_it_names_alone_and_answered_under_that_name(broker, bridge, subscriber, run):
    with ExitStack() as stack:
        broadcasters = {}
        for worker in ("main", "main-2"):  # one after the other: they are named as they come
            broadcasters[worker] = stack.enter_context(publisher(bridge.zmq_port, run))
            assert broadcasters[worker].flush(20)
        subscriber.wait_for(lambda _: set(of_workers(subscriber, run, "status", "status")) == {"main", "main-2"})
        with Client(broker.port, "control", broker.password("control")) as client:
            for worker in ("main-2", "main"):
                command = schema.Command(id=f"for {worker}", command="pause")
                client.publish(topics.build(run, worker, "command"), schema.encode(command))
        obeyed = {}
        deadline = time.monotonic() + 20
        while len(obeyed) < 2:
            assert time.monotonic() < deadline
            for worker, broadcaster in broadcasters.items():
                broadcaster.listen(0.05)
                for command in broadcaster.take_commands():
                    obeyed.setdefault(worker, []).append(command.id)
                    broadcaster.publish(schema.CommandResult, id=command.id, status="obeyed", detail="")
        expected = {"main": ["for main"], "main-2": ["for main-2"]}
        assert obeyed == expected
        subscriber.wait_for(lambda _: of_workers(subscriber, run, "command_result", "id") == expected)


def test_a_recording_has_the_published_name_and_keeps_it(broker, bridge, subscriber, run, tmp_path):
    for value in (1, 2):
        publish(bridge.zmq_port, run, value)
    ended(subscriber, run, "main", "main-2")
    with Dealer(bridge.zmq_port, run=run, worker="main-2", started_unix_nanos=0, token="") as known:
        assert known.hello(replayed=True).next == 7, "the bridge has all of it"
    with Bridge(config_for(broker, bridge_id="elsewhere", journal=str(tmp_path / "journal"))) as other:
        for worker in ("main", "main-2"):
            with Dealer(
                other.zmq_port, run=f"{run}-elsewhere", worker=worker, started_unix_nanos=0, token=""
            ) as dealer:
                dealer.hello(replayed=True)
                dealer.send(schema.Metric, 0)
                assert dealer.acked(1).published == worker
        publish(other.zmq_port, f"{run}-elsewhere", 3)
        ended(subscriber, f"{run}-elsewhere", "main-3")
    values = of_workers(subscriber, f"{run}-elsewhere", "metric", "value")
    assert values == {"main": [0.5], "main-2": [0.5], "main-3": [3]}


def test_a_name_that_another_worker_says_is_not_given_to_a_second_one(bridge, subscriber, run):
    publish(bridge.zmq_port, run, 1, worker="main-2")
    publish(bridge.zmq_port, run, 2)
    publish(bridge.zmq_port, run, 3)
    publish(bridge.zmq_port, run, 4, worker="main-2")
    ended(subscriber, run, "main", "main-2", "main-3", "main-2-2")
    values = of_workers(subscriber, run, "metric", "value")
    assert values == {"main-2": [1], "main": [2], "main-3": [3], "main-2-2": [4]}


def test_frames_of_the_second_are_its_own(bridge, subscriber, run):
    size = {"episode": 0, "step": 0, "height": 1, "width": 1}
    for _ in range(2):
        with publisher(bridge.zmq_port, run) as broadcaster:
            broadcaster.publish(schema.Frame, [bytes(4)], sensor="patch", modality="rgba", **size)
            assert broadcaster.flush(20)
    wanted = {topics.build(run, worker, "frame", "patch", "rgba") for worker in ("main", "main-2")}
    subscriber.wait_for(lambda got: {message.topic for message in got} >= wanted)


def test_a_renamed_message_is_otherwise_as_it_was_sent():
    sent = schema.encode(make(schema.Metric, 3, metadata={"worker": "main", "x": 1e-300}))
    later = sent[:-1] + b',"field_of_a_later_version":[1.0,1e5]}'
    expected = later.replace(b'"worker":"main","seq"', b'"worker":"main-2","seq"')
    assert expected != later
    assert renamed(later, "main-2") == expected
