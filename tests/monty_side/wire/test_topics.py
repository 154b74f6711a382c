"""Message -> topic -> message's names, for any text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.messages.message_examples import EXAMPLES
from kit.messages.message_strategies import messages

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema, topics

ANY_TEXT = st.one_of(
    st.text(alphabet=st.characters(), max_size=60),  # lone surrogates, too
    st.sampled_from(
        ["", "%", "%25", "+", "#", "a/b", ".", "..", " ", "\x00", "\x7f", "\ufeff", "\ufffe", "$SYS", "🤖" * 300]
    ),
)
KINDS = {
    "evidence": 1, "hypotheses": 1, "metric": 1, "data": 1, "log": 1, "event": 1, "frame": 2, "object_model": 2,
    "image": 1, "points": 1, "histogram": 1, "table": 1,
}  # fmt: skip


@given(ANY_TEXT)
def test_unescape_gives_back_what_escape_took(name):
    level = topics.escape(name)
    assert topics.unescape(level) == name
    assert level
    assert not set(level) & set("+#/. \x00")
    level.encode()  # no surrogates left


@given(ANY_TEXT, ANY_TEXT, st.sampled_from([*schema.KINDS, "evidence", "command"]), st.data())
def test_parse_gives_back_what_build_took(run, worker, kind, data):
    names = tuple(data.draw(ANY_TEXT) for _ in range(KINDS.get(kind, 0)))
    assert topics.parse(topics.build(run, worker, kind, *names)) == (run, worker, kind, names)


@given(messages())
def test_every_message_has_a_topic_that_names_it(message):
    parsed = topics.parse(topics.of_message(message).topic)
    assert (parsed.run, parsed.worker) == (message.run, message.worker)
    assert schema.KINDS[parsed.kind] is type(message)


@given(st.text(max_size=60))
def test_other_topics_raise_only_decode_error(topic):
    with pytest.raises(DecodeError):
        topics.parse(topic)


@given(ANY_TEXT)
def test_foreign_levels_raise_only_decode_error(level):
    try:
        name = topics.unescape(level)
    except DecodeError:
        return
    assert topics.escape(name) == level


@pytest.mark.parametrize(
    ("kind", "topic", "qos", "retain"),
    [
        ("info", "info", 1, True),
        ("status", "status", 1, True),
        ("progress", "progress", 1, True),
        ("state", "state", 1, True),
        ("episode_started", "episode/started", 1, False),
        ("episode_ended", "episode/ended", 1, False),
        ("step", "step", 1, False),
        ("hypotheses", "hypotheses/LM_0", 0, False),
        ("metric", "metric/loss", 1, False),
        ("data", "data/sensor_data", 1, False),
        ("histogram", "histogram/weights", 1, False),
        ("table", "table/confusion", 1, False),
        ("log", "log/warning", 1, False),
        ("event", "event/burst_sampling", 1, False),
        ("command_result", "command/result", 1, False),
        ("end", "end", 1, False),
    ],
)
def test_where_each_kind_goes(kind, topic, qos, retain):
    where = "monty/v1/randrot_10distinctobj-20261123T101500-3f9a/main/" + topic
    assert topics.of_message(EXAMPLES[kind]) == (where, qos, retain)


@pytest.mark.parametrize(
    ("kind", "topic", "qos", "retain"),
    [
        ("frame", "frame/patch/depth", 0, True),
        ("object_model", "model/LM_0/mug", 1, True),
        ("image", "image/saliency", 0, False),
        ("points", "points/touched", 0, False),
    ],
)
def test_where_what_is_no_json_goes(kind, topic, qos, retain):
    where = "monty/raw/v1/randrot_10distinctobj-20261123T101500-3f9a/main/" + topic
    assert topics.of_message(EXAMPLES[kind]) == (where, qos, retain)


def test_a_kind_with_a_name_needs_it():
    with pytest.raises(ValueError, match="metric has 1 names, not 0"):
        topics.build("x", "main", "metric")


def test_the_bridge_s_and_influx_s_own_topics():
    assert topics.bridge_topic("a/b", "status") == "monty/bridge/v1/a%2Fb/status"
    assert topics.influx_topic("x.y") == "monty/influx/v1/x%2Ey"
    assert topics.influx_topic("x.y", 2) == "monty/influx/v1/2/x%2Ey"
