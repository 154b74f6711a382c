"""The parent of a parallel run: how many episodes there are and are done, what it answers, and how it ended."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import tbp.monty.hydra  # noqa: F401 - registers Monty's resolvers
from kit.machine.child_process import until
from kit.monty import monty_models  # noqa: F401 - imports Monty once, with the warnings of its libraries off
from omegaconf import OmegaConf
from tbp.monty.frameworks import run_parallel

from monty_mqtt.monitor.worker_tally import WorkerTally
from monty_mqtt.parallel import ParallelCallback
from monty_mqtt.parallel.parent import ParallelParent, episodes_in_all
from monty_mqtt.wire import schema
from monty_mqtt.wire.mode_sum import Finished

SAMPLER = {
    "_target_": "tbp.monty.frameworks.environments.object_init_samplers.Predefined",
    "rotations": [[0, 0, 0], [0, 90, 0], [0, 180, 0]],
}


def composed(mode, port=1, episodes="all"):
    config = {
        "do_train": mode == "train",
        "do_eval": mode == "eval",
        "n_eval_epochs": 3,
        "n_train_epochs": 3,
        "seed": 42,
        "zmq_port": port,
        "logging": {"run_name": "r"},
        "liveview": {"run": "r-1", "strict": True},
        f"{mode}_env_interface_args": {"object_names": ["mug", "bowl"], "object_init_sampler": SAMPLER},
    }
    return OmegaConf.create({"experiment": {"experiment_class": "a.B", "config": config}, "episodes": episodes})


@pytest.mark.parametrize(
    ("mode", "episodes", "expected"),
    [
        ("eval", "all", {"eval": 6}),
        ("eval", ":4", {"eval": 4}),
        ("eval", "0,3:5", {"eval": 3}),
        ("train", "all", {"train": 6}),
        ("train", "1", {"train": 3}),
    ],
)
def test_episodes_in_all_are_as_many_as_monty_makes(mode, episodes, expected):
    assert episodes_in_all(composed(mode, episodes=episodes)) == expected


@contextmanager
def parent_of(composed):
    """A parent that begins, and ends as Monty's runner does."""
    parent = ParallelParent()
    parent.begin(composed, {})
    try:
        yield parent
    except BaseException as error:
        parent.end(error)
        raise
    parent.end(None)


def statuses(router):
    return [(m.status, m.reason) for m in router.messages("r-1") if isinstance(m, schema.Status)]


def test_parent_is_the_worker_main_of_the_run(router):
    with parent_of(composed("eval", router.port)):
        pass
    info, running, progress, completed, end = router.messages("r-1")
    assert (info.experiment_class, info.run_name, info.seed) == ("a.B", "r", 42)
    assert info.episodes_expected == {"eval": 6}
    assert (progress.episodes_done, progress.episodes_expected) == (0, 6)
    assert [running.status, completed.status, end.status] == ["running", "completed", "completed"]


def test_parent_tells_what_its_workers_finished(router):
    with parent_of(composed("eval", router.port)):
        tally = WorkerTally(os.environ["MONTY_MQTT_TALLY"])
        tally.add(Finished("eval", 20, "correct", 1, 0, 10, [1.0, 2.0]))
        tally.add(Finished("eval", 30, "time_out", 0, 0, 12, [9.0]))
    assert not Path(tally.path).exists()
    assert "MONTY_MQTT_TALLY" not in os.environ
    last = [m for m in router.messages("r-1") if isinstance(m, schema.Progress)][-1]
    assert (last.mode, last.episode, last.episodes_done, last.episodes_expected) == ("eval", 1, 2, 6)
    (totals,) = last.modes.values()
    assert (totals.outcomes, totals.correct, totals.accuracy) == ({"correct": 1, "time_out": 1}, 1, 0.5)
    assert (totals.steps, totals.episodes_expected, totals.mean_steps) == (50, 6, 25.0)
    assert (totals.rotation_errors, totals.rotation_error_degs) == (3, 4.0), (
        "over the learning modules, not the episodes"
    )
    assert last.estimated_end_unix_nanos > last.time_unix_nanos - 10**9


def run_that_fails(router, error):
    with parent_of(composed("eval", router.port)):
        raise error


def test_failure_is_told(router):
    with pytest.raises(ZeroDivisionError):
        run_that_fails(router, ZeroDivisionError)
    assert [word for word, _ in statuses(router)] == ["running", "error"]


def test_interrupt_is_told(router):
    with pytest.raises(KeyboardInterrupt):
        run_that_fails(router, KeyboardInterrupt)
    assert statuses(router)[-1] == ("aborted", "Ctrl+C")


def results(router):
    return [message for message in router.messages("r-1") if isinstance(message, schema.CommandResult)]


