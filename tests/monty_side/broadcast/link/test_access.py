"""Loopback is no wall between the users of a machine: whom an experiment sends to, and whose commands it takes."""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from kit.machine.missing import is_missing
from kit.zmq_router import Router

from monty_mqtt import ZmqBroadcaster
from monty_mqtt.wire import schema, zmq_protocol
from monty_mqtt_core.settings import ports

NOBODY = 65534
COMMAND = schema.Command(id="c", command="abort", issued_unix_nanos=0)
WELCOME = zmq_protocol.Welcome(next=0, bulk_next=0)
STRANGER = """
import os, sys
import zmq
port, closes, answers = int(sys.argv[1]), sys.argv[2] == "closes", [bytes.fromhex(text) for text in sys.argv[3:]]
heard = open("heard", "w")
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
if closes:
    while not socket.poll(50):
        pass
    socket.unbind(socket.LAST_ENDPOINT)
while True:
    if socket.poll(50):
        route, *frames = socket.recv_multipart()
        heard.write("x" * sum(map(len, frames)))
        heard.flush()
        for answer in answers:
            socket.send_multipart([route, answer])
"""


@contextmanager
def stranger(port, *answers, closes=False):
    """Another user's program listens at a port and answers; the value is `stat` of a file as long as what it has heard.

    `closes`: it listens no more as soon as it has a connection, so nobody seems to.
    """
    if os.geteuid() != 0:
        is_missing("not run: only root can become another user")
    said = [zmq_protocol.encode_down(answer).hex() for answer in answers]
    command = [sys.executable, "-c", STRANGER, str(port), "closes" if closes else "stays", *said]
    with tempfile.TemporaryDirectory() as folder, subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield (Path(folder) / "heard").stat
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
    with stranger(port, WELCOME, COMMAND) as heard:
        assert publish_for(b, 2.5) == []
        assert heard().st_size == 0
        assert b.counts.acknowledged == 0
    text = f"nothing of run 'x' is sent to tcp://127.0.0.1:{port}: user {NOBODY} listens there; "
    assert [text in record.getMessage() for record in caplog.records].count(True) == 1
    assert "MONTY_MQTT_BRIDGE_ZMQ_USERS=any lets any user run the bridge" in caplog.text
    with Router(port) as own:
        assert b.flush(10)
        assert len(own.messages("x")) == b.counts.published


@pytest.mark.parametrize("closes", [False, True])
def test_a_stranger_that_comes_while_no_bridge_runs_is_left_at_its_first_word(port, b, closes):
    publish_for(b, 0.5)
    acknowledged = zmq_protocol.Ack(next=2**40, bulk_next=2**40)
    with stranger(port, acknowledged, WELCOME, COMMAND, closes=closes) as heard:
        assert publish_for(b, 2.5) == []
        before = heard().st_size
        assert publish_for(b, 1) == []
        assert heard().st_size == before
        assert b.counts.acknowledged == 0
    with Router(port) as own:
        assert b.flush(10)
        assert len(own.messages("x")) == b.counts.published


def test_a_strangers_refusal_is_none(port, b):
    publish_for(b, 0.2)
    with stranger(port, zmq_protocol.Reject(reason="not you")):
        publish_for(b, 1)
    with Router(port) as own:
        assert b.flush(10)
        assert len(own.messages("x")) == b.counts.published


def test_a_stranger_that_takes_the_port_later_commands_nothing_and_is_left(port, b):
    with Router(port) as own:
        publish_for(b, 0.3)
        assert b.flush(5)
        taken = len(own.messages("x"))
    assert taken == b.counts.published
    with stranger(port, zmq_protocol.Sync(next=0), WELCOME, COMMAND) as heard:
        assert publish_for(b, 3) == []
        before = heard().st_size
        publish_for(b, 1)
        assert heard().st_size == before
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
    with stranger(port, WELCOME, COMMAND) as heard:
        assert [command.command for command in publish_for(b, 1)] == ["abort"]
        assert heard().st_size > 0


def test_a_wait_for_a_stranger_is_a_wait(port, b):
    publish_for(b, 0.2)
    with stranger(port, WELCOME):
        publish_for(b, 1)
        assert b._outbox.link.access.shut_out
        began = time.monotonic()
        for _ in range(3):
            b._outbox.look()
            b._outbox.link.wait(0.1)
        assert time.monotonic() - began > 0.2
