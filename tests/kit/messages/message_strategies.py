"""Provides Hypothesis strategies for messages of every kind, with any content that JSON can carry."""

from __future__ import annotations

from typing import Any, Dict, List, Union, get_type_hints

import msgspec
from hypothesis import strategies as st

from monty_mqtt.wire import schema

NAMES = st.one_of(
    st.text(alphabet=st.characters(blacklist_categories=("Cs",)), max_size=40),
    st.sampled_from(
        ["a/b", "+", "#", ".", "%", "%2F", " ", "", "$SYS", "日本", "🤖" * 300, "\x00", "\n", '"', "a" * 300]
    ),
)
"""Names of runs, workers, objects, sensors and streams; troublesome ones are frequent."""

WHOLE = st.integers(-(2**63), 2**63 - 1)
REAL = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), WHOLE, REAL, NAMES),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=6,
)


def of_type(annotation: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for the type of a field; knows only types that the schema uses."""
    simple = {int: WHOLE, float: REAL, str: NAMES, bool: st.booleans(), Any: JSON, type(None): st.none()}
    if annotation in simple:
        return simple[annotation]
    origin, arguments = getattr(annotation, "__origin__", None), getattr(annotation, "__args__", ())
    if origin is Union:
        return st.one_of([of_type(argument) for argument in arguments])
    if origin in (list, List):
        return st.lists(of_type(arguments[0]), max_size=3)
    if origin in (dict, Dict):
        return st.dictionaries(of_type(arguments[0]), of_type(arguments[1]), max_size=3)
    return of_struct(annotation)


def of_struct(cls: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for a Struct; each optional field may be missing."""
    hints = get_type_hints(cls)
    fields = {field.name: of_type(hints[field.name]) for field in msgspec.structs.fields(cls)}
    required = {field.name: fields[field.name] for field in msgspec.structs.fields(cls) if field.required}
    optional = {name: strategy for name, strategy in fields.items() if name not in required}
    return st.fixed_dictionaries(required, optional=optional).map(lambda filled: cls(**filled))


def messages() -> st.SearchStrategy[Any]:
    """Return a strategy for messages of every kind."""
    return st.one_of([of_struct(cls) for cls in schema.KINDS.values()])
