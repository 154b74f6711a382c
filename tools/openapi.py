"""This tool writes the description of the page's addresses, `openapi.json`; a test fails if it is not up to date.

usage: .venv/bin/python tools/openapi.py

What an address answers and is for stands in `liveview/monty_mqtt_liveview/answers/`; its parameters are those of the
routes. Run `make web` after it: the front end's types are made from the file.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from pathlib import Path
from typing import Any, cast

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIWebSocketRoute

from monty_mqtt_liveview import answers
from monty_mqtt_liveview.answers.address import MEANINGS, Address
from monty_mqtt_liveview.answers.addresses import ADDRESSES
from monty_mqtt_liveview.answers.media import Media
from monty_mqtt_liveview.answers.page_state import Refusal
from monty_mqtt_liveview.settings import PageConfig
from monty_mqtt_liveview.web.server import routes_of

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "liveview" / "monty_mqtt_liveview" / "web" / "openapi.json"
TEMPLATE = "#/components/schemas/{name}"
JSON = "application/json"
RULES = (inspect.getdoc(answers) or "").split("\n\n")[-1]
REFUSALS = {
    "LoginNeeded": (401, "a login is needed to look, and there is none."),
    "Misunderstood": (422, "a parameter is missing, or not of its type or range."),
    "Failed": (500, "the page failed at this; its log says more."),
}
"""Refusals that any address may answer with, by name: their status, and when."""


def main() -> int:
    """Write the file; return the exit code."""
    FILE.write_text(text(), encoding="utf-8")
    return 0


def text() -> str:
    """Return the file's content."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def document() -> dict[str, Any]:
    """Return the description, in OpenAPI 3.1."""
    types = [address.answers for address in ADDRESSES.values() if not isinstance(address.answers, Media)]
    types += [address.body for address in ADDRESSES.values() if address.body]
    types.append(Refusal)
    schemas, components = msgspec.json.schema_components(types, ref_template=TEMPLATE)
    schema_of = dict(zip(map(repr, types), schemas, strict=True))
    paths: dict[str, Any] = {}
    known = parameters()
    for name, address in ADDRESSES.items():
        method, _, path = name.partition(" ")
        paths.setdefault(path, {})[method.lower()] = operation(name, address, known[name], schema_of)
    return {
        "openapi": "3.1.0",
        "info": {"title": "The page of monty_mqtt", "version": "1", "description": " ".join(RULES.split())},
        "paths": paths,
        "components": {
            "responses": {name: refusal(f"{status}: {when}") for name, (status, when) in REFUSALS.items()},
            "schemas": {name: described(name, components[name]) for name in sorted(components)},
        },
    }


def application() -> FastAPI:
    """Return the page's application, as it is before a service; nobody asks it anything."""
    nothing = cast("Any", None)
    return routes_of(nothing, PageConfig(), nothing, nothing, nothing)


def parameters() -> dict[str, list[dict[str, Any]]]:
    """Return the parameters of every route, by its method and path, as FastAPI reads its signature."""
    app = application()
    known = {
        f"{method.upper()} {path}": operation.get("parameters", [])
        for path, operations in get_openapi(title="", version="", routes=app.routes)["paths"].items()
        for method, operation in operations.items()
    }
    live = [route for route in app.routes if isinstance(route, APIWebSocketRoute)]
    return known | {f"GET {route.path}": live_parameters(route) for route in live}


def live_parameters(route: APIWebSocketRoute) -> list[dict[str, Any]]:
    """Return the parameters of a WebSocket, which FastAPI leaves out."""
    signature = inspect.signature(route.endpoint, eval_str=True)
    return [
        {
            "name": name,
            "in": "query",
            "required": parameter.default is inspect.Parameter.empty,
            "schema": {"type": "string"}
            | ({} if parameter.default is inspect.Parameter.empty else {"default": parameter.default}),
        }
        for name, parameter in signature.parameters.items()
        if parameter.annotation is str
    ]


