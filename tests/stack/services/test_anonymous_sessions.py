"""What an anonymous client leaves behind at our broker is removed; who logs in keeps all, who is connected stays."""

from __future__ import annotations

import threading

import pytest
from kit.machine.child_process import until
from kit.mqtt_publisher import WAIT_SECS, Client

from monty_mqtt_core.reading.mqtt_client import BrokerAddress
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.services import table
from monty_mqtt_stack.services.anonymous_sessions import AnonymousSessions
from monty_mqtt_stack.services.mosquitto import Mosquitto
from monty_mqtt_stack.services.supervisor import Supervisor

TOPIC = "monty/v1/run/main/step"


@pytest.fixture
def broker(tmp_path):
    with Mosquitto(tmp_path) as broker:
        yield broker


def removing(broker):
    child = broker.child
    return AnonymousSessions(child.log_file, child.log_start, BrokerAddress(broker.host, broker.port), grace_secs=0.2)


def session(broker, name, user=None):
    client = Client(broker.port, user, user and broker.password(user), client_id=name, clean_session=False)
    client.was_present = None
    inner = client.client.on_connect

    def note(connected, data, flags, *more):
        client.was_present = flags.session_present
        inner(connected, data, flags, *more)

    client.client.on_connect = note
    return client


def leave(broker, name, user=None):
    with session(broker, name, user) as client:
        client.client.subscribe("monty/#", qos=1)


@pytest.mark.parametrize("name", ["nobody", "a disconnected (p2, c1, k60)."])
def test_what_an_anonymous_client_leaves_behind_is_removed(broker, name):
    with removing(broker) as sessions:
        leave(broker, "known", "liveview")
        leave(broker, name)
        until(lambda: sessions.removed == 1, WAIT_SECS)
        with session(broker, name) as back, session(broker, "known", "liveview") as known:
            assert (back.was_present, known.was_present) == (False, True)


def test_an_anonymous_client_that_is_connected_or_logs_in_meanwhile_keeps_its_session(broker):
    with session(broker, "stays") as stays, removing(broker) as sessions:
        leave(broker, "goes")
        until(lambda: sessions.removed == 1, WAIT_SECS)
        assert stays.client.is_connected()
    leave(broker, "mine")
    leave(broker, "mine", "liveview")
    with removing(broker) as sessions:  # which reads of all that was before
        until(lambda: sessions.removed == 1, WAIT_SECS)  # "stays", which has left
        with session(broker, "mine", "liveview") as mine:
            assert mine.was_present


def test_a_far_side_does_this_while_it_runs(tmp_path):
    def is_running():
        return "anonymous sessions" in [thread.name for thread in threading.enumerate()]

    others = frozenset(table.TABLE) - {"broker"}
    with Supervisor(table.Plan(state=StateDir(tmp_path), mqtt_port=0, without=others), print):
        assert is_running()
    assert not is_running()
