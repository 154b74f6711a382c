"""Foxglove's own TypeScript reader reads every message of a recording, as Python's does."""

from __future__ import annotations

import hashlib
import json
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
from kit.machine.node import node_modules
from mcap.reader import make_reader

from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster
from monty_mqtt_core.reading.mqtt_client import BrokerAddress
from monty_mqtt_core.recordings.record import record
from monty_mqtt_stack.demo.demo_recording import recording_path

FOLDER = Path(__file__).parent / "foxglove"


@pytest.fixture(scope="module")
def modules():
    return node_modules(FOLDER)


@pytest.fixture
def fresh(far_side, tmp_path):
    """A recording of a run that is over, made just now."""
    path, listening = tmp_path / "fresh.mcap", threading.Event()
    broker = BrokerAddress(far_side.broker.host, far_side.broker.port)
    with ZmqBroadcaster(run_id="for foxglove", zmq_port=far_side.bridge.port, strict=True) as broadcaster:
        assert broadcaster.flush(5)
        options = {"run": "for foxglove", "on_listening": listening.set}
        thread = threading.Thread(target=record, args=(broker, path), kwargs=options)
        thread.start()
        assert listening.wait(10)
        for step in range(500):
            broadcaster.publish_metric("loss", 0.5 / (step + 1))
            broadcaster.publish_data("position", {"x": step, "text": "ä€😀"})
        broadcaster.publish_image("saliency", np.eye(8))
        broadcaster.publish_points("touched", np.eye(3), colours=np.eye(3), sizes=[1, 2, 3])
        broadcaster.publish_histogram("weights", np.eye(8))
        broadcaster.publish_table("confusion", ["object", "right"], [["mug", 0.5], ["bowl", None]])
    thread.join(20)
    return path


def read_in_node(modules, path):
    command = ["node", str(FOLDER / "read.mjs"), str(modules), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def read_in_python(path):
    topics, count = {}, 0
    with path.open("rb") as file:
        for schema, channel, message in make_reader(file, validate_crcs=True).iter_messages():
            encodings = {
                "messageEncoding": channel.message_encoding,
                "schemaEncoding": schema.encoding if schema else "",
                "schemaName": schema.name if schema else "",
            }
            read = topics.setdefault(channel.topic, {"count": 0, "hash": hashlib.sha256(), **encodings})
            read["count"] += 1
            read["hash"].update(message.data)
            count += 1
    return {
        "told": count,
        "topics": {topic: {**values, "hash": values["hash"].hexdigest()} for topic, values in topics.items()},
    }


def test_it_reads_every_message_of_the_demo(modules):
    read = read_in_node(modules, recording_path())
    assert read == read_in_python(recording_path())
    assert read["told"] > 1000
    frames = [channel for topic, channel in read["topics"].items() if "/frame/" in topic]
    assert frames
    assert {(channel["messageEncoding"], channel["schemaEncoding"], channel["schemaName"]) for channel in frames} == {
        ("json", "jsonschema", "foxglove.CompressedImage")
    }


def test_it_reads_every_message_of_a_recording_made_just_now(modules, fresh):
    read = read_in_node(modules, fresh)
    assert read == read_in_python(fresh)
    counts = {topic.partition("/main/")[2]: channel["count"] for topic, channel in read["topics"].items()}
    media = dict.fromkeys(("image/saliency", "points/touched", "histogram/weights", "table/confusion"), 1)
    assert counts == {"info": 1, "status": 2, "metric/loss": 500, "data/position": 500, "end": 1, **media}
    schemas = {topic.partition("/main/")[2]: channel["schemaName"] for topic, channel in read["topics"].items()}
    assert {path: schemas[path] for path in media} == {
        "image/saliency": "foxglove.CompressedImage",
        "points/touched": "foxglove.PointCloud",
        "histogram/weights": "monty.Histogram",
        "table/confusion": "monty.Table",
    }
