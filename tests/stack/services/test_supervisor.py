"""`monty-mqtt up`: what it starts, shows, keeps running, and stops."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys

import psutil
import pytest
from kit.machine.child_process import Process, processes_of, run, until
from kit.machine.missing import is_missing
from kit.mqtt_subscriber import Subscriber

from monty_mqtt.wire.vocabulary import is_online
from monty_mqtt_core.settings import passwords as secrets
from monty_mqtt_core.settings import ports
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.services.supervisor import Supervisor
from monty_mqtt_stack.services.table import Plan

ANY_PORTS = ("--mqtt-port", "0", "--zmq-port", "0", "--liveview-port", "0")


@pytest.fixture
def state(tmp_path):
    return StateDir(tmp_path / "a state dir")


def up(state, *more, **options):
    return Process(
        *("up", "--state-dir", str(state.path), "--without", "history"),
        *(more if "--mqtt-port" in more else (*ANY_PORTS, *more)),
        **options,
    )


def port_in(line):
    return int(re.search(r"://127\.0\.0\.1:(\d+)", line)[1])


def test_it_shows_each_service_and_the_line_to_watch_and_stops_on_ctrl_c(state):
    with up(state) as process:
        process.wait_for("Ctrl+C stops everything")
        broker, bridge = process.wait_for("broker "), process.wait_for("bridge ")
        assert re.search(r"mqtt://127\.0\.0\.1:\d+ +mosquitto \(pid \d+\)", broker)
        assert re.search(r"tcp://127\.0\.0\.1:\d+ +monty-mqtt-bridge \(pid \d+\)", bridge)
        port = port_in(broker)
        assert process.wait_for("watch:") == f"watch: mosquitto_sub -h 127.0.0.1 -p {port} -v -t 'monty/v1/#'"
        far_side = state.read_far_side()
        assert far_side.supervisor_pid == process.pid
        assert far_side.services["broker"].port == port
        assert far_side.services["bridge"].port == port_in(bridge)
        with Subscriber("127.0.0.1", port, "monty/bridge/#") as anyone:
            anyone.wait_for(lambda seen: [message for message in seen if is_online(message.payload)])
        process.signal(signal.SIGINT)
        assert process.wait() == 0
        assert process.lines[-1] == "stopped"
    assert processes_of(state.path) == []
    assert state.read_far_side() is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_sigterm_ends_it_in_order_too(state, number):
    with up(state, "--without", "bridge") as process:
        process.wait_for("Ctrl+C stops everything")
        process.signal(number)
        assert process.wait() == 0
    assert processes_of(state.path) == []


def test_ctrl_c_in_the_middle_of_the_start_leaves_nothing(state):
    with up(state) as process:
        until(lambda: [process for process in processes_of(state.path) if "mosquitto" in process.name()])
        process.signal(signal.SIGINT)
        assert process.wait() == 0
    assert processes_of(state.path) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="PR_SET_PDEATHSIG is Linux's")
def test_what_it_started_ends_when_it_is_killed(state):
    with up(state) as process:
        process.wait_for("Ctrl+C stops everything")
        assert len(processes_of(state.path)) >= 3
        process.signal(signal.SIGKILL)
        process.wait()
        until(lambda: processes_of(state.path) == [])
    with up(state) as again:
        again.wait_for("Ctrl+C stops everything")


@pytest.mark.parametrize("service", ["broker", "bridge"])
def test_a_killed_service_is_started_again_where_it_was(state, service):
    with up(state) as process:
        process.wait_for("Ctrl+C stops everything")
        before = state.read_far_side().services[service]
        psutil.Process(before.pid).kill()
        process.wait_for(f"{service} ended (exit code -9")
        process.wait_for(f"{service} runs again")
        after = state.read_far_side().services[service]
        assert (after.host, after.port) == (before.host, before.port)
        assert after.pid != before.pid
        assert ports.listens(after.pid, after.port)
        process.signal(signal.SIGINT)
        assert process.wait() == 0
    assert processes_of(state.path) == []


LEFT = """
import sys
from monty_mqtt import ZmqBroadcaster
with ZmqBroadcaster(run_id="left", zmq_port=1, spool_dir=sys.argv[1]) as b:
    b.publish_metric("number", 1)