def answer_of(router, command, **fields):
    assert router.wait(lambda: bool(router.messages("r-1")))
    known = len(results(router))
    router.say(schema.Command(id=f"{known}", command=command, **fields), "r-1")
    assert router.wait(lambda: len(results(router)) > known)
    return results(router)[-1].detail


def test_abort_is_answered_while_the_workers_run(router):
    with parent_of(composed("eval", router.port)) as parent:
        assert answer_of(router, "abort", reason="enough") == "aborting with all its workers"
        until(lambda: WorkerTally(os.environ["MONTY_MQTT_TALLY"]).is_closed)
    assert parent.cut_short == "enough"
    assert statuses(router)[-1] == ("aborted", "enough")


def test_parent_says_what_its_workers_do(router):
    with parent_of(composed("eval", router.port)) as parent:
        assert answer_of(router, "pause") == "paused with all its workers"
        assert answer_of(router, "step", steps=2).startswith("2 steps from here, then paused")
        assert answer_of(router, "resume") == "resumed with all its workers"
        assert answer_of(router, "stop", reason="enough") == "stops after the episodes under way"
    assert parent.cut_short == "stopped by command after 0 episodes: enough"
    words = [word for word, _ in statuses(router)]
    assert words == ["running", "paused", "running", "paused", "running", "running", "aborted"]


def test_stop_that_left_nothing_out_is_no_abort(router):
    with parent_of(composed("eval", router.port)) as parent:
        answer_of(router, "stop")
        for _ in range(6):
            WorkerTally(os.environ["MONTY_MQTT_TALLY"]).add(Finished("eval", 1, "correct", 1))
    assert parent.cut_short is None
    assert statuses(router)[-1] == ("completed", None)


def test_experiments_whose_process_was_killed_are_an_error(router):
    with parent_of(composed("eval", router.port)) as parent:
        parent._tally.lost = 2  # as its pool notes it
    (status, _), error = statuses(router)[-1], of_last_status(router)
    assert status == "error"
    assert error == "2 experiments ended with their process: killed, or out of memory?"
    assert parent.lost == 2


def of_last_status(router):
    return [m.error_message for m in router.messages("r-1") if isinstance(m, schema.Status)][-1]


def test_paused_parent_ends_with_its_workers(router):
    with parent_of(composed("eval", router.port)) as parent:
        answer_of(router, "pause")
    assert parent.cut_short is None
    assert router.messages("r-1")[-1].status == "completed"


def test_disabled_monitor_has_no_parent():
    config = composed("eval")
    config.experiment.config.enable_liveview = False
    with parent_of(config) as parent:
        assert "MONTY_MQTT_TALLY" not in os.environ
    assert parent.cut_short is None


def test_run_whose_episodes_cannot_be_counted_goes_on_without_a_parent(router, caplog):
    config = composed("eval", router.port)
    config.experiment.config.liveview.strict = False
    del config.experiment.config.eval_env_interface_args
    with parent_of(config) as parent:
        assert "MONTY_MQTT_TALLY" not in os.environ
    assert parent.cut_short is None
    assert "the experiment goes on" in caplog.text


def test_callback_gives_a_parent_to_montys_parallel_runner_alone(router, monkeypatch):
    monkeypatch.setattr(ParallelCallback, "parent", None)
    callback = ParallelCallback()
    callback.on_job_start(composed("eval", router.port), task_function=test_disabled_monitor_has_no_parent)
    assert ParallelCallback.parent is None
    callback.on_job_end(config=None, job_return=None)
    callback.on_job_start(composed("eval", router.port), task_function=run_parallel.main)
    assert run_parallel.mp is not multiprocessing
    callback.on_job_end(config=None, job_return=SimpleNamespace(return_value=None))
    assert run_parallel.mp is multiprocessing
    assert statuses(router) == [("running", None), ("completed", None)]


def test_a_run_began_when_it_was_composed_also_in_the_copy_that_the_runner_gets():
    OmegaConf.register_new_resolver("tick", itertools.count(1).__next__, replace=True)
    config = composed("eval")
    config.experiment.config.liveview.started = "${tick:}"
    ParallelCallback().on_run_start(config=config, config_name="x")
    assert config.experiment.config.liveview.started == config.experiment.config.liveview.started
    ParallelCallback().on_run_start(config=composed("train"))


INTERRUPTED = """
import sys
from test_parent import composed
from monty_mqtt.parallel.parent import ParallelParent
ParallelParent().begin(composed("eval", int(sys.argv[1])), {})
raise KeyboardInterrupt
"""


def test_ctrl_c_of_montys_own_runner_is_told_though_nobody_ends_the_parent(router):
    folder = Path(__file__).parent
    tests = folder.parent.parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [folder, tests, tests.parent]))}
    command = [sys.executable, "-c", INTERRUPTED, str(router.port)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode != 0
    assert statuses(router) == [("running", None), ("aborted", "Ctrl+C")], done.stderr
    assert router.messages("r-1")[-1].status == "aborted"