def operation(name: str, address: Address, known: list[dict[str, Any]], schema_of: dict[str, Any]) -> dict[str, Any]:
    """Return the description of one address."""
    method, _, path = name.partition(" ")
    words = re.findall(r"\w+", re.sub(r"\{\w+\}", "", path.removeprefix("/api")))
    shape: dict[str, Any] = {
        "operationId": "_".join([method.lower(), *words]),
        "tags": [tag_of(path)],
        "summary": address.summary,
        "x-example": address.example,
        "parameters": [parameter(each, address) for each in known],
    }
    if address.body:
        content = {"schema": schema_of[repr(address.body)], "example": json.loads(address.sent)}
        shape["requestBody"] = {"required": True, "content": {JSON: content}}
    return {**shape, "responses": responses(address, schema_of)}


def tag_of(path: str) -> str:
    """Return the group that an address belongs to."""
    if "/{worker}/" in path or "/latest/" in path:
        return "steps and images"
    if path.startswith("/api/run"):
        return "runs"
    return "live" if path.startswith("/live") else "the page"


def parameter(known: dict[str, Any], address: Address) -> dict[str, Any]:
    """Return a parameter with its meaning."""
    schema = {name: value for name, value in known["schema"].items() if name != "title"}
    if "anyOf" in schema:  # nothing in an address is null: it is left out
        schema = next(kind for kind in schema["anyOf"] if kind["type"] != "null")
    meaning = address.meanings.get(known["name"]) or MEANINGS[known["name"]]
    shape = {"name": known["name"], "in": known["in"], "required": known["required"]}
    return {**shape, "description": meaning, "schema": schema}


def responses(address: Address, schema_of: dict[str, Any]) -> dict[str, Any]:
    """Return the answers of an address, by status."""
    if isinstance(address.answers, Media):
        content = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in address.answers.types}
        meaning = address.answers.meaning
    else:
        content, meaning = {JSON: {"schema": schema_of[repr(address.answers)]}}, "the answer"
    if address.is_live:
        return {"101": {"description": "messages of this type, over WebSocket", "content": content}}
    shape = {200: {"description": meaning, "content": content}}
    shape |= {status: {"description": when, "content": content} for status, when in address.also.items()}
    shape |= {status: {"$ref": f"#/components/responses/{name}"} for name, (status, _) in REFUSALS.items()}
    shape |= {status: refusal(when) for status, when in address.refusals.items()}
    return {str(status): shape[status] for status in sorted(shape)}


def refusal(when: str) -> dict[str, Any]:
    """Return the description of a refusal."""
    return {"description": when, "content": {JSON: {"schema": {"$ref": TEMPLATE.format(name="Refusal")}}}}


def described(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a type with the words of its docstring at each field."""
    cls = schema_class(name)
    summary, _, _ = (inspect.getdoc(cls) or "").partition("Attributes:")
    words = {"kind": "Kind of the message.", **meanings(cls)}
    properties = {field: {"description": words[field], **shape} for field, shape in schema["properties"].items()}
    return {**schema, "description": " ".join(summary.split()), "properties": properties}


def schema_class(name: str) -> type[Any]:
    """Return the type of that name."""
    rooms = (f"{answers.__name__}.", "monty_mqtt.wire.")
    modules = [module for path, module in sys.modules.items() if path.startswith(rooms)]
    return next(getattr(module, name) for module in modules if hasattr(module, name))


def meanings(cls: type[Any]) -> dict[str, str]:
    """Return what a docstring and those of its bases say of each attribute."""
    (first,) = re.findall(r"^class \w+\((\w+)", inspect.getsource(cls))  # of a TypedDict, nothing else knows it
    base = getattr(sys.modules[cls.__module__], first)
    words = meanings(base) if isinstance(base, type) else {}
    _, _, attributes = (inspect.getdoc(cls) or "").partition("Attributes:\n")
    found = re.finditer(r"^    (\w+): (.*(?:\n        .*)*)", attributes, flags=re.MULTILINE)
    return words | {match[1]: " ".join(match[2].split()) for match in found}


if __name__ == "__main__":
    sys.exit(main())
