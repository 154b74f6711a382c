"""The experiment leaves the same results with and without its monitor, in every logging configuration."""

from __future__ import annotations

import subprocess
import sys

import pytest
from compared import differences, episodes_of, is_time, model_of, rows_of
from jobs import HERE

pytestmark = [pytest.mark.monty, pytest.mark.timeout(900)]

TWINS = ("mini_learn", "recognise", "silent")
WATCHED_TO_THE_END = ("recognise", "nobody", "late", "disabled")
CUT_SHORT = ("raises", "interrupted")


def test_every_job_ends_as_it_does_without_us(plain, plain_again, watched):
    assert [plain.exits[name] for name in TWINS] == [0, 0, 0] == [plain_again.exits[name] for name in TWINS]
    assert [watched.process.exits[name] for name in (*TWINS, "nobody", "late", "disabled")] == [0] * 6
    assert plain.exits["raises"] == 1 == watched.process.exits["raises"]
    # A shell shows an uncaught KeyboardInterrupt as 130; `python -m monty_mqtt.run` says so itself.
    assert (plain.exits["interrupted"], watched.process.exits["interrupted"]) == ("KeyboardInterrupt", 130)
    assert watched.process.returncode == -15, "SIGTERM ends the last job, as it ends any Python process"


@pytest.mark.parametrize("name", [*WATCHED_TO_THE_END, *CUT_SHORT])
def test_csv_is_equal_but_for_times(plain, plain_again, watched, name):
    twin = name if name in CUT_SHORT else "recognise"
    ours, theirs = (rows_of(p.results(n) / "eval_stats.csv") for p, n in ((watched.process, name), (plain, twin)))
    assert ours
    assert not [path for path in differences(ours, theirs) if not is_time(path)]
    if twin == "recognise":
        again = rows_of(plain_again.results(twin) / "eval_stats.csv")
        assert {path.split("/")[2] for path in differences(ours, theirs)} <= {"time"}
        assert {path.split("/")[2] for path in differences(again, theirs)} <= {"time"}


@pytest.mark.parametrize("name", [*WATCHED_TO_THE_END, *CUT_SHORT])
def test_detailed_json_is_equal_but_for_times(plain, watched, name):
    twin = name if name in CUT_SHORT else "recognise"
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


@pytest.mark.parametrize("name", ["recognise", "silent"])
def test_recognising_model_is_equal(plain, watched, name):
    one, ours = (model_of(process.results(name) / "0" / "model.pt") for process in (plain, watched.process))
    assert not list(differences(ours, one))


@pytest.mark.parametrize("name", ["learn", "recognise", "silent", "raises", "interrupted"])
def test_learning_modules_hold_the_same_after_every_step(plain, watched, name):
    one, ours = (
        (process.home / "steps" / f"{name}.txt").read_text().splitlines() for process in (plain, watched.process)
    )
    assert len(ours) > 20
    assert ours == one, "the user's own hook saw another model"


@pytest.mark.parametrize("name", ["learn", "recognise", "silent", "raises", "interrupted", "aborted", "nobody"])
def test_users_hook_is_closed(watched, name):
    assert (watched.process.home / "steps" / f"{name}.txt").read_text().endswith("closed\n")


@pytest.mark.parametrize("name", ["recognise", "raises", "interrupted"])
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
