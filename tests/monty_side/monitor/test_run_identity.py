"""The run's id is one for all its processes; the worker tells them apart."""

from __future__ import annotations

import datetime as dt

import pytest

from monty_mqtt.config import LiveViewConfig
from monty_mqtt.errors import ConfigError
from monty_mqtt.monitor.run_identity import identify

NOW = dt.datetime(2026, 11, 23, 2, 30, 15, tzinfo=dt.timezone.utc)


def of(run_name="", salt="x", **settings):
    return identify(LiveViewConfig(**settings), run_name, NOW, salt)


def test_id_is_name_time_and_four_hex():
    run, worker = of("my run")
    name, stamp, digits = run.rsplit("-", 2)
    assert (name, stamp, worker) == ("my run", "20261123T023015Z", "main")
    assert len(digits) == 4
    int(digits, 16)


def test_runs_of_the_same_second_differ():
    assert of("r", "a") != of("r", "b")


def test_without_a_run_name_the_experiment_gives_its_own():
    assert of(experiment="test/evidence_lm/evidence_mujoco").run.startswith("evidence_mujoco-20261123T023015Z-")
    assert of().run.startswith("experiment-")


def test_time_of_the_configuration_makes_all_processes_agree():
    workers = [
        of(f"r-parallel_eval_episode_{n}", salt=str(n), started="2026-11-23T05:30:15.123456+03:00") for n in range(3)
    ]
    assert {worker.run for worker in workers} == {workers[0].run}
    assert workers[0].run.startswith("r-20261123T023015Z-")
    assert [worker.worker for worker in workers] == [f"parallel_eval_episode_{n}" for n in range(3)]
    other = of("r-parallel_eval_episode_0", started="2026-11-23T05:30:15.123457+03:00")
    assert other.run != workers[0].run


def test_local_time_is_taken_as_such():
    local = dt.datetime(2026, 11, 23, 2, 30, 15).astimezone().astimezone(dt.timezone.utc)
    assert of("r", started="2026-11-23T02:30:15").run.startswith(f"r-{local:%Y%m%dT%H%M%SZ}-")


@pytest.mark.parametrize(
    ("run_name", "worker"),
    [
        ("r-parallel_train_episode_mug", "parallel_train_episode_mug"),
        ("a-b-parallel_eval_episode_12", "parallel_eval_episode_12"),
        ("-parallel_eval_episode_0", "parallel_eval_episode_0"),
        ("parallel", "main"),
    ],
)
def test_worker_is_named_by_montys_parallel_runner(run_name, worker):
    assert of(run_name).worker == worker


def test_id_that_was_given_is_taken_as_it_is():
    assert of("r-parallel_eval_episode_1", run="mine/ü") == ("mine/ü", "parallel_eval_episode_1")


def test_time_that_is_none_is_refused():
    with pytest.raises(ConfigError, match=r"liveview\.started: 'noon' is not allowed; it must be a time such as"):
        of(started="noon")
