"""Loopback is no wall between the users of a machine: whose processes a bridge takes messages from."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest
from kit.bridge import config_for
from kit.machine.missing import is_missing

from monty_mqtt.wire import schema
from monty_mqtt.wire.local_users import owner
from monty_mqtt_bridge.bridge import Bridge
from monty_mqtt_bridge.receive.local_users import may_send

NOBODY = 65534
SENDER = """
import os, sys
from monty_mqtt import ZmqBroadcaster
port, user, run = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
with ZmqBroadcaster(run_id="warms up, because the other user may not read this Python", zmq_port=1, spool_mib=0) as b:
    b.publish_metric("number", 1)
os.setgid(user); os.setuid(user)
b = ZmqBroadcaster(run_id=run, zmq_port=port, spool_mib=0)
b.publish_metric("number", 1)
b.close()
print(b.counts.acknowledged)
"""


def acknowledged(port, user, run):
    """Let a process of a user publish; return how many of its messages the bridge has taken."""
    if user != os.geteuid() != 0:
        is_missing("not run: only root can become another user")
    command = [sys.executable, "-c", SENDER, str(port), str(user), run]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return int(done.stdout)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_owner_of_a_connection_of_this_machine(host):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        client = socket.create_connection(server.getsockname()[:2])
        ours, _ = server.accept()
        with ours:
            assert owner(ours) == os.geteuid()
            assert may_send(ours.fileno())
            client.close()
            ours.recv(1)
            gone = ours.fileno()
        assert not may_send(gone)


def test_a_process_of_another_user_can_neither_publish_nor_take_an_identity(broker, subscriber, caplog):
    with Bridge(config_for(broker, bridge_id="walled")) as bridge:
        assert acknowledged(bridge.zmq_port, NOBODY, "not theirs") == 0
        assert "hello of a process of another user; MONTY_MQTT_BRIDGE_ZMQ_USERS=any lets all users send" in caplog.text
        assert (bridge.counts.accepted, bridge.counts.refused > 0) == (0, True)
        assert acknowledged(bridge.zmq_port, os.geteuid(), "ours") > 0
    assert {message.run for message in subscriber.messages(schema.Metric)} == {"ours"}


def test_a_machine_whose_users_share_a_bridge_says_so(broker):
    with Bridge(config_for(broker, bridge_id="shared", zmq_users="any")) as bridge:
        assert acknowledged(bridge.zmq_port, NOBODY, "theirs") > 0
