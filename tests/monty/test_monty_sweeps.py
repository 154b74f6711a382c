"""A sweep of Hydra's on real Monty: each job is a run of its own, all of them are a group, whoever launches them."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec

import pytest
from jobs import CONF, TEST_CONF, environment
from kit.machine.missing import is_missing
from kit.zmq_router import Router

from monty_mqtt.wire import schema

pytestmark = [pytest.mark.monty, pytest.mark.timeout(600)]

SHORT = (
    "experiment=mini_learn",
    f"hydra.searchpath=[{TEST_CONF},{CONF}]",
    "experiment.config.train_env_interface_args.object_names=[capsule3DSolid]",
    "++experiment.config.liveview.strict=true",
)
SEED = "experiment.config.seed"


def sweep(home, router, *words):
    """Run a sweep; return the process that did, with what it printed."""
    argv = [sys.executable, "-m", "monty_mqtt.run", *SHORT, f"hydra.sweep.dir={home / 'sweep'}", *words]
    env = environment(home, router.port)
    return subprocess.run(argv, env=env, capture_output=True, text=True, check=False, cwd=home)


def infos(router):
    """Return the first message of every run, in the order of their ids."""
    return [router.messages(run)[0] for run in sorted({key[0] for key in router.taken})]


def words_of(router, run):
    return [message.status for message in router.messages(run) if isinstance(message, schema.Status)]


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    home = tmp_path_factory.mktemp("swept")
    with Router() as router:
        done = sweep(home, router, "-m", f"{SEED}=1,two,3", "experiment.config.logging.run_name=mine")
        yield router, done


def test_each_job_is_a_run_of_its_own_and_all_are_one_group(swept):
    router, done = swept
    assert done.returncode == 1, done.stdout[-2000:] + done.stderr[-2000:]
    runs = [info.run for info in infos(router)]
    assert [re.sub(r"-\d{8}T\d{6}Z-[0-9a-f]{4}$", "", run) for run in runs] == ["mine-0", "mine-1", "mine-2"]
    assert len({info.group for info in infos(router)}) == 1
    assert re.fullmatch(r"mini_learn-\d{8}T\d{6}Z-[0-9a-f]{4}", infos(router)[0].group)
    assert [info.overrides for info in infos(router)] == [{SEED: seed} for seed in ("1", "two", "3")]
    assert [infos(router)[at].seed for at in (0, 2)] == [1, 3]


def test_each_job_says_the_command_line_that_is_its_own(swept):
    router, _ = swept
    line = infos(router)[2].command_line
    assert f"{SEED}=3" in line
    assert not [word for word in line if word in ("-m", "--multirun") or "hydra.sweep" in word or "launcher" in word]
    assert [word for word in line if word.startswith("hydra.searchpath")]


def test_a_job_that_fails_before_its_experiment_can_speak_ends_with_its_error_and_the_others_go_on(swept):
    router, done = swept
    first, failed, last = (info.run for info in infos(router))
    assert words_of(router, first) == words_of(router, last) == ["running", "completed"]
    assert words_of(router, failed) == ["error"]
    status = next(message for message in router.messages(failed) if isinstance(message, schema.Status))
    told = status.error_message.strip()
    assert told
    assert told in done.stderr, "it is what Hydra printed"
    assert isinstance(router.messages(failed)[-1], schema.End)


LAUNCHERS = {
    "joblib": ("hydra_joblib_launcher", "hydra.launcher.n_jobs=2"),
    "submitit_local": ("hydra_submitit_launcher", "hydra.launcher.timeout_min=10"),
}


@pytest.mark.parametrize("launcher", ["joblib", pytest.param("submitit_local", marks=pytest.mark.long)])
def test_jobs_that_are_launched_in_other_processes_are_runs_of_one_group_too(tmp_path, launcher):
    plugin, setting = LAUNCHERS[launcher]
    if find_spec("hydra_plugins") is None or find_spec(f"hydra_plugins.{plugin}") is None:
        is_missing(f"{plugin.replace('_', '-')} is not installed")
    with Router() as router:
        done = sweep(tmp_path, router, "-m", f"hydra/launcher={launcher}", setting, f"{SEED}=1,two")
        assert done.returncode == 1, done.stdout[-2000:] + done.stderr[-2000:]
        assert [info.overrides for info in infos(router)] == [{SEED: "1"}, {SEED: "two"}]
        assert len({info.group for info in infos(router)}) == 1
        assert not [word for info in infos(router) for word in info.command_line if "launcher" in word]
        assert [words_of(router, info.run) for info in infos(router)] == [["running", "completed"], ["error"]]


def test_a_sweep_that_its_configuration_asks_for_is_one_as_well(tmp_path):
    with Router() as router:
        done = sweep(tmp_path, router, "hydra.mode=MULTIRUN", f"{SEED}=1,2")
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        assert [info.overrides for info in infos(router)] == [{SEED: "1"}, {SEED: "2"}]
