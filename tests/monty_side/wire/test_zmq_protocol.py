"""The control words of the ZMQ hop."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.messages.message_strategies import of_struct

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema, zmq_protocol

UP = [zmq_protocol.Hello, zmq_protocol.Probe, zmq_protocol.Dropped]
DOWN = [zmq_protocol.Welcome, zmq_protocol.Ack, zmq_protocol.Sync, zmq_protocol.Reject, schema.Command]


@given(st.one_of([of_struct(cls) for cls in UP]))
def test_what_goes_up_is_read_back(word):
    first, payload = zmq_protocol.encode_up(word)
    assert zmq_protocol.decode_up(zmq_protocol.kind_of(first), payload) == word


@given(st.one_of([of_struct(cls) for cls in DOWN]))
def test_what_goes_down_is_read_back(word):
    assert zmq_protocol.decode_down(zmq_protocol.encode_down(word)) == word


@pytest.mark.parametrize("kind", [*schema.KINDS, "hello", "probe", "dropped"])
def test_heads_name_their_kind(kind):
    assert zmq_protocol.kind_of(zmq_protocol.head(kind)) == kind


@given(st.binary(max_size=100))
def test_random_first_frames_raise_only_decode_error(noise):
    with contextlib.suppress(DecodeError):
        zmq_protocol.kind_of(noise)


@given(st.sampled_from(["hello", "probe", "dropped", "metric", "", "ack"]), st.binary(max_size=100))
def test_random_control_words_raise_only_decode_error(kind, noise):
    with pytest.raises(DecodeError):
        zmq_protocol.decode_up(kind, noise)


@given(st.one_of(st.binary(max_size=100), st.binary(max_size=60).map(lambda noise: b"v1 ack " + noise)))
def test_random_answers_raise_only_decode_error(noise):
    with pytest.raises(DecodeError):
        zmq_protocol.decode_down(noise)


@pytest.mark.parametrize(
    "frame", [b"v2 ack {}", b"v1 shout {}", b"v1 ack", b"v1 ack {}", b'v1 ack {"next":"x"}', b"ack"]
)
def test_what_is_no_answer_raises_decode_error(frame):
    with pytest.raises(DecodeError):
        zmq_protocol.decode_down(frame)


def test_an_endless_head_is_not_read():
    with pytest.raises(DecodeError, match="v1 <kind>"):
        zmq_protocol.kind_of(b"v1 " + b"x" * 100)
