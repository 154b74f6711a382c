"""The bridge's start and end at brokers that refuse, are not there, or come late: each its own clear line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from bridge_fixtures import Dealer
from subscriber import Subscriber

from monty_mqtt import schema
from monty_mqtt_stack.broker import Mosquitto
from monty_mqtt_stack.ports import answers_mqtt, any_free

pytest_plugins = ["bridge_fixtures"]

ROOT = Path(__file__).parent.parent


class BridgeProcess:
    """`python -m monty_mqtt_bridge` with these settings; its output line by line."""

    def __init__(self, *arguments: str, **settings: object) -> None:
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in {"zmq_port": 0, **settings}.items()]
        paths = os.pathsep.join(str(ROOT / part) for part in (".", "bridge"))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "monty_mqtt_bridge", *flags, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": paths},
        )
        self.lines: list[str] = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate(timeout=10)

    def line_with(self, text: str) -> str:
        for line in self._process.stdout:
            self.lines.append(line.rstrip("\n"))
            if text in line:
                return self.lines[-1]
        raise AssertionError(f"ended without {text!r}: {self.lines}")

    def ready(self) -> int:
        """Return the ZMQ port."""
        return int(self.line_with("bridge ready: ").split("tcp://")[1].split(",")[0].rpartition(":")[2])

    def end(self, number: signal.Signals | None = None, secs: float = 20) -> tuple[int, list[str]]:
        """Return the exit code and all lines."""
        if number is not None:
            self._process.send_signal(number)
        rest, _ = self._process.communicate(timeout=secs)
        return self._process.returncode, self.lines + rest.splitlines()


def at(broker: Mosquitto, user: str = "bridge", **settings: object) -> dict[str, object]:
    login = {"mqtt_username": user, "mqtt_password_file": broker.password_file(user)} if user else {}
    return {"mqtt_port": broker.port, **login, **settings}


class OwnBroker:
    """A Mosquitto whose rules the test writes."""

    def __init__(self, where: Path, acl: str) -> None:
        self.port = any_free("127.0.0.1")
        self.host = "127.0.0.1"
        (where / "acl").write_text(acl)
        (where / "conf").write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nacl_file {where / 'acl'}\nuser root\n"
        )
        self._process = subprocess.Popen(["mosquitto", "-c", str(where / "conf")], stderr=subprocess.DEVNULL)

    def __enter__(self):
        while not answers_mqtt(self.host, self.port):
            assert self._process.poll() is None
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0_and_the_ready_line_names_both_ends(broker, number):
    with BridgeProcess(**at(broker)) as process:
        port = process.ready()
        with Dealer(port) as dealer:
            dealer.hello()
            dealer.send(schema.Status, 0)
            code, lines = process.end(number)
    assert code == 0
    assert lines[0] == f"bridge ready: zmq tcp://127.0.0.1:{port}, mqtt mqtt://127.0.0.1:{broker.port}"
    assert not any("Traceback" in line for line in lines)


def test_killed_it_is_offline_by_its_last_will(broker):
    topic = "monty/bridge/v1/killed/status"
    with BridgeProcess(**at(broker, bridge_id="killed")) as process:
        process.ready()
        with Subscriber(broker.host, broker.port, topic) as subscriber:
            subscriber.wait_for(lambda got: got and got[-1].payload == b"online")
            process.end(signal.SIGKILL)
            subscriber.wait_for(lambda got: got[-1].payload == b"offline")


def refused(*, after: int = 0, **settings: object) -> str:
    """Return the one line of a bridge that gives up; at most `after` others may come before it."""
    with BridgeProcess(**settings) as process:
        code, lines = process.end()
    assert code == 2
    assert 1 <= len(lines) <= 1 + after, lines
    return lines[-1]


def test_a_refused_password_is_named(broker, tmp_path):
    (tmp_path / "wrong").write_text("wrong\n")
    line = refused(**at(broker, mqtt_password_file=tmp_path / "wrong"))
    assert f"the broker at mqtt://127.0.0.1:{broker.port} refused user 'bridge'" in line.replace("refuses", "refused")


def test_a_user_whose_rules_forbid_the_topics_is_named(broker):
    line = refused(after=1, **at(broker, "telegraf"))
    assert "user 'telegraf'" in line
    assert "topic write monty/#" in line


def test_an_anonymous_bridge_is_told_what_it_may_not(broker):
    assert "the anonymous user" in refused(after=1, **at(broker, ""))


@pytest.mark.parametrize(
    ("rules", "rule"),
    [
        ("topic readwrite monty/bridge/#\n", "topic write monty/#"),
        ("topic write monty/#\ntopic read monty/v1/+/+/command\n", "topic read monty/bridge/v1/bridge/status"),
        ("topic write monty/#\ntopic read monty/bridge/#\n", "topic read monty/v1/+/+/command"),
    ],
)
def test_rules_that_forbid_some_topics_only_are_found_too(tmp_path, rules, rule):
    with OwnBroker(tmp_path, rules) as own:
        line = refused(after=1, mqtt_port=own.port)  # Mosquitto 2.0.11 sometimes hangs up
    assert f"`{rule}`" in line
    assert "the anonymous user" in line


def test_nobody_there_is_said_once_and_given_up_after_the_time_that_was_set():
    port = any_free("127.0.0.1")
    with BridgeProcess(mqtt_port=port, mqtt_wait_secs=1.5) as process:
        code, lines = process.end()
    assert code == 2
    assert len(lines) == 2
    assert f"no MQTT broker at mqtt://127.0.0.1:{port}: nobody answers (Connection refused); trying again" in lines[0]
    assert lines[1] == f"monty-mqtt-bridge: {lines[0].partition('WARNING ')[2].partition('; trying')[0]}"


def test_a_host_that_does_not_exist_is_named():
    with BridgeProcess(mqtt_host="no-such-host.invalid", mqtt_wait_secs=0.1) as process:
        code, lines = process.end()
    assert code == 2
    assert "no such host 'no-such-host.invalid'" in lines[0]


def test_it_waits_for_a_broker_that_comes_later(tmp_path):
    with Mosquitto(tmp_path) as own:
        own.stop()
        with BridgeProcess(**at(own)) as process:
            process.line_with("no MQTT broker")
            own.start()
            assert process.ready()


def test_while_it_waits_a_signal_ends_it():
    with BridgeProcess(mqtt_port=any_free("127.0.0.1")) as process:
        process.line_with("no MQTT broker")
        assert process.end(signal.SIGTERM)[0] == 0


@pytest.mark.parametrize(
    ("settings", "texts"),
    [
        ({"zmq_prot": 1}, ["--zmq-prot", "did you mean '--zmq-port'?"]),
        ({"mqtt_port": 70_000}, ["mqtt_port", "70000", "1 to 65535"]),
        ({"mqtt_port": "x"}, ["mqtt_port", "'x'", "whole number"]),
        ({"zmq_host": "0.0.0.0"}, ["zmq_host", "0.0.0.0", "loopback"]),
        ({"mqtt_password_file": "/nowhere/file"}, ["mqtt_password_file", "/nowhere/file", "No such file"]),
        ({"log_level": "loud"}, ["log_level", "loud", "warning"]),
        ({"config": "/nowhere.toml"}, ["config", "/nowhere.toml", "No such file"]),
    ],
)
def test_wrong_settings_are_one_line(settings, texts):
    line = refused(**settings)
    assert all(text in line for text in texts), line


def test_a_taken_zmq_port_is_one_line(broker, bridge):
    assert "in use" in refused(**at(broker, zmq_port=bridge.zmq_port))


def test_healthcheck_of_a_bridge_that_runs_and_of_one_that_does_not(broker, bridge):
    with BridgeProcess("--healthcheck", **at(broker, bridge_id=bridge._config.bridge_id)) as process:
        code, lines = process.end()
    assert (code, lines) == (0, [f"bridge '{bridge._config.bridge_id}' at mqtt://127.0.0.1:{broker.port} is well"])
    with BridgeProcess("--healthcheck", **at(broker, bridge_id="nobody")) as process:
        code, lines = process.end()
    assert code == 1
    assert "nothing on monty/bridge/v1/nobody/health" in lines[0]


def test_no_secret_shows_in_the_process_list_or_the_output(broker):
    with BridgeProcess(**at(broker), log_level="debug") as process:
        process.ready()
        command_line = Path(f"/proc/{process._process.pid}/cmdline").read_text()
        environment = Path(f"/proc/{process._process.pid}/environ").read_text()
        _, lines = process.end(signal.SIGTERM)
    secret = broker.password("bridge")
    assert secret not in command_line + environment + "\n".join(lines)
