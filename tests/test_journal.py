"""The journal: what it gives back after kill -9."""

from __future__ import annotations

import signal
from contextlib import ExitStack

import pytest
from bridge_fixtures import Dealer
from bridge_process import BridgeProcess, at
from subscriber import Subscriber

from monty_mqtt import schema
from monty_mqtt_stack.broker import Mosquitto

pytest_plugins = ["bridge_fixtures"]


@pytest.fixture
def own(tmp_path):
    with Mosquitto(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "bridge.sqlite"


def test_a_killed_bridge_goes_on_exactly_where_it_was(own, path):
    with BridgeProcess(**at(own, journal=path)) as process, Dealer(process.ready()) as dealer:
        own.kill()
        dealer.hello()
        dealer.steps(range(500))
        dealer.acked(500)
        process.end(signal.SIGKILL)
    own.start()
    with ExitStack() as stack:
        subscriber = stack.enter_context(Subscriber(own.host, own.port, "monty/v1/run/main/#"))
        process = stack.enter_context(BridgeProcess(**at(own, journal=path)))
        dealer = stack.enter_context(Dealer(process.ready()))
        subscriber.wait_for(lambda got: len(got) >= 500, 20)
        assert subscriber.seqs()["run", "main"] == list(range(500))
        assert dealer.hello(base=490).next == 500, "what is in the journal need not be sent again"
        dealer.send(schema.Metric, 500)
        dealer.acked(501)
        subscriber.wait_for(lambda _: subscriber.seqs()["run", "main"][-1] == 500)
