"""Serves what programs need to know of the page's addresses: `/openapi.json`, and the same to read, `/api`.

Called by `server`, which adds these routes. `tools/openapi.py` writes the file; the document for people is made from it
at the first request, and needs neither scripts nor other files than the page's own.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

__all__ = ["reference_routes"]

_FILE = Path(__file__).with_name("openapi.json")
_TEMPLATE = Path(__file__).with_name("reference.html")
_FRESH = {"Cache-Control": "no-cache"}
_CODE = re.compile(r"`([^`]+)`")
_STREAMED = "101"


def reference_routes() -> APIRouter:
    """Return the routes of the description."""
    routes = APIRouter()

    @routes.get("/openapi.json")
    def description() -> Response:
        return Response(_FILE.read_bytes(), media_type="application/json", headers=_FRESH)

    @routes.get("/api")
    def reference() -> Response:
        return HTMLResponse(_document(), headers=_FRESH)

    return routes


@cache
def _document() -> str:
    described = json.loads(_FILE.read_text(encoding="utf-8"))
    addresses: dict[str, list[str]] = {}
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            addresses.setdefault(operation["tags"][0], []).append("".join(_address(method, path, operation)))
    parts = [f"<h2>{html.escape(tag.capitalize())}</h2>{''.join(texts)}" for tag, texts in addresses.items()]
    types = [_type(name, schema) for name, schema in described["components"]["schemas"].items()]
    refusals = [_text(answer["description"]) for answer in described["components"]["responses"].values()]
    values = {
        "rules": _text(described["info"]["description"]),
        "refusals": " ".join(refusals),
        "addresses": "".join(parts),
        "types": "".join(types),
    }
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(values)


def _address(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    is_live = _STREAMED in operation["responses"]
    word = "WebSocket" if is_live else method.upper()
    yield f'<section><h3 id="{operation["operationId"]}">{word} <code>{html.escape(path)}</code></h3>'
    yield f"<p>{_text(operation['summary'])}</p><pre>{html.escape(_command(method, operation, is_live=is_live))}</pre>"
    rows = [_row(*_parameter(parameter)) for parameter in operation["parameters"]]
    if rows:
        yield f"<table><tr><th>parameter</th><th>type</th><th>meaning</th></tr>{''.join(rows)}</table>"
    if body := operation.get("requestBody"):
        yield f"<p>Body: {_kind(body['content']['application/json']['schema'])}</p>"
    rows = [_row(status, *_answer(answer)) for status, answer in operation["responses"].items() if "content" in answer]
    yield f"<table><tr><th>status</th><th>answer</th><th>when, what</th></tr>{''.join(rows)}</table></section>"


def _command(method: str, operation: Mapping[str, Any], *, is_live: bool) -> str:
    """Return an example for a terminal."""
    if is_live:
        return f"ws://127.0.0.1:8000{operation['x-example']}"
    words = "curl -fsS"
    if method == "post":
        words += " -X POST"
    if body := operation.get("requestBody"):
        words += f" --json '{json.dumps(body['content']['application/json']['example'], ensure_ascii=False)}'"
    return f"{words} 'http://127.0.0.1:8000{operation['x-example']}'"


def _parameter(parameter: Mapping[str, Any]) -> tuple[str, str, str]:
    schema = parameter["schema"]
    words = [_kind(schema)]
    if "minimum" in schema:
        most = f" to {schema['maximum']:g}" if "maximum" in schema else " or more"
        words.append(f"{schema['minimum']:g}{most}")
    if schema.get("default") not in (None, ""):
        words.append(f"default {html.escape(str(schema['default']))}")
    elif parameter["in"] == "query":
        words.append("needed" if parameter["required"] else "optional")
    return f"<code>{html.escape(parameter['name'])}</code>", ", ".join(words), _text(parameter["description"])


def _answer(answer: Mapping[str, Any]) -> tuple[str, str]:
    kinds = [
        _kind(content["schema"]) if kind == "application/json" else f"<code>{kind}</code>"
        for kind, content in answer["content"].items()
    ]
    return ", ".join(kinds), _text(answer["description"])


def _type(name: str, schema: Mapping[str, Any]) -> str:
    needed = schema.get("required", ())
    rows = [
        _row(
            f"<code>{html.escape(field)}</code>",
            _kind(shape) + ("" if field in needed else ", may be absent"),
            _text(shape.get("description", "")),
        )
        for field, shape in schema["properties"].items()
    ]
    table = f"<table><tr><th>field</th><th>type</th><th>meaning</th></tr>{''.join(rows)}</table>" if rows else ""
    return f'<section><h3 id="{name}">{name}</h3><p>{_text(schema["description"])}</p>{table}</section>'


def _kind(schema: Mapping[str, Any]) -> str:
    """Return the name of a type, as HTML."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(map(_kind, schema["anyOf"]))
    if "enum" in schema:
        return " or ".join(f"<code>{html.escape(str(word))}</code>" for word in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    if schema.get("type") == "object":
        return f"object of {_kind(schema['additionalProperties'])}" if schema.get("additionalProperties") else "object"
    return str(schema.get("type", "any value"))


def _row(*cells: str) -> str:
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _text(words: str) -> str:
    return _CODE.sub(r"<code>\1</code>", html.escape(words))
