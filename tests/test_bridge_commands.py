"""Which commands are passed on, which refused, and what is answered."""

from __future__ import annotations

import json

import pytest
from bridge_fixtures import FIRST_STAMP, make

from monty_mqtt import schema
from monty_mqtt.protocol import Hello
from monty_mqtt_bridge.commands import Commands
from monty_mqtt_bridge.liveness import Liveness
from monty_mqtt_bridge.session import Incoming
from monty_mqtt_bridge.workers import Worker

NOW = FIRST_STAMP


class Desk:
    """Commands for a run `r` with live workers `a` and `b`."""

    def __init__(self, *names: str) -> None:
        self.liveness = Liveness(0.0)
        self.workers = {name: Worker(Hello(schema_version=1, run="r", worker=name, base=3)) for name in names or "ab"}
        for worker in self.workers.values():
            self.liveness.joined(worker, NOW)
        self.commands = Commands(self.liveness.lives)

    def asks(self, worker="a", run="r", *, retain=False, payload=None, **fields):
        command = {"kind": "command", "id": "1", "command": "abort", **fields}
        payload = json.dumps(command).encode() if payload is None else payload
        return self.commands.decide(Incoming(f"monty/v1/{run}/{worker}/command", payload, retain), NOW)


def refusal(decision) -> str:
    assert decision.command is None
    (result,) = decision.results
    assert result.status == "refused"
    return result.detail


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
        ({"command": "dance"}, "'dance' is not a command"),
        ({"run": "x"}, "no run 'x'"),
        ({"worker": "c"}, "no worker 'c'; it has a, b"),
        ({"payload": b"abort"}, "no command"),
        ({"payload": b"\xff\xfe"}, "no command"),
        ({"payload": b"[" * 9000}, "no command"),
        ({"payload": b'{"id":"1"}'}, "no command"),
        ({"payload": b'{"kind":"command","id":1,"command":"abort"}'}, "no command"),
        ({"payload": b"x" * 10_001}, "10001 bytes"),
        ({"id": ""}, "no id"),
    ],
)
def test_what_is_refused_says_why(how, why):
    assert why in refusal(Desk().asks(**how))


def test_an_empty_payload_only_removes_what_was_retained():
    assert Desk().asks(payload=b"") == (None, (), ())


def test_a_payload_without_kind_is_as_good():
    assert Desk().asks(payload=b'{"id":"1","command":"abort"}').command is not None


def test_a_worker_that_is_over_or_not_connected_cannot_obey():
    desk = Desk()
    desk.liveness.left(desk.workers["a"], 0.0)
    assert "not connected" in refusal(desk.asks("a"))
    desk.liveness.tick(100.0, NOW)
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
    assert desk.commands.standing("r") is None
    assert set(desk.asks("all").targets) == {("r", "a"), ("r", "b")}
    assert desk.commands.standing("r").command == "abort"
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
    assert desk.commands.standing("r")


def test_the_answer_carries_the_highest_seq_of_the_worker():
    desk = Desk()
    desk.workers["a"].next = 12
    assert desk.asks(command="dance").results[0].seq == 11
    assert desk.asks(run="x").results[0].seq == 0


OTHERS = ["monty/v1/r/a/metric/command", "monty/v1/r/command", "other", "monty/v1/r%2f/a/command"]


@pytest.mark.parametrize("topic", OTHERS)
def test_other_topics_are_none_of_its_business(topic):
    assert Desk().commands.decide(Incoming(topic, b"{}", retain=False), NOW) == (None, (), ())


def test_the_self_test_of_any_bridge_is_ignored():
    assert Desk().asks(command="self-test") == (None, (), ())


def test_what_is_remembered_is_bounded():
    desk = Desk()
    for number in range(2500):
        desk.asks(id=str(number))
    assert desk.asks(id="2499").command is None
    assert desk.asks(id="0").command is not None
