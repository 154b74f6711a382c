"""Which commands are passed on, which refused, and what is answered."""

from __future__ import annotations

import json

import pytest
from kit.bridge import FIRST_STAMP, make

from monty_mqtt.wire import schema
from monty_mqtt.wire.zmq_protocol import Hello
from monty_mqtt_bridge.receive.sender import Sender
from monty_mqtt_bridge.rules.command_rules import CommandRules, Decision
from monty_mqtt_bridge.rules.liveness import Liveness
from monty_mqtt_bridge.rules.other_bridges import OtherBridges
from monty_mqtt_core.reading.mqtt_client import MqttMessage

NOW = FIRST_STAMP


class Desk:
    """CommandRules for a run `r` with live workers `a` and `b`."""

    def __init__(self, *names: str) -> None:
        self.liveness = Liveness(0.0)
        self.senders = {name: Sender(Hello(schema_version=1, run="r", worker=name, base=3)) for name in names or "ab"}
        for worker in self.senders.values():
            self.liveness.joined(worker, NOW)
        self.others = OtherBridges("here")
        self.commands = CommandRules(self.liveness.lives, self.others)

    def asks(self, worker="a", run="r", *, retain=False, payload=None, **fields):
        command = {"kind": "command", "id": "1", "command": "abort", **fields}
        payload = json.dumps(command).encode() if payload is None else payload
        return self.commands.decide(MqttMessage(f"monty/v1/{run}/{worker}/command", payload, retain), NOW)


def refusal(decision) -> str:
    assert decision.command is None
    (result,) = decision.results
    assert result.status == "refused"
    return result.detail


def standing(desk) -> list[str]:
    return [command.command for command in desk.commands.standing("r")]


def test_a_command_goes_to_the_worker_it_names():
    issued = NOW - 29 * 10**9
    decision = Desk().asks("b", reason="enough", issued_unix_nanos=issued)
    assert decision.targets == (("r", "b"),)
    assert decision.command == schema.Command(id="1", command="abort", reason="enough", issued_unix_nanos=issued)
    assert decision.results == ()


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"retain": True}, "retained"),
        ({"issued_unix_nanos": NOW - 31 * 10**9}, "31 s old"),
        ({"issued_unix_nanos": NOW + 60 * 10**9}, "future"),
        ({"command": "dance"}, "'dance' is not a command of this version; it knows: abort, pause, resume, step, stop"),
        ({"command": "step", "steps": 0}, "steps is 0; it must be 1 or more"),
        ({"command": "step", "steps": "many"}, "no command"),
        ({"run": "x"}, "no run 'x'"),
        ({"worker": "c"}, "no worker 'c'; it has a, b"),
        ({"payload": b"abort"}, "no command"),
        ({"payload": b"\xff\xfe"}, "no command"),
        ({"payload": b"[" * 9000}, "no command"),
        ({"payload": b'{"id":"1"}'}, "no command"),
        ({"payload": b'{"kind":"command","id":1,"command":"abort"}'}, "no command"),
        ({"payload": b"x" * 10_001}, "10001 bytes"),
        ({"id": ""}, "no id"),
        ({"id": "i" * 201}, "201 characters"),
    ],
)
def test_what_is_refused_says_why(how, why):
    assert why in refusal(Desk().asks(**how))


def elsewhere(worker, status="running", bridge="there"):
    return make(schema.Status, 3, run="r", worker=worker, status=status, bridge=bridge)


def test_the_bridge_that_has_the_worker_answers_and_this_one_is_silent():
    desk = Desk("a")
    desk.others.hear(elsewhere("c"))
    assert desk.asks("c", id="1") == Decision()
    assert desk.asks("c", id="2", command="dance") == Decision()
    assert desk.asks("all", id="3").targets == (("r", "a"),)
    desk.others.hear_bridge(MqttMessage("monty/bridge/v1/there/status", b"offline", True))  # noqa: FBT003
    assert "no worker 'c'" in refusal(desk.asks("c", id="4")), "otherwise nobody would answer"


def test_what_is_said_to_all_workers_of_another_bridge_holds_for_one_that_comes_here_later():
    desk = Desk("a")
    desk.liveness.forget_run("r")
    desk.others.hear(elsewhere("c"))
    assert desk.asks("all", command="pause") == Decision()
    assert standing(desk) == ["pause"]
    assert "c; abort it first" in refusal(desk.asks("all", id="2", command="forget"))


def test_an_empty_payload_only_removes_what_was_retained():
    assert Desk().asks(payload=b"") == (None, (), ())


def test_a_payload_without_kind_is_as_good():
    assert Desk().asks(payload=b'{"id":"1","command":"abort"}').command is not None


def test_a_worker_that_is_over_or_not_connected_cannot_obey():
    desk = Desk()
    desk.liveness.left(desk.senders["a"], 0.0)
    assert "not connected" in refusal(desk.asks("a"))
    desk.liveness.tick(100.0, NOW, 0)
    assert "is disconnected" in refusal(desk.asks("a", id="2"))


def test_a_repeated_id_is_obeyed_once_and_answered_with_the_same_result():
    desk = Desk()
    assert desk.asks().command is not None
    assert desk.asks() == (None, (), ()), "not answered yet, so nothing to repeat"
    result = make(schema.CommandResult, 9, run="r", worker="a", id="1", status="obeyed", detail="at step 4")
    desk.commands.answered(result)
    assert desk.asks().results == (result,)
    assert desk.asks().command is None


