"""The broker's configuration for a machine shared with others, as docs/operations.md has it, on a real Mosquitto."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from kit.mqtt_publisher import WAIT_SECS, Client

from monty_mqtt.conf_files import conf_dir
from monty_mqtt_core.settings import passwords, ports
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.services.mosquitto import find_mosquitto

DOCS = Path(__file__).resolve().parents[2] / "docs" / "operations.md"
TOPIC = "monty/influx/v1/run"
MANY = 50


class TwoListeners:
    """A Mosquitto with the configuration of the docs; `login` and `anyone` are its ports."""

    def __init__(self, path: Path) -> None:
        self.state = StateDir(path)
        self.login, self.anyone = ports.any_free("127.0.0.1"), ports.any_free("127.0.0.1")
        (block,) = re.findall(r"```conf\n(per_listener_settings.*?)```", DOCS.read_text(), re.DOTALL)
        for old, new in (
            ("listener 1884", f"listener {self.login}"),
            ("listener 1883", f"listener {self.anyone}"),
            ("/etc/mosquitto/monty/passwd", str(passwords.ensure(self.state))),
            ("/etc/mosquitto/monty/acl", str(conf_dir() / "mosquitto" / "acl")),
        ):
            assert old in block
            block = block.replace(old, new)
        block += f"persistence_location {path}/mosquitto/\n" + ("user root\n" if os.geteuid() == 0 else "")
        self.config = path / "mosquitto.conf"
        self.config.write_text(block)
        self.database = path / "mosquitto" / "mosquitto.db"

    def start(self) -> None:
        self.process = subprocess.Popen([find_mosquitto(), "-c", str(self.config)], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + WAIT_SECS
        while not all(ports.answers_mqtt("127.0.0.1", port) for port in (self.login, self.anyone)):
            assert time.monotonic() < deadline

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def user(self, name, **options):
        return Client(self.login, name, passwords.read(self.state, name), **options)


@pytest.fixture
def broker(tmp_path):
    broker = TwoListeners(tmp_path)
    broker.start()
    yield broker
    broker.kill()


@contextmanager
def collecting(client):
    """Collect what a client is sent; `marker` ends it."""
    seen, over = [], threading.Event()

    def note(_client, _data, message):
        seen.append(message.payload)
        if message.payload == b"marker":
            over.set()

    client.client.on_message = note
    with client:
        yield seen, over


def leave_a_session(client):
    done = threading.Event()
    client.client.on_subscribe = lambda *_: done.set()
    with client:
        assert not client.code.is_failure
        client.client.subscribe("monty/influx/#", qos=1)
        assert done.wait(WAIT_SECS)


def test_nothing_waits_for_an_anonymous_client_and_everything_for_who_logs_in(broker):
    leave_a_session(Client(broker.anyone, client_id="anonymous", clean_session=False))
    leave_a_session(broker.user("telegraf", client_id="known", clean_session=False))
    with broker.user("bridge") as bridge:
        for number in range(MANY):
            bridge.publish(TOPIC, b"%d" % number + b"x" * 1000)
        deadline = time.monotonic() + WAIT_SECS
        while not (broker.database.exists() and b"%d" % (MANY - 1) + b"x" * 1000 in broker.database.read_bytes()):
            assert time.monotonic() < deadline
    broker.kill()
    broker.start()
    for client, expected in (
        (Client(broker.anyone, client_id="anonymous", clean_session=False), 0),
        (broker.user("telegraf", client_id="known", clean_session=False), MANY),
    ):
        with collecting(client) as (seen, over):
            client.client.subscribe("monty/influx/#", qos=1)
            with broker.user("bridge") as bridge:
                while not over.is_set():  # it may not have subscribed again yet
                    bridge.publish(TOPIC, b"marker")
        assert len([one for one in seen if one != b"marker"]) == expected


def test_who_does_not_log_in_comes_in_where_all_may_look_and_nowhere_else(broker):
    with Client(broker.login) as anyone:
        assert anyone.code.is_failure
    for port in (broker.login, broker.anyone):
        with Client(port, "bridge", "wrong") as intruder:
            assert intruder.code.is_failure
    intruder = Client(broker.anyone, client_id="writer")
    arrived, subscribed = [], threading.Event()
    reader = broker.user("liveview")
    reader.client.on_message = lambda _client, _data, message: arrived.append(message.payload)
    reader.client.on_subscribe = lambda *_: subscribed.set()
    with reader, intruder:
        reader.client.subscribe("monty/#", qos=1)
        assert subscribed.wait(WAIT_SECS)
        assert not intruder.code.is_failure, intruder.code
        intruder.client.publish("monty/v1/run/main/command", b"intruder", qos=0)  # for which the broker may hang up
        with broker.user("bridge") as bridge:
            bridge.publish(TOPIC, b"marker")
        deadline = time.monotonic() + WAIT_SECS
        while b"marker" not in arrived:
            assert time.monotonic() < deadline
    assert b"intruder" not in arrived
