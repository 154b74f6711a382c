"""The words that several programs compare are words of the schema, and their sets do not contradict each other."""

import pytest

from monty_mqtt.wire import schema
from monty_mqtt.wire.vocabulary import (
    BUFFER_KINDS,
    BULK_KINDS,
    ENDED_STATUSES,
    FINAL_STATUSES,
    LIVE_STATUSES,
    OFFLINE,
    ONLINE,
    RAW_KINDS,
    RETAINED_KINDS,
    STATUS_CODES,
    UNRECORDED_KINDS,
    is_online,
    verdict,
)


def test_every_status_word_has_its_own_code():
    assert sorted(STATUS_CODES.values()) == list(range(len(STATUS_CODES)))


def test_every_status_word_is_live_or_final():
    assert STATUS_CODES.keys() == LIVE_STATUSES | FINAL_STATUSES
    assert not LIVE_STATUSES & FINAL_STATUSES
    assert ENDED_STATUSES < FINAL_STATUSES


def test_bulk_kinds_are_kinds():
    assert set(schema.KINDS) > BULK_KINDS


@pytest.mark.parametrize("kinds", [BUFFER_KINDS, RAW_KINDS, RETAINED_KINDS])
def test_each_set_of_kinds_holds_kinds(kinds):
    assert set(schema.KINDS) > kinds


def test_what_is_not_recorded_is_no_message_of_an_experiment():
    assert not UNRECORDED_KINDS & schema.KINDS.keys()


def test_only_the_word_online_is_online():
    assert is_online(ONLINE)
    assert not is_online(OFFLINE)
    assert not is_online(b"")


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("correct", (1, 0)),
        ("correct_mlh", (1, 1)),
        ("confused_mlh", (0, 1)),
        ("confused", (0, 0)),
        ("time_out", (0, 0)),
    ],
)
def test_verdict(outcome, expected):
    assert verdict(outcome) == expected
