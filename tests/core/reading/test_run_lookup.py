"""Which run a name means, and which of its workers a command can reach."""

from __future__ import annotations

import pytest

from monty_mqtt.errors import ServiceError
from monty_mqtt.wire import schema
from monty_mqtt_core.reading.run_lookup import live_workers, pick_run
from monty_mqtt_core.reading.run_status import RunStatuses

NOW = 1_790_000_000_000_000_000


def known(**statuses):
    runs = RunStatuses()
    for run, status in statuses.items():
        runs.apply(schema.Status(run=run, worker="main", seq=1, time_unix_nanos=NOW, status=status))
    return runs


@pytest.mark.parametrize("name", ["demo-learn-1", "demo-learn-12", "demo-r"])
def test_a_run_is_picked_by_its_id_or_a_unique_beginning(name):
    runs = ["demo-learn-1", "demo-learn-12", "demo-recognise-3"]
    assert pick_run(name, known(**dict.fromkeys(runs, "running"))) == next(run for run in runs if run.startswith(name))


def test_of_several_runs_the_live_one_is_meant():
    assert pick_run("demo", known(**{"demo-1": "completed", "demo-2": "running", "demo-3": "error"})) == "demo-2"


def test_an_ambiguous_or_unknown_run_names_what_there_is():
    with pytest.raises(ServiceError, match=r"any of demo-1, demo-2"):
        pick_run("demo", known(**{"demo-1": "completed", "demo-2": "error"}))
    with pytest.raises(ServiceError, match=r"known are: demo-1"):
        pick_run("other", known(**{"demo-1": "running"}))


def test_only_live_workers_are_asked():
    words = {"main": "running", "parallel_eval_episode_1": "completed", "parallel_eval_episode_2": "paused"}
    assert live_workers("demo", words) == ["main", "parallel_eval_episode_2"]
    assert live_workers("demo", words, "main") == ["main"]


def test_a_worker_that_the_run_does_not_have_is_named():
    with pytest.raises(ServiceError, match="run demo has no worker 'other'; it has main"):
        live_workers("demo", {"main": "running"}, "other")


def test_a_run_that_has_ended_is_named_with_its_workers_words():
    with pytest.raises(ServiceError, match="run demo has ended: main completed"):
        live_workers("demo", {"main": "completed"})
