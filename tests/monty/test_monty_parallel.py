"""Monty's parallel runner: one run, many workers, and an abort that ends them all."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter

import pytest
from compared import is_time, model_of, rows_of
from jobs import CONF, TEST_CONF, environment
from kit.zmq_router import Router

from monty_mqtt.wire import schema

pytestmark = [pytest.mark.monty, pytest.mark.long, pytest.mark.timeout(900)]

SOLIDS = ["capsule3DSolid", "cubeSolid"]

MONTYS_OWN = """
from tbp.monty.frameworks.run_env import setup_env

setup_env()
from tbp.monty.frameworks.run_parallel import main

if __name__ == "__main__":
    main()
"""
"""Monty's run_parallel.py, word for word."""


def run_parallel(home, router, experiment, *overrides):
    """Run our runner; return its exit code."""
    command = ["-m", "monty_mqtt.run", "--parallel", "2", "++experiment.config.liveview.strict=true"]
    return run_python(home, router.port, command, experiment, overrides)


def run_montys_own(home, port, experiment, *overrides):
    """Run Monty's own runner; return its exit code."""
    script = home / "run_parallel.py"
    script.write_text(MONTYS_OWN)
    return run_python(home, port, [str(script), "num_parallel=2"], experiment, overrides)


def run_python(home, port, command, experiment, overrides):
    arguments = [*command, f"experiment={experiment}", f"hydra.searchpath=[{TEST_CONF},{CONF}]", *overrides]
    done = subprocess.run(
        [sys.executable, *arguments], env=environment(home, port), capture_output=True, text=True, check=False
    )
    (home / "output.txt").write_text(done.stdout + done.stderr)
    return done.returncode


def results(home):
    """Return the merged rows of a recognition, without what is a time."""
    rows = rows_of(home / "logs" / "projects" / "monty_runs" / "mini_recognise" / "eval_stats.csv")
    return [{key: value for key, value in row.items() if not is_time(key)} for row in rows]


def of_kind(router, run, worker, kind):
    return [message for message in router.messages(run, worker) if isinstance(message, kind)]


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


EVALUATION = "parallel_eval_episode_"


@pytest.mark.usefixtures("learned")
def test_twenty_episodes_are_one_run_whose_results_are_those_of_montys_own_runner(home):
    epochs = "experiment.config.n_eval_epochs=10"
    with Router() as router:
        assert run_parallel(home, router, "mini_recognise", epochs) == 0, (home / "output.txt").read_text()[-3000:]
        (run,) = {key[0] for key in router.taken}
        assert {key[1] for key in router.taken} == {"main", *(f"{EVALUATION}{number}" for number in range(20))}
        ours = results(home)
        ended = [of_kind(router, run, f"{EVALUATION}{number}", schema.EpisodeEnded) for number in range(20)]
        assert [episode.outcome for (episode,) in ended] == [row["primary_performance"] for row in ours]
        assert [episode.episode for (episode,) in ended] == list(range(20))
        progress = of_kind(router, run, "main", schema.Progress)
        assert progress[0].episodes_done == 0
        assert (progress[-1].episodes_done, progress[-1].episodes_expected) == (20, 20)
        (told,) = progress[-1].modes.values()
        assert told.outcomes == Counter(episode.outcome for (episode,) in ended)
        assert 100 * told.accuracy == 100 * sum(episode.correct for (episode,) in ended) / 20
        errors = [float(row["rotation_error"]) for row in ours if row["rotation_error"]]
        assert told.rotation_error_degs == pytest.approx(sum(errors) / len(errors))
        assert told.mean_matching_steps == sum(int(row["monty_matching_steps"]) for row in ours) / 20
        assert all(one.estimated_end_unix_nanos for one in progress[1:])
        assert statuses(router, run, "main") == ["running", "completed"]
    assert run_montys_own(home, 1, "mini_recognise", epochs) == 0
    assert len(ours) == 20
    assert ours == results(home)


