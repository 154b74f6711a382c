"""Commands at real bridges: whose answer counts, and who need not answer any more."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from kit.bridge import Dealer, config_for

from monty_mqtt.errors import ServiceError
from monty_mqtt.wire import schema
from monty_mqtt_bridge.bridge import Bridge
from monty_mqtt_core.reading import command_request
from monty_mqtt_core.reading.command_request import Answer, ask
from monty_mqtt_core.reading.mqtt_client import BrokerAddress


@pytest.fixture
def commander(broker):
    return BrokerAddress(broker.host, broker.port, "control", broker.password_file("control"))


@pytest.fixture
def running(bridge):
    """A worker whose status the broker has."""
    with Dealer(bridge.zmq_port, f"run-{time.monotonic_ns()}") as dealer:
        dealer.hello()
        dealer.send(schema.Status, 0)
        dealer.acked(1)
        yield dealer


def test_a_second_bridge_that_does_not_know_the_run_does_not_make_it_fail(broker, running, commander):
    with Bridge(config_for(broker, bridge_id="stranger")), ThreadPoolExecutor() as pool:
        asked = pool.submit(ask, commander, running.run, ["main"], "abort")
        command = running.wait_for(schema.Command)
        running.send(schema.CommandResult, 1, id=command.id, status="obeyed", detail="at step 7")
        assert asked.result(20) == [Answer("main", "obeyed", "at step 7")]


def test_what_the_bridge_refuses_is_told_in_its_own_words(running, commander, monkeypatch):
    monkeypatch.setattr(command_request, "time", SimpleNamespace(time_ns=lambda: 1, monotonic=time.monotonic))
    (answer,) = ask(commander, running.run, ["main"], "abort", timeout_secs=1.0)
    assert (answer.worker, answer.status) == ("all", "refused")
    assert "s old" in answer.detail


def test_a_worker_that_ends_meanwhile_need_not_answer(bridge, running, commander):
    with Dealer(bridge.zmq_port, running.run, "other") as other, ThreadPoolExecutor() as pool:
        other.hello()
        other.send(schema.Status, 0)
        other.acked(1)
        asked = pool.submit(ask, commander, running.run, ["main", "other"], "step", steps=4)
        command = running.wait_for(schema.Command)
        assert (command.command, command.steps) == ("step", 4)
        other.wait_for(schema.Command)
        other.send(schema.Status, 1, status="completed")
        running.send(schema.CommandResult, 1, id=command.id, status="obeyed", detail="at step 7")
        assert asked.result(20) == [Answer("main", "obeyed", "at step 7")]


def test_a_run_that_ends_instead_of_answering_is_told(running, commander):
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(ask, commander, running.run, ["main"], "pause")
        running.wait_for(schema.Command)
        running.send(schema.Status, 1, status="completed")
        with pytest.raises(ServiceError, match="ended before it answered"):
            asked.result(20)


def test_a_program_that_names_the_beginning_of_a_run_reaches_no_run(bridge, commander):
    with Dealer(bridge.zmq_port, "lab-2") as other:
        other.hello()
        other.send(schema.Status, 0)
        other.acked(1)
        (answer,) = ask(commander, "lab", ["main"], "abort", timeout_secs=2.0)
        assert (answer.worker, answer.status) == ("all", "refused")
        other.send(schema.Status, 1, status="completed")
        other.acked(2)
        assert not [answer for answer in other.answers if isinstance(answer, schema.Command)]


def test_a_worker_that_had_ended_before_the_command_need_not_answer(running, commander):
    running.send(schema.Status, 1, status="completed")
    running.acked(2)
    with pytest.raises(ServiceError, match="ended before it answered"):
        ask(commander, running.run, ["main"], "pause", timeout_secs=10.0)
