"""Real Monty, run once for all tests that look at what came of it."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any, Iterator, NamedTuple

import monty_parts  # noqa: F401 - imports Monty once, with the warnings of its libraries off
import pytest
from jobs import Process, digest_hook, job, run_jobs
from router import Router

from monty_mqtt import schema

DIES_AT = 25
"""The step of the run, in its second or third episode, at which the user's hook fails."""


class Watched(NamedTuple):
    """The process of monitored jobs, and what the bridge received meanwhile."""

    process: Process
    router: Router
    late: Router


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def twins(home: Path, main: str) -> list[dict[str, Any]]:
    """The jobs that every process runs, so that their results can be compared."""
    steps = home / "steps"
    return [
        job("mini_learn", "mini_learn", *digest_hook(f"{steps}/learn.txt"), main=main),
        job("recognise", "user_recognise", *digest_hook(f"{steps}/recognise.txt"), main=main),
        job(
            "silent", "mini_recognise", "logging=silent_info_monty_runs", *digest_hook(f"{steps}/silent.txt"), main=main
        ),
    ]


def unlucky(home: Path, main: str) -> list[dict[str, Any]]:
    """Jobs that do not reach their end."""
    steps = home / "steps"
    return [
        job("raises", "user_recognise", *digest_hook(f"{steps}/raises.txt", DIES_AT, "exception"), main=main),
        job("interrupted", "user_recognise", *digest_hook(f"{steps}/interrupted.txt", DIES_AT, "SIGINT"), main=main),
    ]


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Process:
    home = tmp_path_factory.mktemp("plain")
    return run_jobs(home, [*twins(home, "plain"), *unlucky(home, "plain")])


@pytest.fixture(scope="session")
def plain_again(tmp_path_factory: pytest.TempPathFactory) -> Process:
    home = tmp_path_factory.mktemp("plain_again")
    return run_jobs(home, twins(home, "plain"))


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    home = tmp_path_factory.mktemp("watched")
    late_port, no_port = free_port(), free_port()
    steps = home / "steps"
    late = Router(late_port)
    with Router(on_taken=lambda key, taken: abort_when_due(router, key, taken.message)) as router:
        mine = {"MONTY_MQTT_ZMQ_PORT": str(router.port)}
        jobs = [
            *twins(home, "monitored"),
            *unlucky(home, "monitored"),
            job("nobody", "user_recognise", *digest_hook(f"{steps}/nobody.txt"), MONTY_MQTT_ZMQ_PORT=str(no_port)),
            job("late", "user_recognise", *digest_hook(f"{steps}/late.txt"), MONTY_MQTT_ZMQ_PORT=str(late_port)),
            job(
                "disabled",
                "user_recognise",
                "++experiment.config.enable_liveview=false",
                *digest_hook(f"{steps}/disabled.txt"),
                **mine,
            ),
            job("aborted", "user_recognise", *digest_hook(f"{steps}/aborted.txt")),
            job("aborted_learn", "mini_learn"),
            job(
                "aborted_own_yaml",
                "mini_recognise_with_liveview",
                "+experiment.config.liveview.strict=true",
                main="plain",
            ),
            job("terminated", "user_recognise", *digest_hook(f"{steps}/terminated.txt", DIES_AT, "SIGTERM")),
        ]

        def start_late_bridge() -> bool:
            seen = steps / "late.txt"
            if not seen.exists() or len(seen.read_text().splitlines()) < DIES_AT:
                return False
            late.__enter__()
            return True

        process = run_jobs(home, jobs, router.port, start_late_bridge)
        router.wait(lambda: any(key[0].startswith("terminated") for key in router.taken), 5)
        try:
            yield Watched(process, router, late)
        finally:
            late.__exit__()


def abort_when_due(router: Router, key: tuple[str, str], message: Any) -> None:
    """Command an abort as soon as a job that is to be aborted has published a certain step."""
    run, worker = key
    if run.startswith("aborted") and isinstance(message, schema.Step) and message.total_step == DIES_AT:
        router.say(schema.Command(id=f"abort {run}", command="abort", reason="enough seen"), run, worker)
