"""Monty's log records and telemetry events, over a real socket."""

from __future__ import annotations

import logging

import pytest
from kit.monty import monty_models  # noqa: F401 - installs Monty's telemetry loggers
from tbp.monty import telemetry
from tbp.monty.telemetry.schemas import TelemetryEvent

from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster
from monty_mqtt.monitor.error_guard import ErrorGuard
from monty_mqtt.monitor.log_handlers import Allowance, Attachment, RecordHandler, TelemetryHandler
from monty_mqtt.monitor.monitor_cost import MonitorCost
from monty_mqtt.wire import schema

MONTY = logging.getLogger("tbp.monty")


@pytest.fixture
def attached(router):
    broadcaster = ZmqBroadcaster(run_id="r", zmq_port=router.port, strict=True)
    guard = ErrorGuard()
    cost = MonitorCost()
    records = RecordHandler(broadcaster, guard, cost, level="info", per_sec=3)
    attachment = Attachment(records, TelemetryHandler(broadcaster, guard, cost))
    attachment.records = records
    level = MONTY.level
    MONTY.setLevel(logging.DEBUG)
    attachment.attach()
    yield attachment, broadcaster, guard
    attachment.detach()
    MONTY.setLevel(level)
    broadcaster.close()


def received(router, broadcaster, kind):
    assert broadcaster.flush(10)
    return [message for message in router.messages("r") if isinstance(message, kind)]


def test_records_arrive_with_level_and_logger(router, attached):
    _, broadcaster, _ = attached
    logging.getLogger("tbp.monty.frameworks.run").info("ran %d steps", 3)
    MONTY.debug("too small")
    (log,) = received(router, broadcaster, schema.Log)
    assert (log.level, log.message, log.logger) == ("info", "ran 3 steps", "tbp.monty.frameworks.run")


def test_a_record_shows_no_password(router, attached):
    _, broadcaster, _ = attached
    MONTY.info("loads %s, missing key: %s", "https://me:hunter2@host/graphs.pt", "mug")
    (log,) = received(router, broadcaster, schema.Log)
    assert log.message == "loads https://me:***@host/graphs.pt, missing key: mug"


def test_flood_of_one_level_leaves_room_for_another(router, attached):
    _, broadcaster, _ = attached
    for number in range(10):
        MONTY.info("record %d", number)
    MONTY.error("seen all the same")
    logs = received(router, broadcaster, schema.Log)
    assert [log.message for log in logs] == ["record 0", "record 1", "record 2", "seen all the same"]


def test_record_that_cannot_be_printed_is_counted(router, attached):
    attachment, broadcaster, guard = attached
    attachment.records.handle(logging.makeLogRecord({"msg": "%d", "args": ("no number",), "levelno": logging.INFO}))
    assert received(router, broadcaster, schema.Log) == []
    assert guard.errors == 1


def test_object_as_message_becomes_text(router, attached):
    _, broadcaster, _ = attached
    MONTY.info({"a": 1})
    (log,) = received(router, broadcaster, schema.Log)
    assert log.message == "{'a': 1}"


def test_telemetry_events_arrive_with_their_fields(router, attached):
    _, broadcaster, _ = attached
    telemeter = telemetry.getTelemeter("tbp.monty.frameworks.models.graph_matching")
    telemeter.critical(TelemetryEvent(kind="Burst", added=[1, 2], rate=float("nan")))
    (event,) = received(router, broadcaster, schema.Event)
    assert (event.event, event.level) == ("Burst", "critical")
    assert event.source == "tbp.monty.frameworks.models.graph_matching"
    assert event.fields["added"] == [1, 2]
    assert event.fields["rate"] is None


def test_publisher_made_later_is_found_by_attaching_again(router, attached):
    attachment, broadcaster, _ = attached
    telemeter = telemetry.getTelemeter("tbp.monty.made.later")
    telemeter.critical(TelemetryEvent(kind="Missed"))
    attachment.attach()
    attachment.attach()
    telemeter.critical(TelemetryEvent(kind="Seen"))
    assert [event.event for event in received(router, broadcaster, schema.Event)] == ["Seen"]


def test_detaching_leaves_the_loggers_as_they_were(router, attached):
    attachment, broadcaster, _ = attached
    telemeter = telemetry.getTelemeter("tbp.monty.frameworks.models.graph_matching")
    ours = [handler for handler in (*telemeter.handlers, *MONTY.handlers) if "monty_mqtt" in type(handler).__module__]
    assert len(ours) == 2
    attachment.detach()
    MONTY.info("not seen")
    telemeter.critical(TelemetryEvent(kind="Not"))
    assert received(router, broadcaster, schema.Message) == []
    assert not set(ours) & {*telemeter.handlers, *MONTY.handlers}


def test_what_was_refused_is_told_with_the_next():
    now = [0.0]
    allowance = Allowance(2, clock=lambda: now[0])
    assert [allowance.take("a", "info") for _ in range(5)] == [0, 0, -1, -1, -1]
    assert allowance.take("a", "error") == 0
    now[0] = 1.0
    assert allowance.take("b", "info") == 0
    assert allowance.take("a", "info") == 3
    now[0] = 2.0
    assert allowance.take("a", "info") == 0


def test_none_at_all_is_possible():
    assert Allowance(0).take("a", "info") == -1
