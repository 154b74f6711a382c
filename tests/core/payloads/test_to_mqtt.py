"""One message -> topics and payloads."""

from __future__ import annotations

import json
import math
import struct

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from kit.bridge import make
from kit.messages.message_examples import EXAMPLES
from kit.messages.message_strategies import messages

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema, topics
from monty_mqtt_bridge.receive import raw_buffers
from monty_mqtt_core.payloads.to_mqtt import fan_out

MOST = 10_000_000
AS_THEY_ARE = sorted(set(schema.KINDS) - {"frame", "hypotheses", "object_model", "image", "points"})


def fan(message, raw=(), most_bytes=MOST):
    return fan_out(message, schema.encode(message), raw, most_bytes=most_bytes)


@pytest.mark.parametrize("kind", AS_THEY_ARE)
def test_a_message_goes_out_as_it_came(kind):
    message = EXAMPLES[kind]
    first, *_ = fan(message)
    assert first.payload == schema.encode(message)
    assert (first.topic, first.qos, first.retain) == topics.of_message(message)


def test_evidence_of_each_learning_module_has_a_topic_of_its_own():
    modules = {
        "a/b": schema.LearningModuleStep(evidence={"mug": 1.5, "none": None}),
        "displacement": schema.LearningModuleStep(),
    }
    _, *evidence = fan(make(schema.Step, 7, run="r", learning_modules=modules))
    assert [published.topic for published in evidence] == ["monty/v1/r/main/evidence/a%2Fb"]
    assert (evidence[0].qos, evidence[0].retain) == (1, False)
    payload = json.loads(evidence[0].payload)
    assert payload["evidence"] == {"mug": 1.5, "none": None}
    assert {"run", "worker", "seq", "time_unix_nanos", "step", "episode", "mode"} <= set(payload)


def test_a_cloud_becomes_lists_and_what_is_not_finite_null():
    cloud = make(
        schema.Hypotheses, 0, learning_module="lm", episode=1, step=2, objects=["mug", "bowl"], count=2, total=9
    )
    raw = [
        struct.pack("<6f", 0.1, 0.2, 0.3, math.nan, math.inf, 0),
        struct.pack("<2f", 1.5, -2),
        struct.pack("<2H", 1, 0),
    ]
    (published,) = fan(cloud, raw)
    payload = json.loads(published.payload)
    assert payload["locations"] == [[0.1, 0.2, 0.3], [None, None, 0.0]]
    assert payload["evidence"] == [1.5, -2.0]
    assert payload["object_indices"] == [1, 0]
    assert payload["kind"] == "hypotheses"
    assert (published.qos, published.retain) == (0, False)
    assert schema.decode(published.payload) == cloud, "readable as the message it is; the lists are more"


def test_an_empty_cloud_is_no_error():
    cloud = make(schema.Hypotheses, 0, learning_module="lm", episode=1, step=2)
    assert json.loads(fan(cloud, [b"", b"", b""])[0].payload)["locations"] == []


def test_a_cloud_that_names_an_object_it_does_not_have_is_refused():
    cloud = make(schema.Hypotheses, 0, learning_module="lm", episode=1, step=2, objects=["mug"], count=1)
    with pytest.raises(DecodeError, match="object index 1 of 1"):
        fan(cloud, [bytes(12), bytes(4), b"\1\0"])


def test_a_model_becomes_a_binary_ply_that_says_what_it_is():
    model = make(schema.ObjectModel, 3, learning_module="LM_0", object="mug\nx", count=2, episode=4)
    points = np.array([[1, 2, 3], [4, 5, 6]], "<f4")
    (published,) = fan(model, [points.tobytes()])
    header, _, body = published.payload.partition(b"end_header\n")
    lines = header.decode().splitlines()
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    assert json.loads(lines[2].removeprefix("comment monty_mqtt "))["object"] == "mug\nx"
    assert lines[3:] == ["element vertex 2", "property float x", "property float y", "property float z"]
    assert np.array_equal(np.frombuffer(body, "<f4").reshape(-1, 3), points)
    assert (published.topic, published.qos, published.retain) == ("monty/raw/v1/run/main/model/LM_0/mug%0Ax", 1, True)


def test_frames_are_not_made_here():
    assert fan(EXAMPLES["frame"], [b""]) == []


def test_names_too_long_for_a_topic_are_refused():
    with pytest.raises(DecodeError, match="65535"):
        fan(make(schema.Metric, 0, name="🤖" * 20_000))


def test_more_than_the_broker_takes_is_refused():
    with pytest.raises(DecodeError, match="the broker takes 1000"):
        fan(make(schema.Data, 0, stream="s", data="x" * 1000), most_bytes=1000)


@settings(deadline=None)
@given(messages())
def test_every_topic_of_any_message_reads_back(message):
    if isinstance(message, (schema.Frame, schema.Hypotheses, schema.ObjectModel, schema.Points)):
        return
    for published in fan(message):
        parsed = topics.parse(published.topic)
        assert (parsed.run, parsed.worker) == (message.run, message.worker)
        payload = msgspec.json.decode(published.payload)
        assert (payload["run"], payload["seq"]) == (message.run, message.seq)


FRAME = {"sensor": "s", "episode": 0, "step": 0}


@pytest.mark.parametrize(
    ("message", "raw"),
    [
        (make(schema.Step, 0), []),
        (make(schema.Frame, 0, modality="rgba", height=2, width=3, **FRAME), [bytes(24)]),
        (make(schema.Frame, 0, modality="depth", height=2, width=3, **FRAME), [bytes(24)]),
        (make(schema.Hypotheses, 0, learning_module="l", episode=0, step=0, count=2), [bytes(24), bytes(8), bytes(4)]),
        (make(schema.ObjectModel, 0, learning_module="l", object="o", count=1), [bytes(12)]),
    ],
)
def test_buffers_that_fit_pass_and_one_byte_more_does_not(message, raw):
    raw_buffers.check(message, raw)
    for broken in ([*raw, b""], [*raw[:-1], (raw[-1] if raw else b"") + b"x"]):
        with pytest.raises(DecodeError, match="buffers of"):
            raw_buffers.check(message, broken)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"height": 0}, "pixels"),
        ({"width": -3}, "pixels"),
        ({"height": 10**30}, "pixels"),
        ({"modality": "x"}, "none of"),
    ],
)
def test_absurd_frames_are_refused(change, match):
    frame = make(schema.Frame, 0, **{"modality": "rgba", "height": 2, "width": 3, **FRAME, **change})
    with pytest.raises(DecodeError, match=match):
        raw_buffers.check(frame, [b""])


@pytest.mark.parametrize("kind", [schema.Hypotheses, schema.ObjectModel])
def test_a_negative_count_is_refused(kind):
    names = {"learning_module": "l", "object": "o", "episode": 0, "step": 0}
    fields = {name: value for name, value in names.items() if name in kind.__struct_fields__}
    with pytest.raises(DecodeError, match="negative"):
        raw_buffers.check(make(kind, 0, count=-1, **fields), [b""])
