"""Messages -> line protocol, read back by a strict parser of the specification."""

from __future__ import annotations

import re
import struct
import urllib.parse

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.bridge import make
from kit.history.line_parser import LineError, Point, parse
from kit.messages.message_examples import EXAMPLES
from kit.messages.message_strategies import NAMES, messages

from monty_mqtt.wire import schema
from monty_mqtt.wire.vocabulary import STATUS_CODES
from monty_mqtt_core.influx import line_protocol
from monty_mqtt_core.influx.line_protocol import Misfits
from monty_mqtt_core.influx.points import FIELDS, bridge_health, frame, lines_of, run_health

TAGS = {"run", "worker", "experiment", "learning_module", "name", "mode"}
RESERVED = {"time", "_field", "_measurement", "_time", ""}
OF_OBJECTS = {"evidence", "confusion"}
"""Measurements whose fields are named by objects."""


def points_of(message, experiment="exp", misfits=None, **how) -> list[Point]:
    lines = lines_of(message, experiment, Misfits() if misfits is None else misfits, **how)
    return parse("".join(line + "\n" for line in lines).encode())


def by_measurement(points) -> dict[str, list[Point]]:
    grouped: dict[str, list[Point]] = {}
    for point in points:
        grouped.setdefault(point.measurement, []).append(point)
    return grouped


def test_a_step_is_a_point_of_its_own_and_two_per_learning_module():
    step = EXAMPLES["step"]
    points = by_measurement(points_of(step))
    name, module = next(iter(step.learning_modules.items()))
    whole, of_module = points["step"][:2]
    assert "learning_module" not in whole.tags
    assert whole.tags["mode"] == step.mode
    assert whole.time == step.time_unix_nanos
    assert whole.fields["total_step"] == step.total_step
    assert of_module.tags["learning_module"] == name
    assert of_module.fields["most_likely_object"] == of_module.fields["most_likely_name"] == module.most_likely.object
    assert of_module.fields["is_correct"] == module.is_correct == 1
    assert of_module.fields["evidence"] == module.most_likely.evidence
    assert of_module.fields["margin"] == module.margin
    assert of_module.fields["possible_matches"] == len(module.possible_matches)
    assert of_module.fields["prediction_error"] == module.prediction_error
    assert (of_module.fields["goal_object"], of_module.fields["is_goal_achieved"]) == (module.goal_object, 0)
    evidence = points["evidence"][0]
    assert evidence.fields == {name: value for name, value in module.evidence.items() if value is not None}


def test_an_episode_carries_correct_and_used_mlh_as_whole_numbers():
    ended = EXAMPLES["episode_ended"]
    whole, of_module, *_ = points_of(ended)
    assert whole.fields["correct"] == ended.correct
    assert whole.fields["outcome"] == ended.outcome
    assert of_module.fields["correct"] in (0, 1)
    assert of_module.fields["used_mlh"] in (0, 1)


def test_a_metric_is_one_float_and_its_metadata_one_string():
    (point,) = points_of(make(schema.Metric, 0, name="los s", value=3, metadata={"epoch": 1, "who": 'a"b'}))
    assert point.tags["name"] == "los s"
    assert point.fields == {"value": 3.0, "metadata": '{"epoch":1,"who":"a\\"b"}'}
    assert isinstance(point.fields["value"], float)


def test_a_metric_that_was_not_finite_has_no_value():
    assert points_of(make(schema.Metric, 0, value=None)) == []
    (point,) = points_of(make(schema.Metric, 0, value=None, metadata={"a": 1}))
    assert list(point.fields) == ["metadata"]
    (point,) = points_of(make(schema.Metric, 0, value=None, not_finite="-inf"))
    assert point.fields == {"not_finite": "-inf"}


def test_progress_has_the_accuracy_of_each_mode_ready():
    modes = {"eval": schema.ModeProgress(episodes_done=8, accuracy=0.75), "train": schema.ModeProgress(accuracy=0.0)}
    whole, *_ = points_of(make(schema.Progress, 0, episodes_done=8, modes=modes))
    assert (whole.fields["eval_accuracy"], whole.fields["train_accuracy"]) == (0.75, 0.0)
    (nothing,) = points_of(make(schema.Progress, 0))
    assert not {"accuracy", "eval_accuracy", "train_accuracy"} & nothing.fields.keys()


