"""`python -m monty_mqtt.run`: what it makes of Hydra's command line and of the configuration."""

from __future__ import annotations

import datetime as dt
import os

import pytest

from monty_mqtt.errors import ConfigError
from monty_mqtt.run import LiveViewCallback, arguments, monitored, render_without_a_screen, split_parallel

NOW = dt.datetime(2026, 11, 23, tzinfo=dt.timezone.utc)
CALLBACK = "+hydra.callbacks.live_view._target_=monty_mqtt.run.LiveViewCallback"


@pytest.mark.parametrize(
    ("given", "search_path"),
    [
        (["experiment=x"], ["experiment=x", "hydra.searchpath=[file:///conf]"]),
        (["hydra.searchpath=[/mine]"], ["hydra.searchpath=[/mine,file:///conf]"]),
        (["hydra.searchpath=[/a,pkg://b]", "x=1"], ["hydra.searchpath=[/a,pkg://b,file:///conf]", "x=1"]),
        (["hydra.searchpath=[]"], ["hydra.searchpath=[file:///conf]"]),
    ],
)
def test_our_conf_is_added_to_the_search_path(given, search_path):
    assert arguments(given, "/conf") == [*search_path, CALLBACK]


def test_any_experiment_becomes_a_monitored_one():
    experiment = {"_target_": "a.B", "config": {"seed": 42}}
    monitored(experiment, "mine/x", NOW)
    assert experiment == {
        "_target_": "monty_mqtt.experiment.MontyExperimentWithLiveView",
        "experiment_class": "a.B",
        "config": {
            "seed": 42,
            "liveview": {"experiment": "mine/x", "started": "2026-11-23T00:00:00+00:00", "abort_exit_code": 3},
        },
    }


def test_what_the_user_set_stays():
    experiment = {
        "_target_": "monty_mqtt.experiment.MontyExperimentWithLiveView",
        "experiment_class": "a.B",
        "config": {
            "enable_liveview": False,
            "liveview": {"abort_exit_code": 0, "started": "2026-01-01", "strict": True},
        },
    }
    monitored(experiment, "x", NOW)
    assert experiment["experiment_class"] == "a.B"
    assert experiment["config"] == {
        "enable_liveview": False,
        "liveview": {"experiment": "x", "started": "2026-01-01", "abort_exit_code": 0, "strict": True},
    }


def test_callback_has_nothing_to_do_on_other_occasions():
    callback = LiveViewCallback()
    assert callback.on_job_end(config=None, job_return=None) is None
    with pytest.raises(AttributeError):
        _ = callback.other


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


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["experiment=x"], (["experiment=x"], None)),
        (["--parallel", "4", "experiment=x"], (["experiment=x"], 4)),
        (["experiment=x", "--parallel=16"], (["experiment=x"], 16)),
    ],
)
def test_parallel_is_taken_from_the_command_line(given, expected):
    assert split_parallel(given) == expected


@pytest.mark.parametrize("given", [["--parallel"], ["--parallel", "0"], ["--parallel=many"], ["--parallel", "x=1"]])
def test_wrong_number_of_processes_is_one_line(given):
    with pytest.raises(ConfigError, match=r"--parallel: .* it must be a whole number from 1 to 1024"):
        split_parallel(given)