"""


def test_its_bridge_takes_up_what_a_program_left_behind(state):
    spools = state.path / "spool"
    subprocess.run([sys.executable, "-c", LEFT, str(spools)], check=True, timeout=30)
    assert list(spools.glob("*/*.spool"))
    with up(state) as process:
        process.wait_for("Ctrl+C stops everything")
        until(lambda: "took up what its program left behind: left, main: " in state.log_file("bridge").read_text())
        assert list(spools.glob("*/*")) == []
        process.signal(signal.SIGINT)
        assert process.wait() == 0
    assert processes_of(state.path) == []


def test_a_taken_port_is_named_and_the_next_free_one_used(state):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with up(state, "--without", "bridge", "--mqtt-port", str(port)) as process:
            line = process.wait_for(f"port {port} is taken")
            assert f"(pid {os.getpid()})" in line
            assert port_in(process.wait_for("broker ")) > port


def test_a_second_far_side_in_the_same_place_is_refused(state):
    with up(state, "--without", "bridge") as process:
        process.wait_for("Ctrl+C stops everything")
        second = run("up", "--state-dir", str(state.path), *ANY_PORTS)
        assert second.returncode == 1
        assert second.stderr.splitlines() == [
            f"monty-mqtt: a far side runs already from {state.path} (pid {process.pid}); see `monty-mqtt status`"
        ]
        assert process.wait_for("broker ")


@pytest.mark.parametrize("host", ["192.0.2.7", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_refused_in_one_line(state, host):
    refused = run("up", "--state-dir", str(state.path), "--host", host)
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert line.startswith(f"monty-mqtt: --host: '{host}' is not allowed; it must be an address of this machine")
    assert processes_of(state.path) == []


def test_beyond_loopback_the_bridge_takes_the_invited_only_and_all_else_is_on_loopback(state, tmp_path):
    with up(state, "--host", "0.0.0.0") as process:
        process.wait_for("Ctrl+C stops everything")
        bridge = process.wait_for("bridge ")
        assert re.search(r"tcp://0\.0\.0\.0:\d+\?key=[0-9a-f]{64}", bridge)
        assert "mqtt://127.0.0.1:" in process.wait_for("broker ")
        assert "http://127.0.0.1:" in process.wait_for("liveview ")
        invited = run("invite", "node-7", "--state-dir", str(state.path))
        assert invited.returncode == 0, invited.stderr
        file = re.search(r"key_secret: (.+\.key_secret)$", invited.stdout, re.MULTILINE)[1]
        setting = re.search(r"export MONTY_MQTT_BRIDGE='(\S+)'", invited.stdout)[1]
        there = re.sub("//[^:]+:", "//127.0.0.1:", setting)  # by the name of this machine, elsewhere
        node = StateDir(tmp_path / "node")
        node.keys.mkdir()
        shutil.move(file, node.client_key_file)
        environment = {"MONTY_MQTT_STATE_DIR": str(node.path)}
        assert sends(environment | {"MONTY_MQTT_BRIDGE": there})
        assert not sends(environment | {"MONTY_MQTT_BRIDGE": there.partition("?")[0]})
        revoked = run("revoke", "node-7", "--state-dir", str(state.path))
        assert revoked.returncode == 0, revoked.stderr
        assert not sends(environment | {"MONTY_MQTT_BRIDGE": there})


def test_beyond_loopback_the_broker_takes_who_logs_in_as_the_printed_line_says(state, tmp_path):
    with up(state, "--host", "0.0.0.0", "--without", "liveview", "history") as process:
        process.wait_for("Ctrl+C stops everything")
        authority = re.search(r"SHA-256 ((?:[0-9A-F]{2}:){31}[0-9A-F]{2}): (.+)$", process.wait_for("its authority"))
        password = process.wait_for("the password of a user").rpartition(": ")[2].strip()
        command = process.wait_for("and there:").partition("monty-mqtt ")[2].split()
        for file in (authority[2], password):
            shutil.copy(file, tmp_path)
        certificate = ["openssl", "x509", "-in", "ca.pem", "-noout", "-fingerprint", "-sha256"]
        shown = subprocess.run(certificate, cwd=tmp_path, capture_output=True, text=True, timeout=20, check=True)
        assert authority[1] in shown.stdout
        there = [re.sub("//[^:]+:", "//127.0.0.1:", word) for word in command]  # by the name of this machine, elsewhere
        looked = run(*there, cwd=tmp_path)
        assert looked.returncode == 0, looked.stderr
        assert re.search(r"\nbridge \S+-[0-9a-f]{6}: online", looked.stdout)
        without = run(*there[: there.index("--username")], cwd=tmp_path)
        assert without.returncode == 1
        assert "refuses anonymous clients" in without.stderr


def sends(environment) -> bool:
    """Whether an experiment of another machine, as these variables make this process one, gets its messages across."""
    program = "import monty_mqtt as m; b = m.ZmqBroadcaster(run='x'); b.publish_metric('a', 1); print(b.flush(3))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip() == "True"


@pytest.mark.parametrize(("host", "written"), [("::1", "[::1]"), ("localhost", "localhost")])
def test_every_loopback_address_will_do(state, host, written):
    if host == "::1" and not ports.is_free("::1", 0):
        is_missing("not run: no IPv6 here")
    with up(state, "--host", host) as process:
        process.wait_for("Ctrl+C stops everything")
        assert f"mqtt://{written}:" in process.wait_for("broker ")
        assert f"tcp://{written}:" in process.wait_for("bridge ")


def test_amqtt_serves_where_there_is_no_mosquitto(state):
    with up(state, "--without", "mosquitto") as process:
        process.wait_for("Ctrl+C stops everything")
        assert "amqtt (pid " in process.wait_for("broker ")
        process.wait_for("keeps nothing when it ends")
        with Subscriber("127.0.0.1", port_in(process.wait_for("broker ")), "monty/bridge/#") as anyone:
            anyone.wait_for(lambda seen: [message for message in seen if is_online(message.payload)])
        process.signal(signal.SIGINT)
        assert process.wait() == 0
    assert processes_of(state.path) == []


def test_amqtt_is_taken_where_path_has_no_mosquitto(state, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("monty_mqtt_stack.services.mosquitto._OFF_PATH", ())
    with Supervisor(Plan(state=state, mqtt_port=0, zmq_port=0), print) as supervisor:
        assert supervisor.far_side.services["broker"].program == "amqtt"
        assert supervisor.far_side.services["bridge"].program == "monty-mqtt-bridge"
    assert processes_of(state.path) == []


def test_without_any_broker_it_says_why(state):
    failed = run("up", "--state-dir", str(state.path), "--without", "mosquitto", "amqtt")
    assert failed.returncode == 1
    assert "mosquitto: --without mosquitto; amqtt: --without amqtt" in failed.stderr


def test_an_unknown_name_to_leave_out_is_wrong_use(state):
    wrong = run("up", "--state-dir", str(state.path), "--without", "grafna")
    assert wrong.returncode == 2
    assert wrong.stderr == (
        "monty-mqtt: --without: 'grafna' is not allowed; it must be one of broker, liveview, bridge, influxdb, "
        "telegraf, grafana, history, mosquitto, amqtt\n"
    )


def test_a_state_dir_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    failed = run("up", "--state-dir", str(tmp_path / "file" / "state"))
    assert failed.returncode == 1
    assert len(failed.stderr.splitlines()) == 1
    assert "--state-dir" in failed.stderr


def test_no_secret_in_any_process_or_log(state):
    with up(state) as process:
        process.wait_for("Ctrl+C stops everything")
        passwords = [secrets.read(state, user) for user in secrets.USERS]
        started = processes_of(state.path)
        assert {process.name() for process in started} >= {"mosquitto"}
        assert len(started) >= 3
        shown = [process.text]
        for child in started:
            shown += child.cmdline()
            shown += [f"{name}={value}" for name, value in child.environ().items()]
        process.signal(signal.SIGINT)
        assert process.wait() == 0
        for log in state.log_file("x").parent.iterdir():
            shown.append(log.read_text())
            assert stat.S_IMODE(log.stat().st_mode) == 0o600
    for password in passwords:
        assert not [text for text in shown if password in text]
