"""Every command that Redo offers, run for real: the same outcome, seed and steps."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from jobs import CONF, TEST_CONF, environment
from kit.zmq_router import Router

from monty_mqtt.wire import schema
from monty_mqtt_liveview.state.run import Runs
from monty_mqtt_liveview.views import redo

pytestmark = [pytest.mark.monty, pytest.mark.timeout(900)]

PROGRAMS = {
    "monty-mqtt": "import os, sys\n"
    "from monty_mqtt.cli_parser import make_parser, options_of_runner\n"
    "words = options_of_runner(make_parser().parse_args())\n"
    "os.execv(sys.executable, [sys.executable, '-m', 'monty_mqtt.run', *words])\n",
    "python": "import os, sys\nos.execv(sys.executable, [sys.executable, *sys.argv[1:]])\n",
}
"""What a pasted command finds on its PATH; `monty-mqtt run` without a far side of its own."""

SEARCH_PATH = f"hydra.searchpath=[{TEST_CONF},{CONF}]"
SHORT = ("experiment.config.n_eval_epochs=1", "++experiment.config.recognition_policy.max_eval_steps=12")
PARALLEL = ("--parallel", "2")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return a directory with programs for pasted commands, and what mini_learn learned."""
    home = tmp_path_factory.mktemp("a home")
    (home / "bin").mkdir()
    for name, text in PROGRAMS.items():
        (home / "bin" / name).write_text(f"#!{sys.executable}\n{text}")
        (home / "bin" / name).chmod(0o755)
    return home


def run(home, router, command, **more):
    env = environment(home, router.port)
    env |= {"PATH": f"{home / 'bin'}{os.pathsep}{env['PATH']}", **more}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, cwd=home)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"


def original(home, *words):
    """Run an experiment; return the page's view of it."""
    with Router() as router:
        run(home, router, [sys.executable, "-m", "monty_mqtt.run", *words])
        runs = Runs()
        for messages in router.taken.values():
            for taken in messages:
                runs.apply(taken.message)
    (only,) = runs.by_name.values()
    return only


def ended(messages):
    """Return what is to be the same, by object, mode and episode."""
    return {
        (one.mode, one.episode, one.target.object): (one.outcome, one.episode_seed, one.steps, one.correct)
        for one in messages
        if isinstance(one, schema.EpisodeEnded)
    }


def of_run(run):
    return ended(episode.ended for worker in run.workers.values() for episode in worker.episodes.values())


def repeated(home, command):
    """Paste a command; return what ended in its run."""
    with Router() as router:
        # Another terminal has not the directories of the run.
        run(home, router, ["bash", "-c", command], MONTY_LOGS="/nowhere", MONTY_MODELS="/nowhere")
        return ended(taken.message for messages in router.taken.values() for taken in messages)


@pytest.fixture(scope="module")
def learned(home):
    return original(home, "experiment=mini_learn", SEARCH_PATH, "experiment.config.do_eval=false")


def test_an_evaluation_episode_of_a_run_that_was_told_not_to_train(home, learned):
    assert learned
    words = ("experiment=mini_learn_and_recognise", SEARCH_PATH, "experiment.config.do_train=false")
    first = of_run(run := original(home, *words, *SHORT, "experiment.config.seed=7"))
    again = repeated(home, redo(run, "main", "eval", 1)["command"])
    (key,) = again
    assert key[:2] == ("eval", 1)
    assert again[key] == first[key]


@pytest.mark.long
def test_a_training_episode_of_a_run_that_was_told_not_to_evaluate(home, learned):
    first = of_run(learned)
    again = repeated(home, redo(learned, "main", "train", 1)["command"])
    assert again["train", 1, "cubeSolid"] == first["train", 1, "cubeSolid"]
    assert again == first


@pytest.mark.long
def test_a_training_episode_of_a_parallel_run(home):
    words = (*PARALLEL, "experiment=mini_learn", SEARCH_PATH, "experiment.config.do_eval=false")
    first = of_run(run := original(home, *words, "experiment.config.logging.run_name=in_parallel"))
    again = repeated(home, redo(run, "parallel_train_episode_cubeSolid", "train", 1)["command"])
    assert {key[2] for key in again} == {"cubeSolid"}
    assert again == {key: told for key, told in first.items() if key[2] == "cubeSolid"}


@pytest.mark.long
def test_an_evaluation_episode_of_a_parallel_run(home, learned):
    assert learned
    words = (*PARALLEL, "--config-dir", str(TEST_CONF), "experiment=mini_recognise", *SHORT)
    first = of_run(run := original(home, *words, "experiment.config.do_train=false"))
    again = repeated(home, redo(run, "parallel_eval_episode_1", "eval", 1)["command"])
    (key,) = again
    assert key[:2] == ("eval", 1)
    assert again[key] == first[key]
