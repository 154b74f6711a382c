"""A broker of two hosts, one of which is killed in the middle: nothing is missing, and each worker's order is kept."""

from __future__ import annotations

import shutil
from contextlib import ExitStack

import pytest
from kit.bridge import config_for
from kit.machine.child_process import until
from kit.machine.tcp_proxy import TcpProxy
from kit.mqtt_subscriber import Subscriber as Witness
from kit.page.page_service import Keeping

from monty_mqtt import ZmqBroadcaster
from monty_mqtt.errors import ServiceError
from monty_mqtt.wire import schema
from monty_mqtt_bridge.bridge import Bridge
from monty_mqtt_core.reading.mqtt_client import Subscriber, retained
from monty_mqtt_core.settings.broker_address import BrokerAddress
from monty_mqtt_core.settings.ports import any_free
from monty_mqtt_stack.services.mosquitto import Mosquitto

HALF = 1_000


@pytest.fixture
def pair(tmp_path):
    """Two brokers with the same users, and the address of both."""
    with Mosquitto(tmp_path / "a") as first:
        shutil.copytree(first.state.secrets, tmp_path / "b" / "secrets")
        with Mosquitto(tmp_path / "b") as second:
            text = f"mqtt://{first.host}:{first.port},{second.host}:{second.port}"
            yield first, second, BrokerAddress.parse(text, "--broker")


def publish(broadcaster, numbers):
    for number in numbers:
        broadcaster.publish_metric("number", number)


def first_seqs(witness):
    """The seqs of the worker, each where it came first."""
    return list(dict.fromkeys(witness.seqs()["two-hosts", "main"]))


def numbers_of(messages):
    return {schema.decode(message.payload).value for message in messages}


def test_killed_in_the_middle_every_seq_is_at_one_of_both_in_order_and_a_reader_of_both_has_all(pair, tmp_path):
    first, second, address = pair
    config = config_for(first, mqtt_brokers=str(address), journal=str(tmp_path / "journal"))
    page_address = address._replace(username="liveview", password_file=first.password_file("liveview"))
    with ExitStack() as stack:
        at_first, at_second = (
            stack.enter_context(Witness(broker.host, broker.port, "monty/v1/+/main/#")) for broker in (first, second)
        )
        reader = stack.enter_context(Subscriber(address, ["monty/v1/+/main/metric/#"]))
        page = stack.enter_context(Keeping(page_address, tmp_path / "page"))
        bridge = stack.enter_context(Bridge(config))
        broadcaster = stack.enter_context(ZmqBroadcaster(run_id="two-hosts", zmq_port=bridge.zmq_port, strict=True))
        publish(broadcaster, range(HALF))
        at_first.wait_for(lambda received: len(received) > HALF // 2)
        first.kill()
        publish(broadcaster, range(HALF, 2 * HALF))
        assert broadcaster.flush(20)
        expected = set(range(2 * HALF))
        at_second.wait_for(lambda _: expected <= {*first_seqs(at_first), *first_seqs(at_second)}, 30)
        for witness in (at_first, at_second):
            assert first_seqs(witness) == sorted(first_seqs(witness))
        numbers = set()
        until(lambda: numbers.update(numbers_of(reader.drain())) or numbers == expected, 40)
        published = {message.seq for message in at_second.messages(schema.Metric)}
        until(lambda: {seq for _, seq in page.kept("two-hosts")} >= published, 40)
        assert page.service.counts.missing == 0


def test_a_host_behind_a_cut_link_is_left_for_the_next(pair, tmp_path):
    first, second, _ = pair
    with ExitStack() as stack:
        link = stack.enter_context(TcpProxy(first.port))
        hosts = f"mqtt://127.0.0.1:{link.port},{second.host}:{second.port}"
        config = config_for(first, mqtt_brokers=hosts, journal=str(tmp_path / "journal"))
        at_first, at_second = (
            stack.enter_context(Witness(broker.host, broker.port, "monty/v1/+/main/#")) for broker in (first, second)
        )
        bridge = stack.enter_context(Bridge(config))
        broadcaster = stack.enter_context(ZmqBroadcaster(run_id="two-hosts", zmq_port=bridge.zmq_port, strict=True))
        publish(broadcaster, range(10))
        assert broadcaster.flush(20)
        link.hang()
        publish(broadcaster, range(10, 20))
        everything = set(range(22))  # with info and status; what the first one has is not repeated
        at_second.wait_for(lambda _: everything == {*first_seqs(at_first), *first_seqs(at_second)}, 40)
        assert set(range(12, 22)) <= set(first_seqs(at_second))
        assert first_seqs(at_second) == sorted(first_seqs(at_second))
        link.resume()


def test_a_reader_takes_the_host_that_answers_and_names_each_that_does_not(pair):
    first, _, address = pair
    first.stop()
    assert retained(address, ["monty/nothing"]) == []
    nobody = BrokerAddress.parse(f"127.0.0.1:{any_free('127.0.0.1')},no-such-host.invalid", "--broker")
    with pytest.raises(
        ServiceError, match=r"127\.0\.0\.1: nobody answers \(Conn.*; no-such-host\.invalid: no such host"
    ):
        retained(nobody, ["monty/nothing"])
