"""Runs that end early, badly, or with nobody listening."""

from __future__ import annotations

import pytest
from compared import model_of, rows_of
from jobs import DIES_AT, keys_of, messages_of

from monty_mqtt.wire import schema

pytestmark = [pytest.mark.monty, pytest.mark.timeout(900)]

ABORTED = ("aborted", "aborted_learn", "aborted_own_yaml")


def last_words(watched, name):
    return [(status.status, status.reason) for status in messages_of(watched.router, name, schema.Status)]


def test_disabled_run_sends_nothing(watched):
    assert keys_of(watched.router, "disabled") == []
    assert watched.process.exits["disabled"] == 0


def test_run_without_a_bridge_says_so_once(watched):
    assert keys_of(watched.router, "nobody") == []
    assert watched.process.output.count("no bridge") == 1


def test_bridge_that_comes_in_the_middle_gets_everything(watched):
    messages = messages_of(watched.late, "late")
    assert [type(messages[0]), type(messages[-1])] == [schema.Info, schema.End]
    assert [message.seq for message in messages] == list(range(len(messages)))


def test_exception_is_told_with_its_traceback(watched):
    status = messages_of(watched.router, "raises", schema.Status)[-1]
    assert (status.status, status.error_type) == ("error", "builtins.ValueError")
    assert status.error_message == "the user's own hook fails"
    assert "users.py" in status.error_traceback
    assert messages_of(watched.router, "raises", schema.End)[0].status == "error"


def test_interrupt_is_told(watched):
    assert last_words(watched, "interrupted")[-1] == ("aborted", "Ctrl+C")
    assert messages_of(watched.router, "interrupted", schema.End)[0].status == "aborted"


def test_killed_process_had_handed_over_its_steps(watched):
    steps = messages_of(watched.router, "killed", schema.Step)
    assert [step.total_step for step in steps] == list(range(DIES_AT))
    assert not messages_of(watched.router, "killed", schema.End), "nobody claims that it completed"


@pytest.mark.parametrize(("name", "signal", "code"), [("terminated", "SIGTERM", 143), ("hung_up", "SIGHUP", 129)])
def test_a_signal_ends_a_run_in_order_and_by_its_name(watched, name, signal, code):
    assert last_words(watched, name) == [("running", None), ("aborting", signal), ("aborted", signal)]
    assert messages_of(watched.router, name, schema.End)[0].status == "aborted"
    steps = messages_of(watched.router, name, schema.Step)
    assert [step.total_step for step in steps] == list(range(DIES_AT + 1)), "the step under way is the last one"
    assert watched.process.exits[name] == code


def test_a_terminated_run_keeps_what_an_aborted_one_keeps(watched, plain):
    rows = rows_of(watched.process.results("terminated") / "eval_stats.csv")
    whole = rows_of(plain.results("recognise") / "eval_stats.csv")
    assert len(rows) == len(messages_of(watched.router, "terminated", schema.EpisodeEnded)) == 2
    assert [row["highest_evidence"] for row in rows] == [row["highest_evidence"] for row in whole[:2]]
    assert (watched.process.results("terminated") / "0" / "model.pt").exists()
    assert (watched.process.results("terminated") / "handler.txt").read_text().endswith("closed\n")
    assert watched.process.steps("terminated")[-1] == "closed"


@pytest.mark.parametrize("name", ABORTED)
def test_abort_is_obeyed_within_one_step_and_answered(watched, name):
    steps = messages_of(watched.router, name, schema.Step)
    # Commanded when step DIES_AT had arrived: the step under way then is the last one.
    assert DIES_AT < len(steps) <= DIES_AT + 3
    (answer,) = messages_of(watched.router, name, schema.CommandResult)
    run = keys_of(watched.router, name)[0][0]
    assert (answer.id, answer.status) == (f"abort {run}", "obeyed")
    assert answer.detail == f"aborting at step {steps[-1].step} of episode {steps[-1].episode}"
    assert last_words(watched, name) == [("running", None), ("aborting", "enough seen"), ("aborted", "enough seen")]
    assert messages_of(watched.router, name, schema.End)[0].status == "aborted"


def test_abort_ends_the_process_with_3_through_our_runner_and_with_0_through_montys(watched):
    assert [watched.process.exits[name] for name in ABORTED] == [3, 3, 0]


@pytest.mark.parametrize("name", ["aborted", "aborted_own_yaml"])
def test_aborted_run_keeps_its_finished_episodes(watched, plain, name):
    rows = rows_of(watched.process.results(name) / "eval_stats.csv")
    whole = rows_of(plain.results("recognise") / "eval_stats.csv")
    assert len(rows) == len(messages_of(watched.router, name, schema.EpisodeEnded)) == 2
    assert [row["highest_evidence"] for row in rows] == [row["highest_evidence"] for row in whole[:2]]
    assert (watched.process.results(name) / "0" / "model.pt").exists()


def test_aborted_run_closes_users_handler_and_hook(watched):
    assert (watched.process.results("aborted") / "handler.txt").read_text().endswith("closed\n")
    assert watched.process.steps("aborted")[-1] == "closed"


def test_aborted_pretraining_saves_its_model(watched):
    saved = model_of(watched.process.model("aborted_learn") / "model.pt")
    assert list(saved["lm_dict"][0]["graph_memory"]) == [], "the first episode was cut off"
