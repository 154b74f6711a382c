"""Golden bytes, round trips, and bytes that are no message."""

import contextlib
import json
from typing import get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.messages.message_examples import EXAMPLES, GOLDEN, golden_text
from kit.messages.message_strategies import messages

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import message_pieces, schema


def fields_left_at_default(struct):
    for field in msgspec.structs.fields(struct):
        value = getattr(struct, field.name)
        if not field.required and value == (
            field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
        ):
            yield f"{type(struct).__name__}.{field.name}"


@pytest.mark.parametrize("kind", EXAMPLES)
def test_golden_bytes(kind):
    assert (GOLDEN / f"{kind}.json").read_text(encoding="utf-8") == golden_text(EXAMPLES[kind]), (
        "the wire changed; if that is meant: python tests/kit/messages/message_examples.py"
    )


@pytest.mark.parametrize("kind", EXAMPLES)
def test_examples_fill_every_field(kind):
    assert list(fields_left_at_default(EXAMPLES[kind])) == []


def test_there_is_an_example_and_a_golden_file_of_every_kind_and_no_other():
    assert set(EXAMPLES) == {*schema.KINDS, "command"}
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(EXAMPLES)


@pytest.mark.parametrize("kind", schema.KINDS)
def test_golden_bytes_decode_to_the_example(kind):
    assert schema.decode((GOLDEN / f"{kind}.json").read_bytes()) == EXAMPLES[kind]


@pytest.mark.parametrize("kind", schema.KINDS)
def test_a_later_sender_s_unknown_fields_are_skipped(kind):
    later = json.loads((GOLDEN / f"{kind}.json").read_bytes())
    later["a_field_of_tomorrow"] = {"deep": [1, 2, 3]}
    assert schema.decode(json.dumps(later).encode()) == EXAMPLES[kind]


@pytest.mark.parametrize("kind", schema.KINDS)
def test_an_earlier_sender_s_missing_fields_get_defaults(kind):
    known = json.loads((GOLDEN / f"{kind}.json").read_bytes())
    required = {field.encode_name for field in msgspec.structs.fields(schema.KINDS[kind]) if field.required}
    earlier = {name: value for name, value in known.items() if name in required or name == "kind"}
    assert schema.decode(json.dumps(earlier).encode()).seq == EXAMPLES[kind].seq


@pytest.mark.parametrize("kind", schema.KINDS)
@pytest.mark.parametrize("missing", ["run", "worker", "seq", "time_unix_nanos", "kind"])
def test_what_every_message_carries_is_required(kind, missing):
    known = json.loads((GOLDEN / f"{kind}.json").read_bytes())
    del known[missing]
    with pytest.raises(DecodeError):
        schema.decode(json.dumps(known).encode())


@given(messages())
def test_decode_gives_back_what_encode_took(message):
    assert schema.decode(schema.encode(message)) == message


@given(st.binary(max_size=300))
def test_random_bytes_raise_only_decode_error(noise):
    with pytest.raises(DecodeError):
        schema.decode(noise)


@given(messages(), st.data())
def test_damaged_messages_raise_only_decode_error(message, data):
    wire = bytearray(schema.encode(message))
    for _ in range(data.draw(st.integers(1, 5))):
        wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(wire)))
    for damaged in (bytes(wire), bytes(wire[:cut])):
        with contextlib.suppress(DecodeError):
            schema.decode(damaged)


@pytest.mark.parametrize(
    "noise",
    [
        b"",
        b"null",
        b"[]",
        b'{"kind":"metric"}',
        b'{"kind":"unheard-of","run":"x"}',
        b'{"kind":1}',
        b"[" * 100_000,
        b"\xff\xfe{",
    ],
)
def test_what_is_no_message_raises_decode_error(noise):
    with pytest.raises(DecodeError):
        schema.decode(noise)


@pytest.mark.parametrize(
    "cls", [*schema.KINDS.values(), schema.Command, *(getattr(message_pieces, name) for name in message_pieces.__all__)]
)
def test_annotations_can_be_evaluated_here(cls):
    assert get_type_hints(cls)
