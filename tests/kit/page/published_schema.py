"""Compares an answer of the page with what `/openapi.json` says of its address, strictly: no unknown field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

import monty_mqtt_liveview

FILE = Path(monty_mqtt_liveview.__file__).parent / "web" / "openapi.json"


class PublishedSchema:
    """Knows the description, as a page published it or as it ships."""

    def __init__(self, described: dict[str, Any] | None = None) -> None:
        self.described = described or json.loads(FILE.read_text())
        self._components = {"schemas": dict(self._closed(self.described["components"]["schemas"]))}

    def operation(self, name: str) -> dict[str, Any]:
        """Return the description of an address, by its method and path: `GET /api/runs`."""
        method, _, path = name.partition(" ")
        return self.described["paths"][path][method.lower()]

    def responses(self, name: str) -> dict[str, Any]:
        """Return the answers of an address by status, those that are referred to included."""
        return {status: self._resolved(answer) for status, answer in self.operation(name)["responses"].items()}

    def wrong(self, name: str, status: int, media: str, value: Any = None) -> list[str]:
        """Return what of an answer is not as described; nothing for what is not JSON."""
        answer = self.responses(name).get(str(status))
        if answer is None:
            return [f"{status} is not described"]
        if media not in answer["content"]:
            return [f"{media} is not described"]
        return self.wrong_value(answer["content"][media]["schema"], value) if media == "application/json" else []

    def wrong_value(self, schema: dict[str, Any], value: Any) -> list[str]:
        """Return what of a value is not as the schema says."""
        validator = Draft202012Validator({**schema, "components": self._components})
        return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(value)]

    def _resolved(self, answer: dict[str, Any]) -> dict[str, Any]:
        if "$ref" not in answer:
            return answer
        return self.described["components"]["responses"][answer["$ref"].rpartition("/")[2]]

    @staticmethod
    def _closed(schemas: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        """Yield the schemas, as they are for who takes no unknown field."""
        for name, schema in schemas.items():
            yield name, {**schema, "additionalProperties": False}


def address_of(path: str, method: str = "GET") -> str:
    """Return the name of the address that a request went to."""
    plain = path.partition("?")[0]
    for name in PublishedSchema().described["paths"]:
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", name), plain):
            return f"{method} {name}"
    raise AssertionError(path)