def test_progress_has_its_rates_and_its_end_ready():
    secs, end = 1_795_000_000, 1_795_000_060_000_000_000
    point, *_ = points_of(
        make(
            schema.Progress,
            0,
            time_unix_nanos=secs * 10**9,
            episodes_done=5,
            episodes_expected=20,
            elapsed_secs=100.0,
            modes={"train": schema.ModeProgress(steps=200), "eval": schema.ModeProgress(steps=300)},
            estimated_end_unix_nanos=end,
        )
    )
    assert point.fields["done_ratio"] == 0.25
    assert point.fields["episodes_per_hour"] == 180.0
    assert point.fields["steps_per_sec"] == 5.0
    assert point.fields["remaining_secs"] == 60.0
    assert point.fields["estimated_end_unix_millis"] == end // 10**6
    unknown = {"done_ratio", "episodes_per_hour", "steps_per_sec", "remaining_secs", "estimated_end_unix_millis"}
    assert not unknown & set(points_of(make(schema.Progress, 0))[0].fields)


def test_an_estimated_end_that_has_passed_leaves_no_negative_time():
    (point,) = points_of(make(schema.Progress, 0, estimated_end_unix_nanos=1))
    assert point.fields["remaining_secs"] == 0.0


@pytest.mark.parametrize(("word", "code"), STATUS_CODES.items())
def test_a_status_carries_its_code(word, code):
    (point,) = points_of(make(schema.Status, 0, status=word))
    assert (point.fields["status"], point.fields["status_code"]) == (word, code)


def test_what_the_bridge_says_of_a_status_is_a_series_of_its_own():
    status = make(schema.Status, 0)
    assert points_of(status)[0].tags != points_of(status, by_bridge=True)[0].tags


def test_a_status_carries_where_the_page_shows_the_run():
    (point,) = points_of(make(schema.Status, 0), page_url="http://page/run/run")
    assert point.fields["page_url"] == "http://page/run/run"
    assert "page_url" not in points_of(make(schema.Status, 0))[0].fields


def test_both_images_of_a_sensor_are_fields_of_one_series():
    size = {"sensor": "patch", "episode": 3, "step": 7, "height": 1, "width": 1}
    colour, depth = (
        parse(f"{frame(make(schema.Frame, seq, modality=modality, **size), f'u{seq}', 'exp', Misfits())}\n".encode())[0]
        for seq, modality in enumerate(("rgba", "depth"))
    )
    assert colour.tags == depth.tags == {"experiment": "exp", "name": "patch", "run": "run", "worker": "main"}
    assert colour.fields == {"rgba_url": "u0", "episode": 3, "step": 7}
    assert depth.fields == {"depth_url": "u1", "episode": 3, "step": 7}


@pytest.mark.parametrize(
    "kind", ["info", "data", "state", "hypotheses", "frame", "object_model", "end", "command_result"]
)
def test_these_do_not_go_to_influxdb(kind):
    assert points_of(EXAMPLES[kind]) == []


@pytest.mark.parametrize("kind", EXAMPLES)
def test_the_golden_examples_fit(kind):
    if kind == "command":
        return
    misfits = Misfits()
    points_of(EXAMPLES[kind], misfits=misfits)
    assert misfits.count == 0, misfits.last


@settings(deadline=None)
@given(messages(), st.one_of(st.none(), NAMES))
def test_any_message_reads_back_with_declared_types_only(message, experiment):
    points = points_of(message, experiment)
    series_and_times = [(read_back.measurement, tuple(read_back.tags.items()), read_back.time) for read_back in points]
    assert len(set(series_and_times)) == len(points), "two points share series and time"
    for point in points:
        assert set(point.tags) <= TAGS
        assert point.time == message.time_unix_nanos or point.measurement == "timeline"
        for name, value in point.fields.items():
            assert type(value) is (float if point.measurement in OF_OBJECTS else FIELDS[point.measurement][name])


@given(messages())
def test_a_message_sent_again_is_the_same_points(message):
    assert lines_of(message, "e", Misfits()) == lines_of(
        msgspec.json.decode(schema.encode(message), type=type(message)), "e", Misfits()
    )


@given(st.dictionaries(NAMES, st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5))
def test_evidence_is_exact_to_the_bit(evidence):
    step = make(schema.Step, 0, learning_modules={"LM": schema.LearningModuleStep(evidence=evidence)})
    misfits = Misfits()
    evidence_points = [point for point in points_of(step, misfits=misfits) if point.measurement == "evidence"]
    stored = {
        plain(name): struct.pack(">d", value) for point in evidence_points for name, value in point.fields.items()
    }
    sent = {name: struct.pack(">d", value) for name, value in evidence.items()}
    assert {name: value for name, value in sent.items() if line_protocol.key(name) is not None} == stored


def plain(name: str) -> str:
    """Undo the percent-encoding of what may not stand in a tag or key."""
    return "" if name == "%" else re.sub(r"(?:%[0-9A-F]{2})+", lambda match: urllib.parse.unquote(match[0]), name)


@given(NAMES)
def test_a_tag_reads_back_whatever_the_name(name):
    line = line_protocol.point({"a": int}, line_protocol.series("m", "name", name), [("a", 1)], 5, Misfits())
    assert plain(parse(f"{line}\n".encode())[0].tags["name"]) == name


