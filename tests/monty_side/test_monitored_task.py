"""What becomes of the configuration that Hydra composed: a monitored experiment, whose run has its name."""

from __future__ import annotations

import os

import pytest

from monty_mqtt.config import LiveViewConfig
from monty_mqtt.monitored_task import RunNaming, monitored, render_without_a_screen
from monty_mqtt.wire.run_id import new_ending

ALONE = RunNaming("20261123T000000Z-abcd")
EXPECTED = ALONE._replace(is_expected=True)
OURS = "monty_mqtt.experiment.MontyExperimentWithLiveView"


def made(config=None, naming=ALONE, number=None, name="mine/x"):
    experiment = {"_target_": "a.B", "config": config or {}}
    monitored(experiment, name, naming, number)
    assert (experiment["_target_"], experiment["experiment_class"]) == (OURS, "a.B")
    return experiment["config"]["liveview"]


def test_any_experiment_becomes_a_monitored_one():
    live = made({"seed": 42})
    assert live.pop("started").endswith("+00:00")
    assert live == {"experiment": "mine/x", "abort_exit_code": 3}


def test_what_the_user_set_stays():
    mine = {"abort_exit_code": 0, "started": "2026-01-01", "strict": True}
    experiment = {"_target_": OURS, "experiment_class": "a.B", "config": {"enable_liveview": False, "liveview": mine}}
    monitored(experiment, "x", ALONE)
    assert experiment["experiment_class"] == "a.B"
    assert experiment["config"] == {"enable_liveview": False, "liveview": {"experiment": "x", **mine}}


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ({"logging": {"run_name": "mine"}}, "mine"),
        ({"logging": {"run_name": ""}}, "x"),
        ({}, "x"),
        ({"logging": {"run_name": "mine"}, "liveview": {"run": "thesis"}}, "thesis"),
    ],
)
def test_who_waits_for_a_run_finds_it_under_its_own_name(config, name):
    assert made(config, EXPECTED)["run"] == f"{name}-{ALONE.ending}"


def test_the_environment_names_a_run_outright():
    environ = {"MONTY_MQTT_RUN": "mine"}
    assert made(naming=RunNaming.taken_from(environ))["run"] == "mine"
    assert environ == {}


def test_the_ending_is_for_this_command_line_and_not_for_what_its_experiments_start():
    environ = {"MONTY_MQTT_RUN_ENDING": ALONE.ending, "OTHER": "1"}
    assert RunNaming.taken_from(environ) == EXPECTED
    assert environ == {"OTHER": "1"}
    assert not RunNaming.taken_from(environ).is_expected


@pytest.mark.parametrize("naming", [ALONE, EXPECTED, ALONE._replace(run="given")])
def test_the_jobs_of_a_sweep_are_runs_of_one_group(naming):
    jobs = [made({"logging": {"run_name": "mine"}}, naming, number) for number in range(10)]
    assert [job["run"] for job in jobs] == [f"{naming.run or 'mine'}-{number}-{ALONE.ending}" for number in range(10)]
    assert {job["group"] for job in jobs} == {f"x-{ALONE.ending}"}
    assert {job["abort_exit_code"] for job in jobs} == {0}, "an abort ends the job, and not the sweep"
    assert LiveViewConfig.of({"liveview": jobs[0]}, {}).group == jobs[0]["group"]


def test_endings_differ():
    assert len({new_ending() for _ in range(20)}) > 1


@pytest.mark.parametrize(
    ("environment", "expected"),
    [({}, "egl"), ({"DISPLAY": ":0"}, None), ({"WAYLAND_DISPLAY": "w"}, None), ({"MUJOCO_GL": "osmesa"}, "osmesa")],
)
def test_mujoco_renders_without_a_screen(monkeypatch, environment, expected):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "MUJOCO_GL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    render_without_a_screen()
    assert os.environ.get("MUJOCO_GL") == expected
    monkeypatch.delenv("MUJOCO_GL", raising=False)
