"""A broker with a TLS listener: who trusts its authority and has a login comes in, and is kept what it misses."""

from __future__ import annotations

import logging
import select
import socket
import ssl
import threading
from contextlib import ExitStack

import pytest
from kit.bridge import config_for
from kit.machine.child_process import until
from kit.machine.tcp_proxy import TcpProxy
from kit.mqtt_publisher import WAIT_SECS, Client
from kit.page.page_service import Keeping

from monty_mqtt import ZmqBroadcaster, cli
from monty_mqtt.errors import ServiceError
from monty_mqtt.wire import schema
from monty_mqtt_bridge import healthcheck
from monty_mqtt_bridge.bridge import Bridge
from monty_mqtt_core.reading.mqtt_client import BrokerAddress, Subscriber, retained
from monty_mqtt_core.settings.ports import any_free
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_liveview.intake.subscription import Subscription
from monty_mqtt_stack.services.broker_tls import TlsListener, private_certificate
from monty_mqtt_stack.services.mosquitto import Mosquitto

MANY = 3_000


class Encrypted(Mosquitto):
    """A broker whose certificate is for 127.0.0.1 alone."""

    def __init__(self, path):
        self.tls_port, self.ca_file = any_free("127.0.0.1"), path / "tls" / "ca.pem"
        certificate, key = private_certificate(StateDir(path), ["127.0.0.1"])
        super().__init__(path, beyond=TlsListener("127.0.0.1", self.tls_port, certificate, key, self.ca_file))

    def address(self, user="", *, hosts=("127.0.0.1",), ca_file=None):
        text = f"mqtts://{','.join(f'{host}:{self.tls_port}' for host in hosts)}"
        address = BrokerAddress.parse(text, "--broker", str(ca_file or self.ca_file), "--ca-file")
        return address._replace(username=user, password_file=self.password_file(user)) if user else address


class Relay:
    """Ends TLS before a broker's plain port, and puts what the broker says within a moment into one record."""

    def __init__(self, broker):
        self._context, self._to = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), broker.port
        tls = broker.state.path / "tls"
        self._context.load_cert_chain(tls / "server.pem", tls / "server.key")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._listener.close()
        self._thread.join(WAIT_SECS)

    def _serve(self):
        accepted, _ = self._listener.accept()
        broker = socket.create_connection(("127.0.0.1", self._to))
        with broker, self._context.wrap_socket(accepted, server_side=True) as client:
            self._pass(client, broker)

    def _pass(self, client, broker):
        waiting = b""
        while True:
            ready = [client] if client.pending() else select.select([client, broker], [], [], 0.05)[0]
            if client in ready:
                if not (piece := client.recv(16_384)):
                    return
                broker.sendall(piece)
            if broker in ready:
                if not (piece := broker.recv(65_536)):
                    return
                waiting += piece
            elif waiting and client not in ready:
                client.sendall(waiting)
                waiting = b""