@given(st.dictionaries(NAMES, st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_evidence_reads_back_whatever_the_objects(evidence):
    misfits = Misfits()
    line = line_protocol.floats("evidence", evidence, 5, misfits)
    read = parse(f"{line}\n".encode())[0].fields if line else {}
    assert {plain(name): value for name, value in read.items()} == {
        name: value for name, value in evidence.items() if name not in RESERVED
    }
    assert misfits.count == len(RESERVED & set(evidence))


@given(st.text(alphabet=st.characters(blacklist_categories=("Cs",))))
def test_a_stored_name_is_read_back(name):
    assert line_protocol.name_of(line_protocol.stored_name(name)) == name


@given(st.text(alphabet=st.characters(blacklist_categories=("Cs",)), max_size=300))
def test_a_string_reads_back_but_for_control_characters(text):
    line = line_protocol.point({"a": str}, "m", [("a", text)], 5, Misfits())
    expected = re.sub("[\x00-\x08\x0b-\x1f\x7f]", "\N{REPLACEMENT CHARACTER}", text)
    assert parse(f"{line}\n".encode())[0].fields["a"] == expected


@pytest.mark.parametrize(
    "name", ["a\\", "a\\,b=c d", "\\n", "%2F", "%", "100%", "a\nb", "\x00", "日本", "🤖", "a,b", "a=b", "a b", "'\""]
)
def test_troublesome_names(name):
    prefix = line_protocol.series("m", "name", name)
    line = line_protocol.point({"a": int}, prefix, [("a", 1)], 5, Misfits())
    assert plain(parse(f"{line}\n".encode())[0].tags["name"]) == name


def test_a_missing_tag_is_left_out_and_an_empty_one_written():
    assert line_protocol.series("m", "a", None, "b", "") == "m,b=%"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (int, 2**63),
        (int, -(2**63) - 1),
        (int, 1.0),
        (int, "1"),
        (float, "1"),
        (float, float("nan")),
        (float, float("-inf")),
        (float, 10**400),
        (float, True),
        (str, 1),
        (str, None),
    ],
)
def test_what_does_not_fit_is_counted_and_not_sent(kind, value):
    misfits = Misfits()
    assert line_protocol.point({"a": kind}, "m", [("a", value)], 5, misfits) is None
    assert misfits.count == (value is not None)


@pytest.mark.parametrize("name", ["time", "_field", "_measurement", "_time", "", "x" * 70_000])
def test_an_object_that_influxdb_has_no_room_for_is_counted_and_not_sent(name):
    misfits = Misfits()
    line = line_protocol.floats("evidence", {name: 1.0, "mug": 2.0}, 5, misfits)
    assert parse(f"{line}\n".encode())[0].fields == {"mug": 2.0}
    assert misfits.count == 1


@pytest.mark.parametrize("time", [2**63, -(2**63), 2**63 - 1])
def test_a_time_outside_influxdbs_range_is_counted_and_not_sent(time):
    misfits = Misfits()
    assert lines_of(make(schema.Metric, 0, time_unix_nanos=time), None, misfits) == []
    assert misfits.count == 1


def test_names_too_long_for_a_series_are_counted_and_not_sent():
    misfits = Misfits()
    assert lines_of(make(schema.Metric, 0, run="r" * 65_000), None, misfits) == []
    assert misfits.count == 1


def test_long_text_is_cut():
    (point,) = points_of(make(schema.Log, 0, level="error", message="é" * 100_000))
    assert len(point.fields["message"].encode()) <= line_protocol.LONGEST_STRING_BYTES
    assert point.fields["message"].endswith("é…")


def test_run_health_and_bridge_health():
    misfits = Misfits()
    values = {"status_code": 1, "stalled": True, "secs_since_step": 0.5, "lost": 0, "dropped": 0}
    (point,) = parse(f"{run_health('r', 'w', 'e', values, 7, misfits)}\n".encode())
    assert point.fields == {**values, "stalled": 1}
    (point,) = parse(f"{bridge_health('b', {'lost': 3, 'other': 1}, 7, misfits)}\n".encode())
    assert point == Point("bridge_health", {"name": "b"}, {"lost": 3}, 7)
    assert misfits.count == 0


@pytest.mark.parametrize(
    "bad",
    [
        "m a=1",
        "m a=1 5 ",
        "m a= 5",
        'm a="x 5',
        "m,=b a=1 5",
        "m,b= a=1 5",
        "m,b=x\\ a=1 5",
        "m a=nan 5",
        "m a=1,a=2 5",
        "m,b=1,a=2 a=1 5",
        "m time=1 5",
        " a=1 5",
        "m a=9223372036854775808i 5",
    ],
)
def test_the_parser_of_these_tests_is_strict(bad):
    with pytest.raises(LineError):
        parse(f"{bad}\n".encode())
