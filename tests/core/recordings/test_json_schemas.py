"""The schemas inside a recording: right for validators, and simple enough for Foxglove."""

import jsonschema
import msgspec
import pytest

from monty_mqtt.wire import schema
from monty_mqtt_core.recordings import foxglove_forms, json_schemas

HEAD = {"run": "r", "worker": "main", "seq": 3, "time_unix_nanos": 5}
PLAIN = {"boolean", "string", "number", "integer", "object", "array"}


def foxglove_takes(node, path=""):
    """The rules of Foxglove's parser (@foxglove/mcap-support, parseJsonSchema), which throws where one is broken."""
    assert node["type"] == "object", path
    assert "$ref" not in node, path
    for name, field in node["properties"].items():
        assert field.get("type") in PLAIN, f"{path}.{name}: {field}"
        if field["type"] == "object":
            foxglove_takes(field, f"{path}.{name}")
        if field["type"] == "array":
            assert field["items"]["type"] in PLAIN - {"array"}, f"{path}.{name}"
            if field["items"]["type"] == "object":
                foxglove_takes(field["items"], f"{path}.{name}[]")


@pytest.mark.parametrize("kind", sorted(schema.KINDS))
def test_every_kind_has_a_schema_that_foxglove_takes(kind):
    schema_of_kind = json_schemas.of_kind(kind)
    jsonschema.Draft202012Validator.check_schema(schema_of_kind)
    foxglove_takes(schema_of_kind)


def test_the_image_schema_is_one_that_foxglove_takes():
    for known in foxglove_forms.SCHEMAS.values():
        jsonschema.Draft202012Validator.check_schema(known)
        foxglove_takes(known)


def valid(message):
    kind = message.__struct_config__.tag
    plain = msgspec.json.decode(schema.encode(message))
    return jsonschema.Draft202012Validator(json_schemas.of_kind(kind)).is_valid(plain)


def test_nulls_inside_lists_and_mappings_are_valid():
    believes = schema.LearningModuleStep(
        evidence={"mug": None, "bowl": 1.5},
        most_likely=schema.Hypothesis(object="mug", location=[None, 0.0, 1]),
    )
    step = schema.Step(**HEAD, mode="eval", epoch=0, episode=0, step=1, learning_modules={"lm": believes})
    assert valid(step)


@pytest.mark.parametrize("value", [None, 1, "x", [1, None], {"a": {"b": []}}])
def test_data_may_be_any_json(value):
    assert valid(schema.Data(**HEAD, stream="s", data=value))


@pytest.mark.parametrize(
    ("name", "wrong"), [("seq", "3"), ("worker", None), ("kind", "metric"), ("actions", [1]), ("learning_modules", [])]
)
def test_a_wrong_value_is_not_valid(name, wrong):
    step = schema.Step(**HEAD, mode="eval", epoch=0, episode=0, step=1)
    plain = {**msgspec.json.decode(schema.encode(step)), name: wrong}
    assert not jsonschema.Draft202012Validator(json_schemas.of_kind("step")).is_valid(plain)


def test_a_wrong_location_is_not_valid_although_foxglove_does_not_see_it():
    believes = {"most_likely": {"object": "mug", "location": ["x"]}}
    plain = {**HEAD, "kind": "step", "mode": "eval", "epoch": 0, "episode": 0, "step": 1}
    validator = jsonschema.Draft202012Validator(json_schemas.of_kind("step"))
    assert validator.is_valid(plain)
    assert not validator.is_valid({**plain, "learning_modules": {"lm": believes}})
