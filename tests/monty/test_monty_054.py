"""The Monty before this one: watched as well, its results untouched."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from compared import episodes_of, rows_of
from jobs import HERE, job, messages_of, run_jobs
from kit.machine.cache_lock import locked
from kit.page.page_state import demo
from kit.zmq_router import Router
from test_monty_messages import assert_same_beliefs

from monty_mqtt.conf_files import conf_dir
from monty_mqtt.observe.ground_truth import is_correct
from monty_mqtt.wire import schema
from monty_mqtt_liveview.views import redo

pytestmark = [pytest.mark.monty, pytest.mark.timeout(600)]

VERSION = "0.54.0"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "monty-mqtt"


CHOSEN = """
import sys
from hydra import compose, initialize_config_dir
from tbp.monty.frameworks import run_parallel
assert run_parallel.__file__.startswith(sys.argv[1])
with initialize_config_dir(f"{sys.argv[1]}/tbp/monty/conf", version_base=None):
    config = compose("experiment", overrides=sys.argv[2:])
name = config.experiment.config.logging.run_name
workers = run_parallel.generate_parallel_eval_configs(config.experiment, name)
(chosen,) = run_parallel.filter_episode_configs(workers, config.episodes)
logging = chosen["config"]["logging"]
print(logging["run_name"], logging["monty_data_logger"]["handlers"][-1]["_target_"].rpartition(".")[2])
"""
"""Prints which worker the runner would start, and who would write what it does."""


@pytest.fixture(scope="module")
def older_monty() -> Path:
    """Return a folder with tbp-monty 0.54 alone; what it needs is in this environment."""
    folder = CACHE / f"tbp-monty-{VERSION}"
    with locked(folder):
        if (folder / "tbp").is_dir():
            return folder
        uv = shutil.which("uv", path=os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]]))
        pip = [uv, "pip", "install"] if uv else [sys.executable, "-m", "pip", "install"]
        target = ["--no-deps", "--quiet", "--target", str(folder), f"tbp-monty=={VERSION}"]
        done = subprocess.run([*pip, *target], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"tbp-monty {VERSION} cannot be installed: {done.stderr}"
    return folder


@pytest.fixture(scope="module")
def watched_older(older_monty, tmp_path_factory):
    home = tmp_path_factory.mktemp("older")
    with pytest.MonkeyPatch.context() as patch, Router() as router:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(older_monty)]))
        jobs = [
            job("mini_learn", "mini_learn"),
            job("recognise", "user_recognise", "experiment.config.n_eval_epochs=1"),
        ]
        yield run_jobs(home, jobs, router.port), router


def test_older_monty_is_watched_without_a_warning(watched_older):
    process, router = watched_older
    assert process.exits == {"mini_learn": 0, "recognise": 0}, process.output[-3000:]
    for name in process.exits:
        messages = messages_of(router, name)
        assert [message.seq for message in messages] == list(range(len(messages)))
        assert messages[0].versions["tbp-monty"] == VERSION
        assert (messages[-1].status, messages[-1].errors) == ("completed", 0)
    assert "not one of the tested versions" not in process.output


def test_the_runner_of_older_monty_takes_what_is_to_be_repeated(older_monty):
    command = redo(demo()[1], "main", "eval", 5)["command"]
    words = [word for word in shlex.split(command) if "=" in word]
    environment = {
        **os.environ,
        "PYTHONPATH": str(older_monty),
        "MONTY_LOGS": "/x",
        "MONTY_MODELS": "/x",
        "MONTY_DATA": "/x",
    }
    argv = [sys.executable, "-c", CHOSEN, str(older_monty), f"hydra.searchpath=[file://{conf_dir()}]", *words]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "monty_mqtt_demo_recognise_redo-parallel_eval_episode_5 DetailedJSONHandler"


def test_older_monty_wrote_what_was_sent(watched_older):
    process, router = watched_older
    folder = process.results("recognise")
    steps = messages_of(router, "recognise", schema.Step)
    written = episodes_of(folder / "detailed_run_stats.json")
    assert len(written) == 2
    for number, episode in enumerate(written):
        assert_same_beliefs([s for s in steps if s.episode == number], "learning_module_0", episode["LM_0"])
    rows = rows_of(folder / "eval_stats.csv")
    ended = messages_of(router, "recognise", schema.EpisodeEnded)
    assert [episode.outcome for episode in ended] == [row["primary_performance"] for row in rows]
    errors = [episode.rotation_error_degs for episode in ended]
    assert errors == [float(row["rotation_error"]) if row["rotation_error"] else None for row in rows]


def test_older_monty_says_whether_a_belief_is_right(watched_older):
    process, router = watched_older
    rows = rows_of(process.results("recognise") / "eval_stats.csv")
    ended = messages_of(router, "recognise", schema.EpisodeEnded)
    said = [episode.learning_modules["learning_module_0"].is_correct for episode in ended]
    assert said == [is_correct(row["primary_performance"]) for row in rows]
    assert any(is_right is not None for is_right in said)
    beliefs = [step.learning_modules["learning_module_0"] for step in messages_of(router, "recognise", schema.Step)]
    assert any(part.is_correct for part in beliefs)
    assert all((part.is_correct is True) == (part.rotation_error_degs is not None) for part in beliefs)
