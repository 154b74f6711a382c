"""The broker is gone for long: experiments go on, the journal grows to its bound and says so, and then all arrives."""

from __future__ import annotations

import pytest
from chaos.stage import Stage

PAD_BYTES = 2000
WAL_MIB = 16
"""SQLite's write-ahead log, beside the journal itself."""

FRAMES_GO = "the oldest frames and clouds that wait are dropped to make room"
FULL = "nothing more is accepted, experiments keep what they have"

SHORT = pytest.param(1500, 6, 8, id="short")
LONG = pytest.param(2000, 60, 64, id="long", marks=[pytest.mark.long, pytest.mark.timeout(600)])


@pytest.mark.parametrize(("per_sec", "gone_secs", "journal_mib"), [SHORT, LONG])
def test_a_broker_that_is_gone_for_long(tmp_path, request, per_sec, gone_secs, journal_mib):
    with Stage(tmp_path, request.node.name, journal_mib=journal_mib) as stage:
        load = stage.load(pad=PAD_BYTES)
        load.tell("publish", 1000)
        stage.wait_until_seen(load, 1002)
        stage.broker.kill()
        load.tell("publish", per_sec * gone_secs, per_sec)
        load.wait_for(lambda report: report["done"] == 2, 1.5 * gone_secs + 10)
        assert load.report["unacknowledged"] > per_sec, "the journal is full, so the experiment keeps what it has"
        assert load.report["dropped"] == 0
        assert journal_mib / 2 < stage.journal_mib() < journal_mib + WAL_MIB
        # Again where there was room for a moment: what the broker had before it went, leaves after ten seconds.
        log = stage.bridge.log
        assert log.count(FRAMES_GO) == 1 + log.count("the journal has room for frames")
        assert log.count(FULL) == 1 + log.count("the journal has room again")
        assert log.count(" ERROR ") == log.count(FRAMES_GO) + log.count(FULL)
        assert log.index(FRAMES_GO) < log.index(FULL)
        stage.broker.start()
        load.tell("publish", 100)
        load.wait_for(lambda report: report["done"] == 3 and not report["unacknowledged"], 120)
        load.tell("close", 10)
        load.wait_for(lambda report: report["done"] == 4)
        assert stage.spools() == []
        seen = stage.wait_for_all(load, 120)
        assert "disconnected" not in seen["words"]
