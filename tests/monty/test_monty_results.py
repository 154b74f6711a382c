"""The experiment leaves the same results with and without its monitor, in every logging configuration."""

from __future__ import annotations

import subprocess
import sys

import pytest
from compared import differences, episodes_of, is_time, model_of, rows_of
from jobs import HERE

pytestmark = [pytest.mark.monty, pytest.mark.timeout(900)]

TWINS = ("mini_learn", "recognise", "silent", "user_five", "displaced")
SENT_NOWHERE_ELSE = ("nobody", "late", "disabled")
WATCHED_TO_THE_END = ("recognise", "user_five", "displaced", *SENT_NOWHERE_ELSE)
CUT_SHORT = ("raises", "interrupted")


def test_every_job_ends_as_it_does_without_us(plain, plain_again, watched):
    for process, names in ((plain, TWINS), (plain_again, TWINS), (watched.process, (*TWINS, *SENT_NOWHERE_ELSE))):
        assert {process.exits[name] for name in names} == {0}
    assert plain.exits["raises"] == 1 == watched.process.exits["raises"]
    # A shell shows an uncaught KeyboardInterrupt as 130; `python -m monty_mqtt.run` says so itself.
    assert (plain.exits["interrupted"], watched.process.exits["interrupted"]) == ("KeyboardInterrupt", 130)
    assert (watched.process.exits["terminated"], watched.process.exits["hung_up"]) == (143, 129), "128 + the signal"
    assert watched.process.returncode == -9, "the last job is killed"


@pytest.mark.parametrize("name", [*WATCHED_TO_THE_END, *CUT_SHORT])
def test_csv_is_equal_but_for_times(plain, plain_again, watched, name):
    twin = "recognise" if name in SENT_NOWHERE_ELSE else name
    ours, theirs = (rows_of(p.results(n) / "eval_stats.csv") for p, n in ((watched.process, name), (plain, twin)))
    assert ours
    assert not [path for path in differences(ours, theirs) if not is_time(path)]
    if name not in CUT_SHORT:
        again = rows_of(plain_again.results(twin) / "eval_stats.csv")
        assert {path.split("/")[2] for path in differences(ours, theirs)} <= {"time"}
        assert {path.split("/")[2] for path in differences(again, theirs)} <= {"time"}


@pytest.mark.parametrize("name", [*WATCHED_TO_THE_END, *CUT_SHORT])
def test_detailed_json_is_equal_but_for_times(plain, watched, name):
    twin = "recognise" if name in SENT_NOWHERE_ELSE else name
    file = "detailed_run_stats.json"
    ours, theirs = (episodes_of(p.results(n) / file) for p, n in ((watched.process, name), (plain, twin)))
    assert ours
    assert not [path for path in differences(ours, theirs) if not is_time(path)]


def test_two_runs_without_us_differ_no_less(plain, plain_again):
    file = "detailed_run_stats.json"
    one, two = (episodes_of(process.results("recognise") / file) for process in (plain, plain_again))
    differing = list(differences(one, two))
    assert differing
    assert all(map(is_time, differing))


def test_learned_model_is_equal(plain, plain_again, watched):
    one, two, ours = (model_of(p.model("mini_learn") / "model.pt") for p in (plain, plain_again, watched.process))
    assert ours["lm_dict"][0]["graph_memory"]["cubeSolid"]
    assert not list(differences(one, two))
    assert not list(differences(ours, one))


@pytest.mark.parametrize("name", ["recognise", "silent", "user_five", "displaced"])
def test_recognising_model_is_equal(plain, watched, name):
    one, ours = (model_of(process.results(name) / "0" / "model.pt") for process in (plain, watched.process))
    assert not list(differences(ours, one))


@pytest.mark.parametrize("name", [*TWINS, *CUT_SHORT])
def test_learning_modules_hold_the_same_after_every_step(plain, watched, name):
    assert len(watched.process.steps(name)) > 20
    assert watched.process.steps(name) == plain.steps(name), "the user's own hook saw another model"


@pytest.mark.parametrize("name", [*TWINS, *CUT_SHORT, "aborted", "nobody"])
def test_users_hook_is_closed(watched, name):
    assert watched.process.steps(name)[-1] == "closed"


@pytest.mark.parametrize("name", ["recognise", "user_five", "raises", "interrupted"])
def test_users_handler_still_works(plain, watched, name):
    lines = [(process.results(name) / "handler.txt").read_text() for process in (plain, watched.process)]
    assert lines[0] == lines[1]
    assert lines[1].endswith("closed\n")


@pytest.mark.parametrize("name", ["recognise", "aborted_own_yaml"])
def test_config_loads_where_we_are_not_installed(watched, name):
    code = (
        "import sys, torch; sys.modules['monty_mqtt'] = None\n"
        "config = torch.load(sys.argv[1], weights_only=False)\n"
        "print(config['seed'], len(config['logging']['monty_data_logger'].handlers))"
    )
    path = watched.process.results(name) / "0" / "config.pt"
    environment = {"PYTHONPATH": str(HERE), "WANDB_MODE": "disabled"}
    found = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, env=environment, check=False
    )
    assert found.stdout.split() == ["42", "3" if name == "recognise" else "2"], found.stderr


def test_silent_run_prints_no_warning_of_ours(watched):
    assert "telemetry error" not in watched.process.output
