"""Which real experiments the Monty tests run, in processes of several each, and what came of them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, NamedTuple

from kit.zmq_router import Router

from monty_mqtt.wire import schema

HERE = Path(__file__).parent
TEST_CONF = HERE.parent / "conf"
CONF = HERE.parent.parent / "conf"
DEADLINE_SECS = 600

DIES_AT = 25
"""The step of the run, in its third episode, at which the user's hook fails or an abort is commanded."""

Key = tuple[str, str]


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Process(NamedTuple):
    """A process that ran jobs: where it wrote, how each job and the process itself ended, and what it printed."""

    home: Path
    exits: dict[str, Any]
    returncode: int
    output: str

    def results(self, run_name: str) -> Path:
        """Return the folder in which Monty wrote the results of a recognition job."""
        return self.home / "logs" / "projects" / "monty_runs" / run_name

    def steps(self, run_name: str) -> list[str]:
        """Return what the user's own step hook saw in a job, one line a step."""
        return (self.home / "steps" / f"{run_name}.txt").read_text().splitlines()

    def model(self, run_name: str) -> Path:
        """Return the folder in which Monty wrote what a pretraining job learned."""
        return self.home / "models" / "my_trained_models" / run_name / "pretrained"


def job(name: str, experiment: str, *args: str, main: str = "monitored", port: int | None = None) -> dict[str, Any]:
    """Return a job for `several.py`; its run name is its name, and the user's own step hook writes `steps/<name>.txt`.

    `port`: where this job looks for the bridge, if not where the others do.
    """
    hook = "+experiment.config.step_hook"
    given = [
        f"experiment={experiment}",
        f"hydra.searchpath=[{TEST_CONF},{CONF}]",
        f"experiment.config.logging.run_name={name}",
        f"{hook}._target_=users.DigestHook",
        f"{hook}.path=${{oc.env:STEPS}}/{name}.txt",
        *args,
    ]
    if main == "monitored":
        given.append("++experiment.config.liveview.strict=true")
    environ = {} if port is None else {"MONTY_MQTT_ZMQ_PORT": str(port)}
    return {"name": name, "main": main, "args": given, "environ": environ}


def dies(at: int, how: str) -> list[str]:
    """Return the arguments that let the user's own step hook end the run: by an exception, or a signal's name."""
    return [f"+experiment.config.step_hook.die_at={at}", f"+experiment.config.step_hook.how={how}"]


def environment(home: Path, port: int) -> dict[str, str]:
    """Return the environment of a process of jobs: all its files below `home`, the bridge at `port`."""
    for name in ("logs", "models", "data"):
        (home / name).mkdir(parents=True, exist_ok=True)
    return {
        **os.environ,
        "MUJOCO_GL": "egl",
        "WANDB_MODE": "disabled",
        "MONTY_LOGS": str(home / "logs"),
        "MONTY_MODELS": str(home / "models"),
        "MONTY_DATA": str(home / "data"),
        "WANDB_DIR": str(home / "logs"),
        "STEPS": str(home / "steps"),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")])),
        "MONTY_MQTT_ZMQ_PORT": str(port),
    }


def run_jobs(
    home: Path, jobs: list[dict[str, Any]], port: int = 1, meanwhile: Callable[[], bool] = lambda: True
) -> Process:
    """Run jobs in one process; call `meanwhile` until it returns True or the process is over."""
    given, results = home / "jobs.json", home / "results.json"
    home.mkdir(parents=True, exist_ok=True)
    given.write_text(json.dumps(jobs))
    results.write_text("[]")
    with (home / "output.txt").open("w") as output:
        command = [sys.executable, str(HERE / "several.py"), str(given), str(results)]
        process = subprocess.Popen(command, env=environment(home, port), stdout=output, stderr=subprocess.STDOUT)
        try:
            wait(process, meanwhile)
        finally:
            process.kill()
            process.wait()
    exits = {result["name"]: result["exit"] for result in json.loads(results.read_text())}
    return Process(home, exits, process.returncode, (home / "output.txt").read_text())


def wait(process: subprocess.Popen[Any], meanwhile: Callable[[], bool]) -> None:
    """Wait for the end of a process, and do something besides."""
    deadline = time.monotonic() + DEADLINE_SECS
    done = False
    while time.monotonic() < deadline:
        done = done or meanwhile()
        try:
            process.wait(0.05 if not done else max(deadline - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            continue
        return
    raise TimeoutError(f"the jobs took longer than {DEADLINE_SECS} s")


def messages_of(router: Router, run_name: str, kind: type = schema.Message) -> list[Any]:
    """Return a job's messages of one class, in order of their seq."""
    found = [taken.message for key in keys_of(router, run_name) for taken in router.taken[key]]
    return [message for message in found if isinstance(message, kind)]


def bulk_of(router: Router, run_name: str, kind: type) -> list[Any]:
    """Return a job's frames or clouds with their buffers."""
    found = [taken for key in keys_of(router, run_name) for taken in router.bulk[key]]
    return [taken for taken in found if isinstance(taken.message, kind)]


def keys_of(router: Router, run_name: str) -> list[Key]:
    """Return the run and worker of a job: the run's id begins with its run name and a time."""
    return [key for key in list(router.taken) if key[0].rsplit("-", 2)[0] == run_name]