class Asks:
    """Says a command to every worker as it comes, as the bridge does with one to all; from the first step on."""

    def __init__(self, command, to="all"):
        self.command = command
        self.at = None
        self._to = to
        self._asked = set()

    def __call__(self, key, taken):
        run, worker = key
        if self._to not in ("all", worker):
            return
        if self.at is None and isinstance(taken.message, schema.Step):
            self.at = time.monotonic()
            self._say(run, "main" if self._to == "all" else worker)
        if self.at is not None and worker not in self._asked:
            self._say(run, worker)

    def _say(self, run, worker):
        self._asked.add(worker)
        self.router.say(schema.Command(id="1", command=self.command, reason="enough"), run, worker)


def run_and_ask(home, asks, run=run_parallel, experiment="mini_recognise", epochs=10):
    """Run with somebody who asks; return router, exit code, and the seconds from the command to the end."""
    with Router(on_taken=asks) as router:
        asks.router = router
        code = run(home, router, experiment, f"experiment.config.n_eval_epochs={epochs}")
        return router, code, time.monotonic() - asks.at


@pytest.mark.usefixtures("learned")
def test_abort_of_all_ends_the_runner_within_seconds(home):
    router, code, secs = run_and_ask(home, Asks("abort"))
    assert code == 3, (home / "output.txt").read_text()[-3000:]
    (run,) = {key[0] for key in router.taken}
    workers = {key[1] for key in router.taken}
    assert len(workers) <= 4, "no more were begun than were under way"
    assert {statuses(router, run, worker)[-1] for worker in workers} == {"aborted"}
    assert secs < 30, "twenty episodes of which each only began and ended took a minute"


@pytest.mark.usefixtures("learned")
def test_stop_of_all_saves_the_episodes_under_way_and_begins_no_other(home):
    router, code, _ = run_and_ask(home, Asks("stop"))
    assert code == 3, (home / "output.txt").read_text()[-3000:]
    (run,) = {key[0] for key in router.taken}
    ended = [one for key in router.taken for one in of_kind(router, *key, schema.EpisodeEnded)]
    assert 1 <= len(ended) <= 3
    assert len(results(home)) == len(ended)
    last = of_kind(router, run, "main", schema.Status)[-1]
    assert (last.status, last.reason) == ("aborted", f"stopped by command after {len(ended)} episodes: enough")


@pytest.mark.usefixtures("learned")
def test_abort_of_one_worker_leaves_the_others_to_be_merged_with_montys_own_runner(home):
    def montys_own(home, router, experiment, *overrides):
        return run_montys_own(home, router.port, experiment, *overrides)

    asks = Asks("abort", to=f"{EVALUATION}1")
    router, code, _ = run_and_ask(home, asks, montys_own, "mini_recognise_with_liveview", epochs=2)
    assert code == 0, (home / "output.txt").read_text()[-3000:]
    (run,) = {key[0] for key in router.taken}
    assert {key[1] for key in router.taken} == {"main", *(f"{EVALUATION}{number}" for number in range(4))}
    last = {key[1]: statuses(router, run, key[1])[-1] for key in router.taken}
    assert last.pop(f"{EVALUATION}1") == "aborted"
    assert set(last.values()) == {"completed"}
    assert len(results(home)) == 3
    assert of_kind(router, run, "main", schema.Progress)[-1].episodes_done == 3
    assert router.messages(run)[0].episodes_expected == {"eval": 4}


def test_abort_of_all_in_training_saves_a_model(tmp_path):
    router, code, _ = run_and_ask(tmp_path, Asks("abort"), experiment="mini_learn")
    assert code == 3, (tmp_path / "output.txt").read_text()[-3000:]
    (run,) = {key[0] for key in router.taken}
    assert {statuses(router, run, key[1])[-1] for key in router.taken} == {"aborted"}
    assert (tmp_path / "models" / "my_trained_models" / "mini_learn" / "pretrained" / "model.pt").exists()
