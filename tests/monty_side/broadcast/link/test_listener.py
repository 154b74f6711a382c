"""Loopback is no wall between the users of a machine: whom an experiment sends to, and whose commands it takes."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from kit.machine.missing import is_missing
from kit.zmq_router import Router

from monty_mqtt import ZmqBroadcaster
from monty_mqtt.broadcast.link.listener import stranger_at
from monty_mqtt.wire import schema, zmq_protocol
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt_core.settings import ports

NOBODY = 65534
COMMAND = schema.Command(id="c", command="abort", issued_unix_nanos=0)
WELCOME = zmq_protocol.Welcome(next=0, bulk_next=0)
STRANGER = """
import os, sys
import zmq
port, answers = int(sys.argv[1]), [bytes.fromhex(text) for text in sys.argv[2:]]
socket = zmq.Context().socket(zmq.ROUTER)  # reads pyzmq's files, which the other user may not
os.setgid(65534); os.setuid(65534)
socket.setsockopt(zmq.LINGER, 0)
while True:
    try:
        socket.bind(f"tcp://127.0.0.1:{port}")
        break
    except zmq.ZMQError:
        pass
print("ready", flush=True)
heard = 0
while not sys.stdin.closed:
    if socket.poll(50):
        route, *frames = socket.recv_multipart()
        heard += sum(map(len, frames))
        for answer in answers:
            socket.send_multipart([route, answer])
    print(heard, flush=True)
"""


@contextmanager
def stranger(port, *answers):
    """Another user's program listens at a port and answers; the value returns how many bytes it has heard."""
    if os.geteuid() != 0:
        is_missing("not run: only root can become another user")
    said = [zmq_protocol.encode_down(answer).hex() for answer in answers]
    command = [sys.executable, "-c", STRANGER, str(port), *said]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield lambda: max(int(process.stdout.readline()) for _ in range(6))
        finally:
            process.kill()


def publish_for(b, secs):
    """Publish a number every 10 ms, and return the commands that arrive."""
    commands = []
    for number in range(int(secs * 100)):
        b.publish_metric("number", number)
        commands += b.take_commands()
        time.sleep(0.01)
    return commands


@pytest.fixture
def port():
    return ports.any_free("127.0.0.1")


@pytest.fixture
def b(port, tmp_path):
    broadcaster = ZmqBroadcaster(run_id="x", zmq_port=port, spool_dir=str(tmp_path))
    yield broadcaster
    broadcaster.close(flush_secs=0)


def test_a_stranger_that_was_there_first_gets_nothing_and_commands_nothing(port, b, caplog):
    with stranger(port, WELCOME, COMMAND) as heard_bytes:
        assert publish_for(b, 2.5) == []
        assert heard_bytes() == 0
        assert b.counts.acknowledged == 0
    text = f"nothing of run 'x' is sent to tcp://127.0.0.1:{port}: user {NOBODY} listens there; "
    assert [text in record.getMessage() for record in caplog.records].count(True) == 1
    assert "MONTY_MQTT_BRIDGE_ZMQ_USERS=any lets any user run the bridge" in caplog.text
    with Router(port) as own:
        assert b.flush(10)
        assert len(own.messages("x")) == b.counts.published


def test_a_stranger_that_comes_while_no_bridge_runs_gets_a_hello_and_no_message(port, b):
    publish_for(b, 0.5)
    b.publish(schema.Frame, [bytes(1200)], sensor="patch", modality="rgba", episode=0, step=0, height=20, width=20)
    with stranger(port, WELCOME, COMMAND) as heard_bytes:
        assert publish_for(b, 2.5) == []
        assert 0 < heard_bytes() < 1000
    with Router(port) as own:
        assert b.flush(10)
        assert len(own.messages("x")) == b.counts.published
        assert own.wait(lambda: len(own.bulk["x", "main"]) == 1), "the frame waited, too"


def test_a_stranger_that_takes_the_port_later_commands_nothing_and_is_left(port, b):
    with Router(port) as own:
        publish_for(b, 0.3)
        assert b.flush(5)
        taken = len(own.messages("x"))
    assert taken == b.counts.published
    with stranger(port, zmq_protocol.Sync(next=0), WELCOME, COMMAND) as heard_bytes:
        assert publish_for(b, 3) == []
        heard = heard_bytes()
        publish_for(b, 1)
        assert heard_bytes() == heard
    with Router(port) as own:
        assert b.flush(10)
        assert len(own.messages("x")) == b.counts.published - taken


def test_to_its_own_bridge_all_is_sent_at_once_and_needs_no_further_call(port, b):
    with Router(port) as own:
        for number in range(300):
            b.publish_metric("number", number)
        assert own.wait(lambda: len(own.messages("x")) == 300, 10)


def test_a_machine_whose_users_share_a_bridge_says_so(port, b, monkeypatch):
    monkeypatch.setenv("MONTY_MQTT_BRIDGE_ZMQ_USERS", "any")
    with stranger(port, WELCOME, COMMAND) as heard_bytes:
        assert [command.command for command in publish_for(b, 1)] == ["abort"]
        assert heard_bytes() > 0


def test_who_listens(port, monkeypatch):
    assert stranger_at(BridgeAddress(port=port)) is None, "nobody"
    with Router(port):
        assert stranger_at(BridgeAddress(port=port)) is None, "this user"
    with stranger(port):
        for host in ("127.0.0.1", "localhost"):
            assert stranger_at(BridgeAddress(host, port)) == NOBODY
        assert stranger_at(BridgeAddress("::1", port)) is None, "the other family"
        assert stranger_at(BridgeAddress("far.example.org", port)) is None
        assert stranger_at(BridgeAddress(port=port, server_key=64 * "0")) is None
        monkeypatch.setattr("monty_mqtt.broadcast.link.listener._TABLES", ("/no/such/table",))
        assert stranger_at(BridgeAddress(port=port)) is None
