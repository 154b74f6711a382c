"""What was sent is remembered over a restart, for a month."""

from __future__ import annotations

import json
import stat
import time

import pytest

from monty_mqtt.errors import ServiceError
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.notify.occasions import Occasion
from monty_mqtt_stack.notify.sent_before import SentBefore


def occasion(run="run", word="finished"):
    return Occasion(run, word, "", 0)


@pytest.fixture
def state(tmp_path):
    return StateDir(tmp_path / "state")


def test_what_is_noted_is_known_to_the_next_program(state):
    first = SentBefore(state)
    assert first.is_new
    assert occasion() not in first
    first.note(occasion(), occasion("other", "stalled"))
    again = SentBefore(state)
    assert not again.is_new
    assert occasion() in again
    assert occasion(word="failed") not in again
    assert occasion("other", "stalled") in again
    assert stat.S_IMODE((state.path / "notified.json").stat().st_mode) == 0o600


def test_nothing_noted_is_not_the_same_as_no_file(state):
    SentBefore(state).note()
    assert not SentBefore(state).is_new


def test_what_is_a_month_old_is_dropped_so_the_file_stays_small(state):
    old = {"old": {"finished": time.time() - 31 * 86_400}, "young": {"finished": time.time()}}
    (state.path / "notified.json").write_text(json.dumps(old))
    SentBefore(state).note(occasion())
    assert set(json.loads((state.path / "notified.json").read_text())) == {"young", "run"}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"run": ["finished"]}'])
def test_a_damaged_file_counts_as_none(state, content):
    (state.path / "notified.json").write_text(content)
    assert SentBefore(state).is_new


def test_what_cannot_be_written_is_remembered_all_the_same(state):
    sent = SentBefore(state)
    state.path.joinpath("notified.json").mkdir()
    with pytest.raises(ServiceError, match="cannot write"):
        sent.note(occasion())
    assert occasion() in sent
