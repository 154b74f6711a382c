"""An unknown Monty gets one warning that names what is missing."""

from __future__ import annotations

import logging

import pytest
from kit.monty import monty_models  # noqa: F401 - imports Monty once, with the warnings of its libraries off

from monty_mqtt.observe import monty_version


@pytest.fixture(autouse=True)
def ask_anew():
    monty_version.warn_of_unknown_monty.cache_clear()
    yield
    monty_version.warn_of_unknown_monty.cache_clear()


def test_tested_version_has_everything_and_is_not_warned_of(caplog):
    monty_version.warn_of_unknown_monty()
    assert caplog.text == ""
    assert monty_version.missing_members() == []


def test_other_version_is_warned_of_once(monkeypatch, caplog):
    monkeypatch.setattr(monty_version, "SUPPORTED", ("0.1",))
    with caplog.at_level(logging.WARNING):
        monty_version.warn_of_unknown_monty()
        monty_version.warn_of_unknown_monty()
    (record,) = caplog.records
    assert record.getMessage() == "tbp-monty 0.55.0 is not one of the tested versions (0.1): nothing is missing"


def test_what_is_missing_is_named(monkeypatch, caplog):
    monkeypatch.setattr(monty_version, "SUPPORTED", ("0.1",))
    members = (("tbp.monty.telemetry", "gone"), ("tbp.no_such", "x"), ("tbp.monty", "telemetry"))
    monkeypatch.setattr(monty_version, "_MEMBERS", members)
    with caplog.at_level(logging.WARNING):
        monty_version.warn_of_unknown_monty()
    assert "it lacks tbp.monty.telemetry.gone, tbp.no_such.x; what depends on them is not monitored" in caplog.text