@pytest.fixture
def broker(tmp_path):
    with Encrypted(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def foreign_authority(tmp_path):
    private_certificate(StateDir(tmp_path / "foreign"), ["localhost"])
    return tmp_path / "foreign" / "tls" / "ca.pem"


def test_bridge_page_and_readers_work_as_without_tls_and_pass_over_a_host_with_another_name(broker, tmp_path, caplog):
    address = broker.address(hosts=("localhost", "127.0.0.1"))
    config = config_for(
        broker, mqtt_brokers=str(address), mqtt_ca_file=str(broker.ca_file), journal=str(tmp_path / "journal")
    )
    page_address = broker.address("liveview")
    with ExitStack() as stack:
        reader = stack.enter_context(Subscriber(page_address, ["monty/v1/+/main/metric/#"]))
        page = stack.enter_context(Keeping(page_address, tmp_path / "page"))
        bridge = stack.enter_context(Bridge(config))
        with ZmqBroadcaster(run_id="encrypted", zmq_port=bridge.zmq_port, strict=True) as broadcaster:
            for number in range(MANY):
                broadcaster.publish_metric("number", number)
            assert broadcaster.flush(20)
        numbers = []
        until(
            lambda: (
                numbers.extend(schema.decode(message.payload).value for message in reader.drain())
                or len(numbers) >= MANY
            )
        )
        assert numbers == list(range(MANY))
        until(lambda: page.ended("encrypted"))
        assert page.service.problems() == []
        assert healthcheck.ask(config) == (True, f"bridge 'bridge' at {address} is well")
    said = [line for line in caplog.messages if "localhost" in line]
    where = f"mqtts://localhost:{broker.tls_port}"
    assert said == [f"no MQTT broker at {where}: its certificate is not for 'localhost'; trying again every 1 to 10 s"]


def test_the_bridge_reads_all_that_came_in_one_record_of_tls(broker):
    """The poll wakes for bytes on the wire, and not for what is decrypted already: the self-test would be too slow."""
    with Client(broker.port, "bridge", broker.password("bridge")) as client:
        for number in range(300):
            client.publish(f"monty/v1/before-{number}/main/status", b"{}", retain=True)
    with Relay(broker) as relay:
        address = f"mqtts://127.0.0.1:{relay.port}"
        config = config_for(broker, mqtt_brokers=address, mqtt_ca_file=str(broker.ca_file))
        with Bridge(config) as bridge, ZmqBroadcaster(run_id="in-one", zmq_port=bridge.zmq_port) as broadcaster:
            broadcaster.publish_metric("number", 1)
            assert broadcaster.flush(20)


def test_no_plain_text_of_a_payload_a_topic_or_a_password_is_on_the_link(broker):
    for port, is_plain in ((broker.tls_port, False), (broker.port, True)):
        with TcpProxy(port, keeps=True) as link:
            address = f"{'mqtt' if is_plain else 'mqtts'}://127.0.0.1:{link.port}"
            ca_file = "" if is_plain else str(broker.ca_file)
            config = config_for(broker, mqtt_brokers=address, mqtt_ca_file=ca_file)
            with Bridge(config) as bridge, ZmqBroadcaster(run_id="on-a-link", zmq_port=bridge.zmq_port) as broadcaster:
                broadcaster.publish_metric("a-name-that-is-nowhere-else", 1)
                assert broadcaster.flush(20)
            texts = (b"a-name-that-is-nowhere-else", b"monty/", broker.password("bridge").encode())
            assert [text in bytes(link.passed) for text in texts] == [is_plain] * 3


def test_another_authority_or_name_is_one_line_everywhere_and_tried_again(broker, foreign_authority, caplog):
    caplog.set_level(logging.WARNING)
    port = broker.tls_port
    for address, why in (
        (broker.address("liveview", hosts=("localhost",)), "its certificate is not for 'localhost'"),
        (broker.address("liveview", ca_file=foreign_authority), f"; it must be signed by {foreign_authority}"),
    ):
        with pytest.raises(ServiceError, match=f"^no broker at {address}: [^\n]*{why}$"):
            retained(address, ["monty/nothing"])
        config = config_for(broker, mqtt_brokers=str(address), mqtt_ca_file=str(address.ca_file), mqtt_wait_secs=0.1)
        with pytest.raises(ServiceError, match=f"^no MQTT broker at {address}: [^\n]*{why}$"):
            Bridge(config).__enter__()
        with Subscription(address, "with-another-authority") as subscription:
            until(lambda subscription=subscription, why=why: subscription.problem.endswith(why))
    assert len({line for line in caplog.messages if f":{port}" in line}) == 4
    assert "Traceback" not in caplog.text
    foreign_authority.write_bytes(broker.ca_file.read_bytes())
    with Subscription(broker.address("liveview", ca_file=foreign_authority), "with-another-authority") as subscription:
        until(lambda: subscription.is_connected)


def test_who_does_not_log_in_is_refused_and_who_does_not_encrypt_is_not_heard(broker, capsys):
    with pytest.raises(ServiceError, match="refuses anonymous clients: Not authorized"):
        retained(broker.address(), ["monty/nothing"])
    with pytest.raises(ServiceError, match=r"no answer within"):
        retained(BrokerAddress("127.0.0.1", broker.tls_port), ["monty/nothing"])
    with pytest.raises(ServiceError, match="no TLS there"):
        retained(broker.address()._replace(port=broker.port), ["monty/nothing"])
    assert retained(BrokerAddress(broker.host, broker.port), ["monty/nothing"]) == []
    words = ["status", "--broker", str(broker.address()), "--ca-file", str(broker.ca_file), "--username", "liveview"]
    assert cli.main([*words, "--password-file", str(broker.password_file("liveview"))]) == 1
    shown = capsys.readouterr()
    assert f"broker {broker.address()}, not started by monty-mqtt" in shown.out
    assert "no bridge is online" in shown.err


def test_what_is_published_meanwhile_waits_for_a_persistent_session_over_a_kill_of_the_broker(broker, tmp_path):
    """With rules for each listener, the broker must still know whose session it is while the client is away."""
    with Bridge(config_for(broker, journal=str(tmp_path / "journal"))) as bridge:
        for number, address in enumerate([broker.address("liveview"), BrokerAddress(broker.host, broker.port)]):
            name = f"waits-{number}"
            user = address._replace(username="liveview", password_file=broker.password_file("liveview"))
            with Subscription(user, name) as before:
                until(lambda before=before: before.is_connected and not before.is_silent)
                before.inbox.take(0.5)
            with ZmqBroadcaster(run_id=name, zmq_port=bridge.zmq_port, strict=True) as broadcaster:
                broadcaster.publish_metric("number", 7)
                assert broadcaster.flush(20)
            until(lambda name=name: is_retained(broker, name))
            broker.kill()
            broker.start()
            topics = []
            with Subscription(user, name) as after:
                until(
                    lambda topics=topics, after=after, name=name: (
                        topics.extend(message.topic for message in after.inbox.take(0.1))
                        or f"monty/v1/{name}/main/metric/number" in topics
                    )
                )


def is_retained(broker, name):
    return retained(BrokerAddress(broker.host, broker.port), [f"monty/v1/{name}/main/status"])
