"""What goes wrong in the monitor ends in the guard."""

from __future__ import annotations

import logging

import pytest

from monty_mqtt.errors import AbortRequested
from monty_mqtt.monitor.error_guard import ErrorGuard


def fail(error):
    raise error


def test_errors_are_counted_and_logged_once_per_kind_and_place(caplog):
    guard = ErrorGuard()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            with guard:
                fail(ValueError("a"))
        with guard:
            fail(KeyError("b"))
        with guard:
            _ = 1 / 0
    assert guard.errors == 5
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 3
    assert "ValueError: a" in caplog.text
    assert "the experiment goes on" in caplog.text


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), AbortRequested("enough")])
def test_what_is_not_ours_to_swallow_passes(error):
    guard = ErrorGuard()
    with pytest.raises(type(error)), guard:
        fail(error)
    assert guard.errors == 0


def test_strict_passes_everything_on():
    guard = ErrorGuard(strict=True)
    with pytest.raises(ValueError, match="a"), guard:
        fail(ValueError("a"))
    assert guard.errors == 1
