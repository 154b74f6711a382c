"""`monty-mqtt run --parallel` on real Monty: paused, stepped and stopped from another terminal."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from kit.machine.child_process import Process, run, summary_of, until

from monty_mqtt_core.settings.state_dir import StateDir

ROOT = Path(__file__).resolve().parent.parent.parent
RUN_SECS = 600
OBJECTS = ["capsule3DSolid", "cubeSolid", "cylinderSolid"]
RUN = [
    *("run", "--parallel", "2", "experiment=mini_learn"),
    f"hydra.searchpath=[{ROOT / 'tests' / 'conf'}]",
    f"experiment.config.train_env_interface_args.object_names=[{','.join(OBJECTS)}]",
]
pytestmark = [pytest.mark.monty, pytest.mark.long, pytest.mark.timeout(RUN_SECS + 60)]


class Terminal:
    """Where a person types."""

    def __init__(self, home: Path) -> None:
        self.state = StateDir(home / "state")
        names = ("MONTY_LOGS", "MONTY_MODELS", "MONTY_DATA")
        directories = {name: str(home / name) for name in names}
        for path in directories.values():
            Path(path).mkdir()
        self.environment = {**os.environ, **directories, "MONTY_MQTT_STATE_DIR": str(self.state.path)}

    def start(self, *words: str) -> Process:
        return Process(*words, env=self.environment)

    def says(self, *words: str) -> list[str]:
        """Run a command that is to succeed; return its lines."""
        done = run(*words, env=self.environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()

    def words(self) -> dict[str, str]:
        """Return the status word of every worker."""
        done = run("status", "--json", env=self.environment)
        workers = (
            [one for run in json.loads(done.stdout)["runs"].values() for one in run.items()] if done.stdout else []
        )
        return {name: worker["status"] for name, worker in workers}


def test_a_parallel_run_is_paused_stepped_and_stopped_as_a_whole(tmp_path):
    terminal = Terminal(tmp_path)
    ports = ("--mqtt-port", "0", "--zmq-port", "0")
    with terminal.start("run", *ports, *RUN[1:]) as process:
        process.wait_for("mosquitto_sub", 60)
        until(lambda: {"main", "parallel_train_episode_capsule3DSolid"} <= terminal.words().keys(), RUN_SECS)
        paused = terminal.says("pause", "mini_learn", "--reason", "look")
        assert "main: obeyed, paused with all its workers" in paused
        # Where one had just ended, another begins, and is told as well.
        until(lambda: list(terminal.words().values()).count("paused") == 3, RUN_SECS)
        assert all(": obeyed, 2 steps from here" in line for line in terminal.says("step", "mini_learn", "-n", "2"))
        until(lambda: list(terminal.words().values()).count("paused") == 3)
        assert all(": obeyed, stops" in line for line in terminal.says("stop", "mini_learn", "--reason", "seen"))
        assert process.wait(RUN_SECS) == 3, process.text
    told = summary_of(process.lines)
    assert told["runs"].endswith("seen)")
    assert "(aborted: stopped by command after " in told["runs"]
    assert (tmp_path / "MONTY_MODELS" / "my_trained_models" / "mini_learn" / "pretrained" / "model.pt").exists()
