"""Real Monty, run once for all tests that look at what came of it."""

from __future__ import annotations

from typing import Any, Iterator, NamedTuple

import pytest
from jobs import DIES_AT, Process, dies, free_port, job, run_jobs
from kit.monty import monty_models  # noqa: F401 - imports Monty once, with the warnings of its libraries off
from kit.zmq_router import Router

from monty_mqtt.wire import schema

DISPLACED = "test/graph_learning/disp_pred_mujoco"
"""An experiment of Monty's own, untouched: a learning module without evidence."""

ONE_EPOCH = ("experiment.config.n_train_epochs=1", "experiment.config.n_eval_epochs=1")


class Watched(NamedTuple):
    """The process of monitored jobs, and what the bridge received meanwhile."""

    process: Process
    router: Router
    late: Router


def twins(main: str) -> list[dict[str, Any]]:
    """The jobs that every process runs, so that their results can be compared."""
    return [
        job("mini_learn", "mini_learn", main=main),
        job("recognise", "user_recognise", main=main),
        job("silent", "mini_recognise", "logging=silent_info_monty_runs", main=main),
        job("user_five", "user_five", main=main),
        job("displaced", DISPLACED, *ONE_EPOCH, main=main),
    ]


def unlucky(main: str) -> list[dict[str, Any]]:
    """Jobs that do not reach their end."""
    return [
        job("raises", "user_recognise", *dies(DIES_AT, "exception"), main=main),
        job("interrupted", "user_recognise", *dies(DIES_AT, "SIGINT"), main=main),
    ]


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Process:
    home = tmp_path_factory.mktemp("plain")
    return run_jobs(home, [*twins("plain"), *unlucky("plain")])


@pytest.fixture(scope="session")
def plain_again(tmp_path_factory: pytest.TempPathFactory) -> Process:
    home = tmp_path_factory.mktemp("plain_again")
    return run_jobs(home, twins("plain"))


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    home = tmp_path_factory.mktemp("watched")
    late_port, no_port = free_port(), free_port()
    late = Router(late_port)
    with Router(on_taken=lambda key, taken: command_when_due(router, key, taken.message)) as router:
        jobs = [
            *twins("monitored"),
            *unlucky("monitored"),
            job("nobody", "user_recognise", port=no_port),
            job("late", "user_recognise", port=late_port),
            job("disabled", "user_recognise", "++experiment.config.enable_liveview=false", port=router.port),
            job("aborted", "user_recognise"),
            job("aborted_learn", "mini_learn"),
            job("stopped", "user_recognise"),
            job("stopped_learn", "mini_learn"),
            job("stepped", "user_recognise"),
            job(
                "aborted_own_yaml",
                "mini_recognise_with_liveview",
                "+experiment.config.liveview.strict=true",
                main="plain",
            ),
            job("terminated", "user_recognise", *dies(DIES_AT, "SIGTERM")),
            job("hung_up", "mini_learn", *dies(DIES_AT, "SIGHUP")),
            job("killed", "user_recognise", *dies(DIES_AT, "SIGKILL")),
        ]

        def start_late_bridge() -> bool:
            seen = home / "steps" / "late.txt"
            if not seen.exists() or len(seen.read_text().splitlines()) < DIES_AT:
                return False
            late.__enter__()
            return True

        process = run_jobs(home, jobs, router.port, start_late_bridge)
        router.wait(lambda: any(key[0].startswith("killed") for key in router.taken), 5)
        try:
            yield Watched(process, router, late)
        finally:
            late.__exit__()


ASKED = {"aborted": "abort", "stopped": "stop", "stepped": "pause"}
"""What is commanded of a job at step DIES_AT, by the first word of its name."""


def command_when_due(router: Router, key: tuple[str, str], message: Any) -> None:
    """Command a job as soon as it has published a certain step; one that pauses, to make three steps and to go on."""
    run, worker = key
    asked = ASKED.get(run.partition("-")[0].partition("_")[0])
    if asked and isinstance(message, schema.Step) and message.total_step == DIES_AT:
        router.say(schema.Command(id=f"{asked} {run}", command=asked, reason="enough seen"), run, worker)
    if asked == "pause" and isinstance(message, schema.Status) and message.status == "paused":
        pauses = sum(getattr(taken.message, "status", "") == "paused" for taken in router.taken[key])
        word = "step" if pauses == 1 else "resume"
        steps = 3 if word == "step" else None
        router.say(schema.Command(id=f"{word} {run}", command=word, steps=steps), run, worker)
