"""A sweep is refused in one line, before any job begins, where its launcher is none of those that were tried."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from monty_mqtt.sweep_job import command_line
from monty_mqtt.sweep_launchers import OVERRIDE

APP = """
import hydra
@hydra.main(version_base=None, config_path=".", config_name="chosen")
def main(config):
    print("began")
main()
"""
CHOSEN = "defaults: [{override hydra/launcher: mine}, _self_]\n"
LAUNCHER = """
from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.config_store import ConfigStore
class MineLauncher(BasicLauncher):
    pass
node = {"_target_": "hydra_plugins.mine_launcher.MineLauncher"}
ConfigStore.instance().store(group="hydra/launcher", name="mine", node=node, provider="mine")
"""
REFUSED = (
    "hydra/launcher: 'mine (hydra_plugins.mine_launcher.MineLauncher)' is not allowed; "
    "it must be one of basic, joblib, submitit_local, submitit_slurm\n"
)


@pytest.fixture
def app(tmp_path):
    """An application of Hydra's whose YAML chooses a launcher that somebody wrote."""
    plugins = tmp_path / "hydra_plugins"
    plugins.mkdir()
    (plugins / "mine_launcher.py").write_text(LAUNCHER)
    (tmp_path / "chosen.yaml").write_text(CHOSEN)
    (tmp_path / "app.py").write_text(APP)
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}

    def run(*words):
        argv = [sys.executable, "app.py", *words, OVERRIDE]
        return subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize("words", [["-m", "+x=1,2"], ["hydra.mode=MULTIRUN", "+x=1,2"], ["-m", "hydra/launcher=mine"]])
def test_a_launcher_that_was_not_tried_is_refused_before_a_job_begins(app, words):
    done = app(*words)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", REFUSED)


@pytest.mark.parametrize(("words", "jobs"), [(["-m", "+x=1,2", "hydra/launcher=basic"], 2), (["+x=1"], 1)])
def test_one_that_was_tried_is_taken_and_without_a_sweep_none_matters(app, words, jobs):
    done = app(*words)
    assert (done.returncode, done.stdout.count("began"), done.stderr) == (0, jobs, "")


def test_the_command_line_that_is_published_is_without_it(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["run.py", "experiment=x", OVERRIDE])
    assert command_line() == ["run.py", "experiment=x"]
