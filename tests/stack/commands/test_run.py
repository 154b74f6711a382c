"""`monty-mqtt run`: from the far side's start to the summary, and every way it can end."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from kit.machine.child_process import Process, processes_of, run, summary_of, until
from kit.machine.python38 import python38_interpreter

from monty_mqtt.errors import ServiceError
from monty_mqtt_core.settings import passwords
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.services import find_services

TESTS = Path(__file__).parents[2]


@pytest.fixture
def state(tmp_path):
    return StateDir(tmp_path / "a state dir")


@pytest.fixture
def environment(tmp_path):
    """The interpreter that `run` is told to use runs our small experiment."""
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" "{TESTS / "kit" / "programs" / "small_experiment.py"}" "$@"\n'
    )
    python.chmod(0o755)
    return {"MONTY_PYTHON": str(python), "MARKS": str(tmp_path)}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A far side that runs already, and goes on running through all of these tests."""
    state = StateDir(tmp_path_factory.mktemp("shared") / "a state dir")
    with Process(
        "up", "--state-dir", str(state.path), "--mqtt-port", "0", "--zmq-port", "0", "--without", "history"
    ) as process:
        process.wait_for("Ctrl+C stops everything")
        before = state.read_far_side()
        yield state
        assert state.read_far_side() == before
        assert process._popen.poll() is None


def start(state, environment, mode, *more):
    return Process(*run_words(state), f"experiment=some/{mode}", *more, env=environment)


def run_words(state):
    return "run", "--state-dir", str(state.path), "--mqtt-port", "0", "--zmq-port", "0"


