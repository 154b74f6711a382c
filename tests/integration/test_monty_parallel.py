"""Monty's parallel runner: one run, many workers, and an abort that ends them all."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from compared import model_of, rows_of
from jobs import CONF, TEST_CONF, environment
from router import Router

from monty_mqtt import schema

pytestmark = [pytest.mark.monty, pytest.mark.long, pytest.mark.timeout(900)]

SOLIDS = ["capsule3DSolid", "cubeSolid"]


def run_parallel(home, router, experiment, *overrides):
    command = [
        sys.executable,
        "-m",
        "monty_mqtt.run",
        "--parallel",
        "2",
        f"experiment={experiment}",
        f"hydra.searchpath=[{TEST_CONF},{CONF}]",
        "++experiment.config.liveview.strict=true",
        *overrides,
    ]
    done = subprocess.run(command, env=environment(home, router.port), capture_output=True, text=True, check=False)
    (home / "output.txt").write_text(done.stdout + done.stderr)
    return done.returncode


def statuses(router, run, worker):
    return [message.status for message in router.messages(run, worker) if isinstance(message, schema.Status)]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("parallel")


@pytest.fixture(scope="module")
def learned(home):
    with Router() as router:
        code = run_parallel(home, router, "mini_learn", "experiment.config.n_train_epochs=2")
        yield router, code


def test_training_is_one_run_with_a_worker_per_object(learned, home):
    router, code = learned
    assert code == 0, (home / "output.txt").read_text()[-3000:]
    (run,) = {key[0] for key in router.taken}
    workers = {key[1] for key in router.taken}
    assert workers == {"main", *(f"parallel_train_episode_{solid}" for solid in SOLIDS)}
    for worker in workers:
        assert statuses(router, run, worker) == ["running", "completed"]
        messages = router.messages(run, worker)
        assert [message.seq for message in messages] == list(range(len(messages)))
    assert router.messages(run)[0].episodes_expected == {"train": 4}
    saved = model_of(home / "models" / "my_trained_models" / "mini_learn" / "pretrained" / "model.pt")
    assert sorted(saved["lm_dict"][0]["graph_memory"]) == SOLIDS


@pytest.mark.usefixtures("learned")
def test_evaluation_is_one_run_with_a_worker_per_episode_and_results_are_merged(home):
    with Router() as router:
        assert run_parallel(home, router, "mini_recognise") == 0
        (run,) = {key[0] for key in router.taken}
        workers = sorted(key[1] for key in router.taken)
        assert workers == ["main", *(f"parallel_eval_episode_{number}" for number in range(4))]
        ended = [
            message
            for worker in workers[1:]
            for message in router.messages(run, worker)
            if isinstance(message, schema.EpisodeEnded)
        ]
        rows = rows_of(home / "logs" / "projects" / "monty_runs" / "mini_recognise" / "eval_stats.csv")
        assert [episode.outcome for episode in ended] == [row["primary_performance"] for row in rows]
        assert [episode.episode for episode in ended] == [0, 1, 2, 3]


@pytest.mark.usefixtures("learned")
def test_abort_of_all_holds_for_workers_that_start_later(home):
    asked = set()

    def abort(key, taken):
        # What the bridge does with an abort of `all`: it passes it to whoever says hello, now or later.
        if key not in asked and (asked or isinstance(taken.message, schema.Step)):
            asked.add(key)
            router.say(schema.Command(id="1", command="abort", reason="enough"), *key)
            router.say(schema.Command(id="1", command="abort", reason="enough"), key[0], "main")

    with Router(on_taken=abort) as router:
        code = run_parallel(home, router, "mini_recognise", "experiment.config.n_eval_epochs=3")
        assert code == 3, (home / "output.txt").read_text()[-3000:]
        (run,) = {key[0] for key in router.taken}
        workers = sorted(key[1] for key in router.taken)
        assert len(workers) == 7, "Monty starts them all the same, and they end at once"
        assert statuses(router, run, "main")[-1] == "aborted"
        last = [statuses(router, run, worker)[-1] for worker in workers]
        assert last.count("aborted") >= 5, json.dumps(dict(zip(workers, last)))
        assert set(last) <= {"aborted", "completed"}
