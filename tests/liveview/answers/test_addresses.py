"""`/openapi.json` is what routes and types make, names every address, and says what each thing means."""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from kit.page.published_schema import FILE, PublishedSchema

from monty_mqtt_liveview.answers.addresses import ADDRESSES, FOR_PEOPLE

ROOT = Path(__file__).resolve().parents[3]
DOCS = (ROOT / "docs" / "liveview.md").read_text()


@cache
def tool():
    spec = importlib.util.spec_from_file_location("openapi", ROOT / "tools" / "openapi.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_file_is_up_to_date():
    assert FILE.read_text() == tool().text(), "run: .venv/bin/python tools/openapi.py, then make web"


def test_every_address_of_the_page_is_described_or_for_people():
    assert sorted(tool().parameters()) == sorted({*ADDRESSES, *FOR_PEOPLE})


def test_everything_says_what_it_means():
    described = PublishedSchema().described
    for path, operations in described["paths"].items():
        for operation in operations.values():
            assert operation["summary"].endswith(".")
            names = re.findall(r"\{(\w+)\}", path)
            parameters = operation["parameters"]
            assert [parameter["name"] for parameter in parameters if parameter["in"] == "path"] == names
            assert all(parameter["description"] for parameter in parameters)
    for schema in described["components"]["schemas"].values():
        assert all(shape["description"] for shape in schema["properties"].values())


def test_the_schemas_are_schemas():
    for schema in PublishedSchema().described["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_no_two_addresses_share_a_name():
    operations = [each for path in PublishedSchema().described["paths"].values() for each in path.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations) == len(ADDRESSES)


@pytest.mark.parametrize("name", ADDRESSES)
def test_every_address_is_in_the_documentation(name):
    path = re.sub(r"\{(\w+)\}", r"<\1>", name.partition(" ")[2])
    assert f"`{path}" in DOCS


def test_a_field_that_is_not_described_is_found():
    schema = PublishedSchema()
    refusal = {"$ref": "#/components/schemas/Refusal"}
    assert schema.wrong_value(refusal, {"error": "why"}) == []
    assert schema.wrong_value(refusal, {"error": "why", "more": 1})
    assert schema.wrong_value(refusal, {"error": 1})
    assert schema.wrong_value(refusal, {})