def test_a_repeated_refusal_is_the_same_refusal():
    desk = Desk()
    first = desk.asks(command="dance")
    assert desk.asks(command="dance") == first


def test_all_reaches_every_worker_and_those_that_start_later():
    desk = Desk()
    assert desk.commands.standing("r") == ()
    assert set(desk.asks("all").targets) == {("r", "a"), ("r", "b")}
    assert standing(desk) == ["abort"]
    results = [make(schema.CommandResult, 9, run="r", worker=name, id="1", status="obeyed") for name in ("a", "b")]
    for result in results:
        desk.commands.answered(result)
    assert list(desk.asks("all").results) == results


def test_all_holds_although_nobody_runs_just_now():
    desk = Desk("a")
    desk.liveness.heard(make(schema.End, 3, run="r", worker="a"), 0.0, NOW)
    (result,) = desk.asks("all").results
    assert result.status == "obeyed"
    assert "later" in result.detail
    assert standing(desk) == ["abort"]


def test_the_answer_carries_the_highest_seq_of_the_worker():
    desk = Desk()
    desk.senders["a"].fed_seq = 11
    assert desk.asks(command="dance").results[0].seq == 11
    assert desk.asks(run="x").results[0].seq == 0


OTHERS = ["monty/v1/r/a/metric/command", "monty/v1/r/command", "other", "monty/v1/r%2f/a/command"]


@pytest.mark.parametrize("topic", OTHERS)
def test_other_topics_are_none_of_its_business(topic):
    assert Desk().commands.decide(MqttMessage(topic, b"{}", retain=False), NOW) == (None, (), ())


def test_the_self_test_of_any_bridge_is_ignored():
    assert Desk().asks(command="self-test") == (None, (), ())


def test_what_is_remembered_is_bounded():
    desk = Desk()
    for number in range(2500):
        desk.asks(id=str(number))
    assert desk.asks(id="2499").command is None
    assert desk.asks(id="0").command is not None


@pytest.mark.parametrize("command", ["pause", "resume", "step", "stop", "abort"])
def test_each_command_is_passed_on(command):
    decision = Desk().asks("b", command=command, steps=3 if command == "step" else None)
    assert (decision.command.command, decision.targets) == (command, (("r", "b"),))


@pytest.mark.parametrize(
    ("given", "holds"),
    [
        (["pause"], ["pause"]),
        (["pause", "resume"], []),
        (["pause", "step"], ["pause"]),
        (["step"], []),
        (["pause", "stop"], ["stop"]),
        (["stop", "pause"], ["stop", "pause"]),
        (["stop", "pause", "resume"], ["stop"]),
        (["stop", "pause", "abort"], ["abort"]),
        (["resume"], []),
    ],
)
def test_what_holds_for_workers_that_start_later(given, holds):
    desk = Desk()
    for number, command in enumerate(given):
        assert desk.asks("all", command=command, id=str(number)).command is not None
    assert standing(desk) == holds


def test_what_one_worker_is_told_holds_for_no_other():
    desk = Desk()
    desk.asks("a", command="pause")
    desk.asks("b", command="stop", id="2")
    assert standing(desk) == []


@pytest.mark.parametrize(
    ("command", "status", "detail"),
    [
        ("pause", "obeyed", "no worker runs now; those that start later are told"),
        ("resume", "obeyed", "no worker runs now; those that start later are not paused"),
        ("step", "refused", "no worker runs now"),
    ],
)
def test_what_becomes_of_it_when_nobody_runs_just_now(command, status, detail):
    desk = Desk("a")
    desk.liveness.heard(make(schema.End, 3, run="r", worker="a"), 0.0, NOW)
    (result,) = desk.asks("all", command=command).results
    assert (result.status, result.detail) == (status, detail)


def test_the_parent_of_a_parallel_run_has_no_steps_of_its_own():
    desk = Desk("main", "parallel_eval_episode_0")
    assert "only oversees the others: name one of them, or 'all'" in refusal(desk.asks("main", command="pause"))
    assert len(desk.asks("all", command="pause", id="2").targets) == 2


def test_ids_answers_and_what_holds_outlive_the_bridge():
    desk = Desk()
    desk.asks("all", command="stop")
    desk.asks("a", command="dance", id="2")
    result = make(schema.CommandResult, 9, run="r", worker="a", id="1", status="obeyed", detail="stops")
    desk.commands.answered(result)
    assert desk.commands.changed
    saved = desk.commands.save()
    assert not desk.commands.changed

    again = Desk()
    assert again.commands.load(saved)
    assert standing(again) == ["stop"]
    assert again.asks("all", command="stop").results == (result,)
    assert again.asks("a", command="dance", id="2") == desk.asks("a", command="dance", id="2")
    assert again.commands.save() == saved


@pytest.mark.parametrize("saved", [b"", b"{}", b"\xff", b"[1]"])
def test_what_cannot_be_read_changes_nothing(saved):
    desk = Desk()
    assert not desk.commands.load(saved)
    assert desk.asks().command is not None


def test_a_run_that_is_cleared_is_forgotten():
    desk = Desk()
    desk.asks("all", command="pause")
    desk.commands.forget("r")
    assert standing(desk) == []
    assert desk.asks("all", command="pause").command is not None