def test_it_starts_what_it_needs_and_ends_with_a_summary(state, environment):
    done = run(*run_words(state), "experiment=completes", env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    watch = next(index for index, line in enumerate(lines) if "mosquitto_sub -h 127.0.0.1 -p" in line)
    assert watch < next(index for index, line in enumerate(lines) if "phase" in line)
    sums = summary_of(lines)
    assert sums["runs"].startswith("completes-2")
    assert sums["runs"].endswith("(completed)")
    assert sums["eval"] == "3 episodes, 66.7 % correct: 2 correct, 1 time_out"
    assert sums["messages"] == "22 sent, 0 lost, 0 dropped"
    assert "`monty-mqtt up` shows these runs again" in sums["page"]
    assert processes_of(state.path) == []
    assert state.read_far_side() is None


def test_parallel_is_passed_on_to_the_experiment(shared, environment, tmp_path):
    done = run(*run_words(shared), "--parallel", "2", "experiment=completes", "seed=1", env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "words").read_text() == "-m monty_mqtt.run --parallel=2 experiment=completes seed=1"


def test_a_run_has_the_name_that_its_configuration_gives_it(shared, environment):
    done = run(*run_words(shared), "experiment=completes", "experiment.config.logging.run_name=rate_1", env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    sums = summary_of(done.stdout.splitlines())
    assert sums["runs"].startswith("rate_1-2")
    assert [path for path in shared.log_file("x").parent.iterdir() if path.name.startswith("rate_1-2")]
    (announced,) = [line for line in done.stdout.splitlines() if "watch it at" in line]
    assert f"/run/{sums['runs'].partition(' ')[0]}" in announced


def test_a_sweep_is_passed_on_to_the_experiment(shared, environment, tmp_path):
    done = run(*run_words(shared), "-m", "experiment=completes", "seed=1", env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "words").read_text() == "-m monty_mqtt.run --multirun experiment=completes seed=1"


def test_it_uses_the_far_side_that_runs_and_leaves_it(shared, environment):
    before = shared.read_far_side()
    done = run(*run_words(shared), "experiment=completes", env=environment)
    assert done.returncode == 0
    assert f"mosquitto_sub -h 127.0.0.1 -p {before.services['broker'].port}" in done.stdout
    assert "22 sent" in done.stdout
    assert "shows these runs again" not in done.stdout
    assert shared.read_far_side() == before


def test_two_runs_at_once_do_not_mix(shared, environment, tmp_path):
    with start(shared, environment, "waits") as waiting:
        waiting.until((tmp_path / "started").exists)
        done = run(*run_words(shared), "experiment=completes", env=environment)
        assert done.returncode == 0
        assert "waits-" not in done.stdout
        waiting.signal(signal.SIGINT)
        assert waiting.wait() == 130


def test_a_failed_experiment_shows_its_last_words(shared, environment):
    done = run(*run_words(shared), "experiment=fails", env=environment)
    assert done.returncode == 1
    assert "Traceback: this is what went wrong" in done.stdout
    assert "watch" not in done.stdout, "nothing was published: no page of it will come"
    logs = [path.name for path in shared.log_file("x").parent.iterdir()]
    assert [name for name in logs if name.startswith("fails-")]


def test_ctrl_c_lets_the_experiment_save_and_leaves_nothing(state, environment, tmp_path):
    with start(state, environment, "waits") as process:
        process.until((tmp_path / "started").exists)
        process.signal(signal.SIGINT)
        assert process.wait() == 130
        assert "eval       3 episodes, 66.7 % correct: 2 correct, 1 time_out" in process.lines
    assert (tmp_path / "saved").exists()
    assert processes_of(state.path) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_of_slurm_or_a_closed_terminal_is_passed_on_as_it_is(shared, environment, tmp_path, number):
    with start(shared, environment, "waits") as process:
        process.until((tmp_path / "started").exists)
        process.signal(number)
        assert process.wait() == 128 + number
        assert summary_of(process.lines)["runs"].endswith(f"(aborted: {number.name})")
    assert (tmp_path / "saved").exists()


def test_a_second_ctrl_c_ends_a_stubborn_one(shared, environment, tmp_path):
    with start(shared, environment, "stubborn") as process:
        process.until((tmp_path / "started").exists)
        process.wait_for("recognising")
        process.signal(signal.SIGINT)
        process.wait_for("stopping the experiment")
        process.until((tmp_path / "interrupted").exists)
        process.signal(signal.SIGINT)
        assert process.wait() == 137
        assert summary_of(process.lines)["runs"].endswith("(ended without a word)"), "it does not run any more"


def test_ctrl_c_while_the_far_side_starts(state, environment, tmp_path):
    with start(state, environment, "waits") as process:
        until(lambda: processes_of(state.path / "mosquitto"))
        process.signal(signal.SIGINT)
        assert process.wait() == 130
    assert not (tmp_path / "started").exists()
    assert processes_of(state.path) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PR_SET_PDEATHSIG is Linux's")
def test_killed_it_takes_everything_along(state, environment, tmp_path):
    with start(state, environment, "waits") as process:
        process.until((tmp_path / "started").exists)
        family = psutil.Process(process.pid).children(recursive=True)
        assert len(family) >= 3
        process.signal(signal.SIGKILL)
        process.wait()
        until(
            lambda: (
                not [process for process in family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
            )
        )


def test_abort_from_another_terminal_is_exit_code_3(state, environment, tmp_path):
    with start(state, environment, "waits") as process:
        process.until((tmp_path / "started").exists)
        process.wait_for("phase")
        aborted = run("abort", "--state-dir", str(state.path), "waits-", "--reason", "enough")
        assert (aborted.returncode, aborted.stdout) == (0, "main: obeyed, at once\n"), aborted.stderr
        assert process.wait() == 3
        assert "(aborted: enough)" in process.text


def test_status_while_it_runs(shared, environment, tmp_path):
    with start(shared, environment, "waits") as process:
        process.until((tmp_path / "started").exists)
        process.wait_for("phase")
        status = run("status", "--state-dir", str(shared.path))
        run_id = process.wait_for("its own output").rpartition("/")[2].removesuffix(".log")
        line = next(line for line in status.stdout.splitlines() if line.startswith(run_id))
        assert line.split()[1:3] == ["main", "running"]
        assert "monty-mqtt-bridge (pid" in status.stdout
        process.signal(signal.SIGINT)
        assert process.wait() == 130


def test_an_interpreter_that_is_none_is_one_line(shared):
    failed = run(*run_words(shared), "experiment=completes", env={"MONTY_PYTHON": "/no/such/python"})
    assert failed.returncode == 1
    assert failed.stderr == "monty-mqtt: cannot start /no/such/python: No such file or directory\n"


def test_where_the_far_side_cannot_start_the_experiment_runs_all_the_same(state, environment, tmp_path):
    taken = Process("up", "--state-dir", str(state.path), "--without", "bridge", "history", "--mqtt-port", "0")
    with taken:
        taken.wait_for("Ctrl+C stops everything")
        environment.update(MONTY_MQTT_ZMQ_HOST="127.0.0.1", MONTY_MQTT_ZMQ_PORT="1")
        done = run(*run_words(state), "experiment=completes", env=environment)
        assert done.returncode == 0, done.stdout
        reasons = [line for line in done.stdout.splitlines() if line.startswith("not monitored: ")]
        assert len(reasons) == 1
        assert (tmp_path / "started").exists()


def test_a_bridge_and_broker_of_ones_own(shared, environment, tmp_path):
    services = shared.read_far_side().services
    named = ["--broker", f"127.0.0.1:{services['broker'].port}", "--bridge", f"127.0.0.1:{services['bridge'].port}"]
    done = run("run", "--state-dir", str(tmp_path / "other"), *named, "experiment=completes", env=environment)
    assert done.returncode == 0
    assert "22 sent, 0 lost" in done.stdout


def test_a_far_side_at_the_usual_ports_is_used_only_if_it_is_ours(shared, tmp_path, monkeypatch):
    running = shared.read_far_side().services
    monkeypatch.setattr("monty_mqtt_stack.services.table.MQTT_PORT", running["broker"].port)
    monkeypatch.setattr("monty_mqtt_stack.services.table.ZMQ_PORT", running["bridge"].port)
    mine = StateDir(tmp_path / "mine")
    assert find_services.find(mine) is None
    passwords.ensure(mine)
    assert find_services.find(mine) is None
    for path in shared.secrets.iterdir():
        shutil.copy(path, mine.secrets)
    assert find_services.find(mine).bridge.port == running["bridge"].port


def test_replay_uses_the_bridge_at_the_usual_port_as_status_uses_the_broker(shared, tmp_path, monkeypatch):
    running = shared.read_far_side().services
    mine = StateDir(tmp_path / "mine")  # knows no service and no password, as beside `docker compose up`
    monkeypatch.setattr("monty_mqtt_stack.services.table.MQTT_PORT", running["broker"].port)
    monkeypatch.setattr("monty_mqtt_stack.services.table.ZMQ_PORT", running["bridge"].port)
    assert find_services.find_broker(mine).port == running["broker"].port
    assert find_services.find_bridge(mine).port == running["bridge"].port
    monkeypatch.setattr("monty_mqtt_stack.services.table.ZMQ_PORT", 1)
    assert find_services.find_bridge(shared).port == running["bridge"].port
    with pytest.raises(ServiceError, match=r"no bridge answers .*127\.0\.0\.1:1"):
        find_services.find_bridge(mine)


def test_in_a_terminal_it_draws_a_table(shared, environment):
    master, slave = pty.openpty()
    words = [sys.executable, "-m", "monty_mqtt.cli", *run_words(shared), "experiment=waits"]
    process = psutil.Popen(words, stdout=slave, stderr=slave, env={**os.environ, **environment, "TERM": "xterm"})
    os.close(slave)
    shown = b""
    with os.fdopen(master, "rb", buffering=0) as screen, suppress(OSError):  # Linux says EIO at the end
        while part := screen.read(65536):
            began = b"recognising" in shown  # before that, the table says that it starts
            shown += part
            if b"recognising" in shown and not began:
                process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert b"\x1b[" in shown
    assert b"phase" in shown
    assert b"22 sent" in shown


def test_on_python_38_the_experiment_runs_alone(environment, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    environment.update(PYTHONPATH=str(TESTS.parent), MONTY_MQTT_RUN="alone", MONTY_MQTT_ZMQ_HOST="127.0.0.1")
    environment["MONTY_MQTT_ZMQ_PORT"] = "1"
    argv = (python38_interpreter(), "-m", "monty_mqtt.cli", "run", "experiment=completes")
    with Process(argv=argv, env=environment) as process:
        assert process.wait() == 0, process.text
        assert "the experiment runs and sends to a bridge if one answers" in process.lines[0]
    assert (tmp_path / "started").exists()
