"""The broadcaster and the real bridge, down to a subscriber of a real broker: the two halves of the protocol fit."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from bridge_fixtures import config_for

from monty_mqtt import ZmqBroadcaster, schema
from monty_mqtt_bridge.service import Bridge

pytest_plugins = ["bridge_fixtures"]

LOAD = str(Path(__file__).with_name("publish_load.py"))
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
            broadcaster = broadcaster or ZmqBroadcaster(run="restarts", zmq_port=port, strict=True)
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


def values_of(subscriber, run):
    return {message.value for message in subscriber.messages(schema.Metric) if message.run == run}
