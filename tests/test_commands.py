"""Commands are obeyed once and answered."""

from __future__ import annotations

from contextlib import suppress

import pytest
from router import Router

from monty_mqtt import schema
from monty_mqtt.broadcaster import ZmqBroadcaster
from monty_mqtt.commands import Commands
from monty_mqtt.errors import AbortRequested


@pytest.fixture
def router():
    with Router() as router:
        yield router


@pytest.fixture
def broadcaster(router):
    broadcaster = ZmqBroadcaster(run="r", zmq_port=router.port, strict=True)
    broadcaster.publish_log("info", "hello")
    assert broadcaster.flush(10)
    yield broadcaster
    broadcaster.close()


def obey_until(commands, router, condition, step=None):
    """Look for commands until `condition` holds, as steps do; return whether an abort was asked for."""
    for _ in range(2000):
        try:
            commands.obey(step)
        except AbortRequested:
            return True
        if condition():
            return False
        router.wait(lambda: False, 0.01)
    raise AssertionError("the command was never obeyed")


def answers(router):
    return [message for message in router.messages("r") if isinstance(message, schema.CommandResult)]


def test_abort_raises_and_is_answered(router, broadcaster):
    commands = Commands(broadcaster)
    router.say(schema.Command(id="1", command="abort", reason="enough"), "r")
    assert obey_until(commands, router, lambda: False, step=7)
    assert commands.abort_reason == "enough"
    assert broadcaster.flush(10)
    (answer,) = answers(router)
    assert (answer.id, answer.status, answer.detail) == ("1", "obeyed", "aborting at step 7")
    (status,) = [message for message in router.messages("r") if isinstance(message, schema.Status)]
    assert (status.status, status.reason) == ("aborting", "enough")


def test_abort_holds_for_everything_after_it(router, broadcaster):
    commands = Commands(broadcaster)
    router.say(schema.Command(id="1", command="abort"), "r")
    assert obey_until(commands, router, lambda: False)
    with pytest.raises(AbortRequested, match="aborted by command"):
        commands.obey(None)


def test_same_command_twice_is_answered_once(router, broadcaster):
    commands = Commands(broadcaster)
    for _ in range(2):
        router.say(schema.Command(id="1", command="abort"), "r")
    router.say(schema.Command(id="2", command="abort"), "r")
    for _ in range(2000):
        with suppress(AbortRequested):
            commands.obey(None)
        broadcaster.pump()
        if router.wait(lambda: len(answers(router)) == 2, 0.01):
            break
    assert [answer.id for answer in answers(router)] == ["1", "2"]


def test_unknown_command_is_refused_and_nothing_else_happens(router, broadcaster):
    commands = Commands(broadcaster)
    router.say(schema.Command(id="3", command="dance"), "r")
    assert obey_until(commands, router, lambda: bool(answers(router))) is False
    (answer,) = answers(router)
    assert answer.status == "refused"
    assert answer.detail == "'dance' is not a command of this version; it knows: abort"
    assert commands.abort_reason is None
