"""Install a wheel in an empty environment, away from the checkout, and use it. Standard library only.

usage: python tools/smoke.py WHEEL

Before Python 3.11 this tests the experiment's side: a program publishes, and its messages are kept in a file. From 3.11
on it also tests the extra `server`: broker, bridge and page start, take the messages of that program and of another,
and end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable

ROOT = Path(__file__).resolve().parent.parent
HAS_SERVER = sys.version_info >= (3, 11)
CALL_SECS = 240
WAIT_SECS = 60
STOP_SECS = 30
PROGRAM = """
import monty_mqtt
from monty_mqtt.experiment import LiveViewMixin, MontyExperimentWithLiveView
with monty_mqtt.ZmqBroadcaster(run="{name}") as broadcaster:
    broadcaster.publish_metric("loss", 0.5)
print(monty_mqtt.__version__)
"""


def main(wheel: Path) -> int:
    """Install the wheel and use it; return the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        install(home, wheel)
        spool = home / "state" / "spool"
        version = call(home, "python", "-c", PROGRAM.format(name="without-a-bridge"))
        check(wheel.name.startswith(f"monty_mqtt-{version}-"), f"the wheel says that it is {version}")
        check(len(list(spool.rglob("*.spool"))) == 1, "what no bridge took is in a file")
        check(call(home, "monty-mqtt", "--version") == f"monty-mqtt {version}", "the command line answers")
        if HAS_SERVER:
            use_far_side(home)
            check(not list(spool.rglob("*.spool")), "the bridge took the file")
    return 0


def install(home: Path, wheel: Path) -> None:
    """Make an environment and install the wheel in it, with the versions of constraints.txt."""
    subprocess.run([sys.executable, "-m", "venv", str(home / "venv")], check=True)
    requirement = f"{wheel.resolve()}[server]" if HAS_SERVER else str(wheel.resolve())
    words = ["pip", "--disable-pip-version-check", "install", "--quiet", "--constraint", str(ROOT / "constraints.txt")]
    call(home, "python", "-m", *words, requirement)


def use_far_side(home: Path) -> None:
    """Start broker, bridge and page, publish, look for both runs, and stop."""
    ports = ["--mqtt-port", "0", "--zmq-port", "0", "--liveview-port", "0"]
    command = [str(home / "venv" / "bin" / "monty-mqtt"), "up", *ports, "--without", "history"]
    with (home / "up.log").open("w") as log:
        process = subprocess.Popen(command, cwd=home, env=environment(home), stdout=log, stderr=subprocess.STDOUT)
    try:
        status = wait_for(home, lambda status: status["bridges"] and "bridge" in status["services"])
        port = status["services"]["bridge"]["url"].rpartition(":")[2]
        call(home, "python", "-c", PROGRAM.format(name="with-a-bridge"), MONTY_MQTT_ZMQ_PORT=port)
        wait_for(home, lambda status: len(status["runs"]) > 1)
        process.terminate()
        check(process.wait(STOP_SECS) == 0, "the far side ends in order")
    except BaseException:
        print((home / "up.log").read_text(), file=sys.stderr)
        raise
    finally:
        process.kill()
        process.wait()


def wait_for(home: Path, is_there: Callable[[dict], object]) -> dict:
    """Return the output of `monty-mqtt status` as soon as the condition holds."""
    deadline = time.monotonic() + WAIT_SECS
    while time.monotonic() < deadline:
        command = [str(home / "venv" / "bin" / "monty-mqtt"), "status", "--json"]
        done = subprocess.run(command, cwd=home, env=environment(home), capture_output=True, text=True, check=False)
        if done.returncode == 0 and is_there(json.loads(done.stdout)):
            return json.loads(done.stdout)
        time.sleep(0.5)
    raise SystemExit(f"smoke: not there after {WAIT_SECS} s\n{done.stdout}{done.stderr}")


def call(home: Path, program: str, *arguments: str, **variables: str) -> str:
    """Run a program of the environment; return its output."""
    command = [str(home / "venv" / "bin" / program), *arguments]
    variables = {**environment(home), **variables}
    done = subprocess.run(
        command, cwd=home, env=variables, stdout=subprocess.PIPE, text=True, check=False, timeout=CALL_SECS
    )
    check(done.returncode == 0, f"{program} ends with 0, not {done.returncode}")
    return done.stdout.strip()


def environment(home: Path) -> dict:
    """Return this process's environment without variables that lead to another Python, or to running services."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL", "MONTY"))}
    return {**kept, "MONTY_MQTT_STATE_DIR": str(home / "state"), "MONTY_MQTT_ZMQ_PORT": "1"}


def check(holds: bool, claim: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Exit with code 1 if a condition does not hold."""
    if not holds:
        raise SystemExit(f"smoke: not so: {claim}")


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_file():  # noqa: PLR2004 - the program and one word
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
