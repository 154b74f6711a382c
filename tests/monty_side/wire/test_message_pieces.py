"""The pieces of messages: round trips, and absence that costs nothing."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.messages.message_strategies import of_struct

from monty_mqtt.wire import message_pieces

PARTS = [getattr(message_pieces, name) for name in message_pieces.__all__]


@given(st.one_of([of_struct(cls) for cls in PARTS]))
def test_a_piece_is_read_back_as_it_was(part):
    assert msgspec.json.decode(msgspec.json.encode(part), type=type(part)) == part


@pytest.mark.parametrize("cls", PARTS)
def test_what_a_monty_lacks_is_left_out(cls):
    required = {field.name: "x" for field in msgspec.structs.fields(cls) if field.required}
    assert msgspec.json.decode(msgspec.json.encode(cls(**required))) == required


@pytest.mark.parametrize("cls", PARTS)
def test_pieces_are_frozen(cls):
    part = cls(**{field.name: "x" for field in msgspec.structs.fields(cls) if field.required})
    with pytest.raises(AttributeError):
        setattr(part, msgspec.structs.fields(cls)[0].name, "y")
