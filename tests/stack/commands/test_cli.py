"""The command line: its words, its exit codes, and the commands that look at a broker."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from kit.bridge import config_for
from kit.machine.child_process import Process, run
from kit.machine.python38 import python38_interpreter
from kit.messages.told_modes import evaluated
from paho.mqtt.enums import CallbackAPIVersion

from monty_mqtt import cli
from monty_mqtt.wire import schema, topics
from monty_mqtt_bridge.bridge import Bridge
from monty_mqtt_core.settings.state_dir import Endpoint, FarSide
from monty_mqtt_stack.commands import status
from monty_mqtt_stack.services.mosquitto import Mosquitto

WAIT_SECS = 10


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with Mosquitto(tmp_path_factory.mktemp("state") / "a state dir") as mosquitto:
        services = {
            "broker": Endpoint(host=mosquitto.host, port=mosquitto.port, pid=7, program="mosquitto", url="mqtt://here"),
            "bridge": Endpoint(host="127.0.0.1", port=1, program="bridge", url="tcp://gone"),
        }
        mosquitto.state.write_far_side(FarSide(services=services, left_out={"page": "--without page"}))
        publish(
            mosquitto,
            message(
                schema.Info, 0, "live-1", schema_version=1, experiment="demo", group="sweep-1", overrides={"seed": "1"}
            ),
            message(schema.Status, 1, "live-1", status="running", lost=2),
            message(
                schema.Progress,
                2,
                "live-1",
                mode="eval",
                episodes_done=3,
                modes=evaluated(correct=3),
                episodes_expected=9,
            ),
            message(schema.Status, 1, "over-1", status="completed"),
            message(schema.Status, 1, "over-2", status="aborted"),
            message(schema.Status, 1, "it's 50% #+/. odd", status="completed"),
        )
        yield mosquitto


def message(kind, seq, run_id, /, **fields):
    return kind(run=run_id, worker="main", seq=seq, time_unix_nanos=time.time_ns(), **fields)


def publish(mosquitto, *messages):
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set("bridge", mosquitto.password("bridge"))
    client.connect(mosquitto.host, mosquitto.port)
    client.loop_start()
    for message in messages:
        where = topics.of_message(message)
        client.publish(where.topic, schema.encode(message), where.qos, where.retain).wait_for_publish(WAIT_SECS)
    client.disconnect()
    client.loop_stop()


def command(broker, *words):
    return run(words[0], "--state-dir", str(broker.state.path), *words[1:])


def test_status_shows_services_runs_and_counts(broker):
    done = command(broker, "status")
    assert "mqtt://here  mosquitto (pid 7)\n" in done.stdout
    assert "tcp://gone   bridge, does not answer\n" in done.stdout
    assert "left out: page: --without page" in done.stdout
    line = next(line for line in done.stdout.splitlines() if line.startswith("live-1"))
    assert line.split() == ["live-1", "main", "running", "3", "of", "9", "eval:", "3", "correct", "2", "0", "0"]
    assert "it's 50% #+/. odd" in done.stdout
    assert done.stdout.splitlines()[-1] == "4 runs, 4 workers, 1 live, 2 lost"


def test_status_as_json(broker):
    done = command(broker, "status", "--json")
    status = json.loads(done.stdout)
    assert status["broker"] == f"mqtt://127.0.0.1:{broker.port}"
    assert status["runs"]["live-1"]["main"]["lost"] == 2
    assert status["runs"]["live-1"]["main"]["experiment"] == "demo"
    assert status["runs"]["live-1"]["main"]["group"] == "sweep-1"
    assert status["runs"]["live-1"]["main"]["overrides"] == {"seed": "1"}
    assert status["runs"]["over-1"]["main"]["group"] is None
    assert status["runs"]["over-1"]["main"]["status"] == "completed"
    assert status["totals"]["live"] == 1


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_status_without_a_bridge_is_told_all_the_same_and_fails(broker, more):
    done = command(broker, "status", *more)
    assert "live-1" in done.stdout
    error = f"monty-mqtt: no bridge is online at mqtt://127.0.0.1:{broker.port}; start one with `monty-mqtt up`\n"
    assert (done.returncode, done.stderr) == (1, error)


def test_status_of_a_bridge_that_ended_fails(tmp_path):
    with Mosquitto(tmp_path) as broker:
        words = ("status", "--broker", f"127.0.0.1:{broker.port}")
        with Bridge(config_for(broker)):
            assert command(broker, *words).returncode == 0
        done = command(broker, *words)
        assert "bridge bridge: offline" in done.stdout
        assert done.returncode == 1


def test_status_tells_of_the_journal(far_side):
    done = run("status", env=far_side.environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(
        r"\nbridge \S+-[0-9a-f]{6}: online, .*\n  journal: [\d,]+ rows, [\d.]+ of 2,147 MB, \d+ wait for the broker",
        done.stdout,
    )


@pytest.mark.parametrize(
    ("health", "journal"),
    [
        ({}, "1,200 rows, 5.0 of 100 MB, 0 wait for the broker"),
        ({"journal_waiting": 7, "journal_oldest_secs": 90.0}, "7 wait for the broker, the oldest for 1 min 30 s"),
        ({"journal_evicted": 3}, "3 frames and clouds gave way"),
        ({"journal_full": 1}, "FULL: nothing more is accepted, experiments keep what they have"),
    ],
)
def test_status_says_what_the_journal_is_about(health, journal):
    plain = {"journal_rows": 1200, "journal_bytes": 5e6, "journal_bound_bytes": 1e8, "journal_waiting": 0}
    health = {**plain, "journal_oldest_secs": 0.0, "journal_evicted": 0, "journal_full": 0, **health}
    collected = {"broker": "b", "services": {}, "left_out": {}, "bridges": {"x": {"health": health}}, "runs": {}}
    (line,) = [line for line in status.as_lines(collected) if line.startswith("  journal: ")]
    assert journal in line


def test_status_of_a_broker_that_is_named(broker, tmp_path):
    done = run("status", "--state-dir", str(tmp_path), "--broker", f"127.0.0.1:{broker.port}")
    assert "not started by monty-mqtt" in done.stdout
    login = ["--username", "liveview", "--password-file", str(broker.password_file("liveview"))]
    done = run("status", "--broker", f"127.0.0.1:{broker.port}", "--state-dir", str(tmp_path), *login)
    assert "live-1" in done.stdout
    (tmp_path / "wrong").write_text("wrong")
    login[-1] = str(tmp_path / "wrong")
    refused = run("status", "--broker", f"127.0.0.1:{broker.port}", "--state-dir", str(tmp_path), *login)
    assert refused.returncode == 1
    assert "refuses user liveview" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_tail_shows_readable_lines_and_ends_after_its_count(broker):
    done = command(broker, "tail", "live", "--count", "3")
    assert done.returncode == 0
    lines = [line.partition(" main ")[2] for line in done.stdout.splitlines()]
    assert sorted(lines)[1:] == ["progress: eval, 3 of 9 episodes done, step 0; eval: 3 correct", "status: running"]


def test_tail_of_an_ended_run_ends_with_what_was_kept(broker):
    done = command(broker, "tail", "over-1", "--count", "99")
    assert done.returncode == 0
    assert "status: completed" in done.stdout


def test_tail_tells_nothing_old_of_ended_runs_while_one_is_live(broker):
    lines = command(broker, "tail", "--count", "3").stdout.splitlines()
    assert {line.split()[0] for line in lines} == {"live-1"}


def test_tail_follows_what_is_published_now_until_ctrl_c(broker):
    with Process("tail", "--state-dir", str(broker.state.path), "live-1") as tail:
        tail.wait_for("status: running")
        publish(broker, message(schema.Metric, 9, "live-1", name="loss", value=0.5))
        tail.wait_for("metric: loss = 0.5")
        tail.signal(signal.SIGINT)
        assert tail.wait() == 130


def test_tail_into_head_is_no_error(broker):
    line = f"{sys.executable} -m monty_mqtt.cli tail --state-dir '{broker.state.path}' -n 3 | head -n 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def answer_to(broker, name, words):
    """Run a command on the live run; return its exit code, and what the run answered of it."""
    done = command(broker, words[0], name, *words[1:])
    return done.returncode, done.stdout.partition(" at step ")[0].rstrip("\n") or done.stderr


def test_a_run_is_paused_stepped_resumed_and_stopped_from_the_command_line(far_side, live_run):
    assert answer_to(far_side, live_run.run, ["pause", "--reason", "look"]) == (0, "main: obeyed, paused")
    assert answer_to(far_side, live_run.run, ["step", "-n", "3"]) == (
        0,
        "main: obeyed, 3 steps from here, then paused; now",
    )
    assert answer_to(far_side, live_run.run, ["step"]) == (0, "main: obeyed, 1 step from here, then paused; now")
    assert answer_to(far_side, live_run.run, ["resume", "--worker", "main"]) == (0, "main: obeyed, resumed")
    assert answer_to(far_side, live_run.run, ["resume"]) == (1, "main: refused, it is not paused")
    assert answer_to(far_side, live_run.run, ["stop"]) == (0, "main: obeyed, stops after episode 0")
    assert answer_to(far_side, live_run.run, ["abort"]) == (0, "main: obeyed, aborting")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("over-1", "run over-1 has ended: main completed"),
        ("over", "run 'over' could be any of over-1, over-2"),
        ("nothing", "no run 'nothing' at this broker"),
    ],
)
def test_abort_says_why_not(broker, name, why):
    done = command(broker, "abort", name)
    assert done.returncode == 1
    assert why in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_abort_without_an_answer_fails_within_its_bound(broker):
    done = command(broker, "abort", "live-1", "--timeout-secs", "0.5")
    assert done.returncode == 1
    assert "no acknowledgement within 0.5 s: the bridge is not connected to this broker" in done.stderr


def test_abort_as_a_user_who_may_not_is_named(broker):
    login = ["--username", "liveview", "--password-file", str(broker.password_file("liveview"))]
    done = command(broker, "abort", "live-1", "--timeout-secs", "0.5", *login)
    assert done.returncode == 1
    assert "the broker refused the command" in done.stderr


def test_abort_of_an_unknown_worker_names_those_there_are(broker):
    done = command(broker, "abort", "live-1", "--worker", "mian")
    assert done.returncode == 1
    assert "run live-1 has no worker 'mian'; it has main" in done.stderr


def test_abort_without_the_password_says_which_file(broker, tmp_path):
    done = run("abort", "live-1", "--broker", f"127.0.0.1:{broker.port}", "--state-dir", str(tmp_path))
    assert done.returncode == 1
    assert f"{tmp_path}/secrets/control.password" in done.stderr


@pytest.mark.parametrize("words", [["status"], ["tail"], ["abort", "run"]])
def test_without_a_broker_it_says_what_to_do(tmp_path, monkeypatch, words):
    monkeypatch.setattr("monty_mqtt_stack.services.table.MQTT_PORT", 1)
    monkeypatch.setenv("MONTY_MQTT_STATE_DIR", str(tmp_path))
    assert cli.main(words) == 1


def test_the_words_for_no_far_side(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("monty_mqtt_stack.services.table.MQTT_PORT", 1)
    assert cli.main(["status", "--state-dir", str(tmp_path)]) == 1
    assert "start one with `monty-mqtt up`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["statsu"], "no command 'statsu'; did you mean 'status'?"),
        (["export", "r", "--format", "xml"], "argument --format: invalid choice: 'xml' (choose from"),
        ([], "COMMAND"),
        (["abort"], "RUN"),
        (["tail", "--count", "0"], "is not a number of lines"),
        (["step", "run", "-n", "0"], "is not a number of steps"),
        (["pause"], "RUN"),
        (["run", "experiment=x", "--parallel", "0"], "is not a number of processes"),
        (["up", "--mqtt-port", "99999"], "not a TCP port"),
        (["up", "--prot"], "--prot"),
        (["up", "--panels", "no-such-folder"], "'no-such-folder' is not a directory"),
        (["run"], "experiment=NAME"),
        (["run", "seed=1"], "experiment=NAME"),
        (["run", "experiment=x", "--bridge", "lab"], "--bridge"),
        (["status", "--broker", "lab:x"], "--broker: 'lab:x'"),
        (["status", "--broker", "::1"], "--broker: '::1'"),
        (["abort", "run", "--timeout-secs", "nan"], "is not a number of seconds"),
        (["abort", "run", "--timeout-secs", "-1"], "is not a number of seconds"),
        (["replay", "file", "--speed", "2"], "--speed"),
        (["replay", "no-such-file"], "no-such-file"),
        (["record"], "--output"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(words, part, capsys):
    try:
        code = cli.main(words)
    except SystemExit as left:
        code = left.code
    shown = capsys.readouterr()
    assert code == 2
    assert part in shown.err
    assert len(shown.err.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        [],
        *(["up"], ["run"], ["status"], ["tail"], ["record"], ["replay"], ["forget"], ["thin"], ["doctor"]),
        *(["abort"], ["pause"], ["resume"], ["step"], ["stop"]),
    ],
)
def test_help_says_enough_to_start(words, capsys):
    with pytest.raises(SystemExit) as left:
        cli.main([*words, "--help"])
    assert left.value.code == 0
    assert "usage: monty-mqtt" in capsys.readouterr().out


def test_doctor_tells_versions_ports_and_what_to_do(broker):
    done = command(broker, "doctor")
    assert done.returncode == 0
    findings = {line.split("  ")[0]: line for line in done.stdout.splitlines()}
    for name in ("python", "monty-mqtt", "pyzmq", "paho-mqtt", "mosquitto", "port 1883", "port 5555", "state"):
        assert name in findings
    assert "built in" in findings["ZMQ CURVE"]
    assert "secrets 0700" in findings["state"]
    assert "nothing is left in it" in findings["spool"]


def test_doctor_says_the_same_as_json(broker):
    findings = {finding["name"]: finding for finding in json.loads(command(broker, "doctor", "--json").stdout)}
    lines = command(broker, "doctor").stdout
    assert all(finding["found"] in lines for name, finding in findings.items() if not name.startswith("port"))
    assert findings["spool"] == {
        "name": "spool",
        "found": "nothing is left in it",
        "advice": None,
        "is_fatal": False,
    }


def test_doctor_says_what_to_do_with_spools(tmp_path):
    for name in ("one/main-1.spool", "one/other-1.spool", "two/main-2.spool"):
        path = tmp_path / "spool" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(500_000))
    done = run("doctor", "--state-dir", str(tmp_path))
    assert done.returncode == 0
    assert re.search(r"^spool +3 files of 2 runs, 1.5 MB$", done.stdout, flags=re.MULTILINE)
    assert f"monty-mqtt replay {tmp_path}/spool/*/*.spool" in done.stdout


def test_doctor_names_what_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("monty_mqtt_stack.services.mosquitto._OFF_PATH", ())
    monkeypatch.setattr("monty_mqtt_stack.commands.doctor.zmq_encrypts", lambda: False)
    assert cli.main(["doctor", "--state-dir", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "mosquitto: `apt install mosquitto" in shown
    assert "for looking only" in shown
    assert "ZMQ CURVE: only for a bridge on another machine: pip install" in shown


def test_on_python_38_the_far_side_is_one_line(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parent.parent), "HOME": str(tmp_path)}
    done = subprocess.run(
        [python38_interpreter(), "-m", "monty_mqtt.cli", "up"],
        capture_output=True, text=True, env=environment, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Python 3.11 or newer" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def hostile(broker, name):
    publish(broker, message(schema.Status, 1, name, status="completed"))
    return name


def test_a_name_cannot_move_the_cursor(broker):
    name = hostile(broker, "evil\n\x1b[2J\x9b2J\u202erun")
    publish(broker, message(schema.Status, 1, f"{name} that lives", status="running"))
    for words in (["status"], ["tail", "-n", "4"], ["abort", name], ["abort", "no such"]):
        done = command(broker, *words)
        shown = done.stdout + done.stderr
        assert "evil" in shown
        assert all(line.isprintable() for line in shown.split("\n"))


def test_a_time_that_no_calendar_has_is_no_end_of_tail(broker):
    for seq, nanos in enumerate((10**30, -(10**20))):
        odd = schema.Status(run=f"odd-{seq}", worker="main", seq=1, time_unix_nanos=nanos, status="completed")
        publish(broker, odd)
        done = command(broker, "tail", odd.run, "-n", "1")
        assert (done.returncode, done.stdout) == (0, "--:--:-- main status: completed\n")


def test_a_long_name_does_not_widen_the_table_for_all(broker):
    hostile(broker, "long" * 75)
    lines = command(broker, "status").stdout.splitlines()
    assert any("long" * 75 in line for line in lines)
    assert len(next(line for line in lines if line.startswith("live-1"))) < 150


def test_a_terminal_without_the_character_gets_an_escape(broker, monkeypatch):
    hostile(broker, "smile-😀")
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = command(broker, "status")
    assert "smile-\\U0001f600" in done.stdout
    assert "no bridge" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has it")
@pytest.mark.parametrize("words", ["status", "status --json", "tail -n 1"])
def test_a_full_disk_behind_stdout_is_one_line(broker, words):
    line = f"{sys.executable} -m monty_mqtt.cli {words} --state-dir '{broker.state.path}' > /dev/full"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (1, "monty-mqtt: output: No space left on device\n")


def test_an_empty_name_does_not_mean_whatever_runs(broker):
    done = command(broker, "abort", "", "--timeout-secs", "0.5")
    assert done.returncode == 1
    assert "no run is named; known are: " in done.stderr
