"""The broadcaster and the real bridge, down to a subscriber of a real broker: the two halves of the protocol fit."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from kit.bridge import config_for

from monty_mqtt import ZmqBroadcaster
from monty_mqtt.wire import schema
from monty_mqtt_bridge.bridge import Bridge

LOAD = str(Path(__file__).parents[1] / "kit" / "programs" / "publish_load.py")
ROUNDS, COUNT = 2, 50


@pytest.mark.timeout(60)
def test_everything_at_once_reaches_a_subscriber(bridge, subscriber):
    command = [sys.executable, LOAD, str(bridge.zmq_port), str(ROUNDS), str(COUNT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    subscriber.wait_for(lambda _: len(subscriber.messages(schema.End)) == 9 * ROUNDS, 20)
    seqs = subscriber.seqs()
    assert len(seqs) == 9 * ROUNDS
    for (_run, worker), numbers in seqs.items():
        assert set(numbers) == set(range(12 * COUNT + 4 if worker == "main" else COUNT + 1))


@pytest.mark.timeout(60)
def test_a_bridge_that_is_restarted_twice_in_the_middle(broker, subscriber, tmp_path):
    over, journal = threading.Event(), str(tmp_path / "journal")
    port, published = 0, 0
    broadcaster = None
    for _ in range(3):
        with Bridge(config_for(broker, bridge_id="again", zmq_port=port, journal=journal)) as bridge:
            port = bridge.zmq_port
            broadcaster = broadcaster or ZmqBroadcaster(run_id="restarts", zmq_port=port, strict=True)
            for _ in range(300):
                broadcaster.publish_metric("number", published)
                published += 1
                over.wait(0.001)
        for _ in range(100):
            broadcaster.publish_metric("number", published)
            published += 1
    with Bridge(config_for(broker, bridge_id="again", zmq_port=port, journal=journal)):
        assert broadcaster.flush(20)
        broadcaster.close()
        subscriber.wait_for(lambda _: values_of(subscriber, "restarts") == set(range(published)), 20)
    assert broadcaster.counts.dropped == 0


@pytest.mark.timeout(60)
def test_what_proves_whose_a_worker_is_is_told_to_nobody(broker, subscriber, tmp_path, caplog):
    caplog.set_level(0)
    journal = tmp_path / "journal"
    with Bridge(config_for(broker, bridge_id="discreet", journal=str(journal))) as bridge:
        with ZmqBroadcaster(run="secret", zmq_port=bridge.zmq_port, strict=True) as broadcaster:
            link = broadcaster._outbox.link
            token = link.sender.token
            broadcaster.publish_metric("number", 1)
        subscriber.wait_for(lambda _: any(end.run == broadcaster.run for end in subscriber.messages(schema.End)))
        assert len(token) == 32
        kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert broadcaster.run.encode() in kept
        assert token.encode() not in kept
    assert token not in caplog.text
    assert token not in repr(link.sender)
    assert not [one for one in subscriber.received if token.encode() in one.payload or token in one.topic]


def values_of(subscriber, run):
    return {message.value for message in subscriber.messages(schema.Metric) if message.run == run}


CELL = """
import sys
from monty_mqtt import ZmqBroadcaster
with ZmqBroadcaster(run="my-analysis", zmq_port=int(sys.argv[1]), strict=True) as broadcaster:
    broadcaster.publish_metric("loss", 0.5)
print(broadcaster.run)
"""


@pytest.mark.timeout(60)
def test_each_start_under_a_name_is_a_run_of_its_own(bridge, subscriber):
    """A notebook's cell that is run three times, and two programs at once: five curves, not one."""
    runs = []
    for _ in range(3):
        with ZmqBroadcaster(run="my-analysis", zmq_port=bridge.zmq_port, strict=True) as broadcaster:
            broadcaster.publish_metric("loss", 0.5)
        runs.append(broadcaster.run)
    command = [sys.executable, "-c", CELL, str(bridge.zmq_port)]
    programs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    runs += [program.communicate(timeout=30)[0].strip() for program in programs]
    subscriber.wait_for(lambda _: {end.run for end in subscriber.messages(schema.End)} >= set(runs), 20)
    assert len(set(runs)) == 5
    assert all(run.startswith("my-analysis-") for run in runs)
    found = {key: seqs for key, seqs in subscriber.seqs().items() if key[0].startswith("my-analysis")}
    assert found == {(run, "main"): [0, 1, 2, 3, 4] for run in runs}
    infos = [info for info in subscriber.messages(schema.Info) if info.run in runs]
    assert {(info.experiment, info.run_name) for info in infos} == {("my-analysis", "my-analysis")}


@pytest.mark.timeout(60)
def test_two_at_once_of_one_id_and_one_worker_are_told_apart_and_the_second_says_so(bridge, subscriber, caplog):
    with ZmqBroadcaster(run_id="same", zmq_port=bridge.zmq_port, strict=True) as first:
        first.publish_metric("number", 1)
        assert first.flush(20)
        with ZmqBroadcaster(run_id="same", zmq_port=bridge.zmq_port, strict=True) as second:
            second.publish_metric("number", 2)
            assert second.flush(20)
            first.publish_metric("number", 3)
            assert first.flush(20)
    subscriber.wait_for(lambda _: len([end for end in subscriber.messages(schema.End) if end.run == "same"]) == 2, 20)
    found = sorted((one.worker, one.seq, one.value) for one in subscriber.messages(schema.Metric) if one.run == "same")
    assert found == [("main", 2, 1), ("main", 3, 3), ("main-2", 2, 2)]
    warnings = [record.getMessage() for record in caplog.records if record.name == "monty_mqtt.broadcast.outbox"]
    assert warnings == ["run 'same' has had a worker 'main' before: this one is published as worker 'main-2'"]
