"""This module makes the JSON schemas that a recording carries, so that any MCAP reader understands it. Pure.

Called by `mcap_file`, which writes one schema per kind of message beside the messages.

The schemas are generated from `monty_mqtt.wire.schema`, then brought into the subset that Foxglove's parser accepts: no
references, every listed property with one plain type, every object with `properties`. A property without such a type
(any JSON, a list in which a number may be null) moves to `patternProperties`: validators check it there, and Foxglove's
parser skips it and still shows the values.
https://docs.foxglove.dev/docs/getting-started/custom/custom-schema-encodings
"""

import re
from typing import Any

import msgspec

from monty_mqtt.wire import schema
from monty_mqtt_core.payloads.from_mqtt import Cloud

__all__ = ["of_kind", "schema_name"]

_REF_PREFIX = "#/$defs/"
_NULL = {"type": "null"}
_PLAIN_TYPES = frozenset({"boolean", "string", "number", "integer", "object"})


def schema_name(kind: str) -> str:
    """Return the name of a kind's schema in a recording, such as `monty.Step`."""
    return f"monty.{schema.KINDS[kind].__name__}"


def of_kind(kind: str) -> dict[str, Any]:
    """Return the JSON schema of a kind's messages as they are published on MQTT.

    Raises:
        KeyError: There is no such kind.
    """
    published = Cloud if kind == "hypotheses" else schema.KINDS[kind]
    (root,), components = msgspec.json.schema_components([published], ref_template=_REF_PREFIX + "{name}")
    simple = _simplify(root, components)
    return {"$comment": f"monty_mqtt schema version {schema.SCHEMA_VERSION}", **simple}


def _simplify(node: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    node = _resolve(node, components)
    plain = {key: value for key, value in node.items() if key != "default"}
    if "enum" in plain:
        plain["type"] = "string"
    for key in ("items", "additionalProperties"):
        if isinstance(plain.get(key), dict):
            plain[key] = _simplify(plain[key], components)
    if "anyOf" in plain:
        plain["anyOf"] = [_simplify(choice, components) for choice in plain["anyOf"]]
    return _split_properties(plain, components) if plain.get("type") == "object" else plain


def _resolve(node: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    component = components[node["$ref"].removeprefix(_REF_PREFIX)]
    return _resolve(component, components)


def _split_properties(plain: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    patterns: dict[str, Any] = {}
    for name, node in plain.get("properties", {}).items():
        is_always_there = name in plain.get("required", ())
        simple = _simplify(node if is_always_there else _without_null(node), components)
        if _is_plain(simple):
            properties[name] = simple
        else:
            patterns[f"^{re.escape(name)}$"] = simple
    return {**plain, "properties": properties, **({"patternProperties": patterns} if patterns else {})}


def _without_null(node: dict[str, Any]) -> dict[str, Any]:
    """Return the type without null: a field with the default None is left out of the JSON."""
    choices = [choice for choice in node.get("anyOf", ()) if choice != _NULL]
    return choices[0] if len(choices) == 1 else node


def _is_plain(node: dict[str, Any]) -> bool:
    if node.get("type") == "array":
        return node.get("items", {}).get("type") in _PLAIN_TYPES
    return node.get("type") in _PLAIN_TYPES
