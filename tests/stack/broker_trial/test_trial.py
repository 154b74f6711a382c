"""`monty-mqtt doctor --broker`: Mosquitto beside services that live has all of it; what an unconfigured one lacks."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack

import pytest
from kit.bridge import config_for
from kit.machine.child_process import Process, until
from kit.mqtt_publisher import Client
from kit.page.page_service import Keeping, broker_for

from monty_mqtt_bridge.bridge import Bridge
from monty_mqtt_core.reading.mqtt_client import retained
from monty_mqtt_core.settings import ports
from monty_mqtt_stack.broker_trial.needs import NEEDS
from monty_mqtt_stack.broker_trial.stage import PREFIX
from monty_mqtt_stack.services.mosquitto import Mosquitto, find_mosquitto

pytestmark = pytest.mark.timeout(240)
SYS_SECS = 15


def doctor(state, *words):
    """Run `monty-mqtt doctor` to its end, which may take longer than other commands."""
    command = [sys.executable, "-m", "monty_mqtt.cli", "doctor", "--state-dir", str(state), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    """Try a Mosquitto whose bridge and page are at work; return the outcomes, and what the others saw of it."""
    path = tmp_path_factory.mktemp("live")
    with ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(path / "state"))
        stack.enter_context(Bridge(config_for(broker)))
        page = stack.enter_context(Keeping(broker, path / "page"))
        with Client(broker.port, "bridge", broker.password("bridge")) as killed:
            killed.publish(f"{PREFIX}/of-a-killed-trial/status", b"left", retain=True)
        before = sorted(retained(broker_for(broker), ["monty/v1/#", "monty/bridge/v1/+/status"]))
        done = doctor(broker.state.path, "--broker", f"mqtt://{broker.host}:{broker.port}", "--json")
        after = sorted(retained(broker_for(broker), ["monty/#"]))
        health = "monty/bridge/v1/bridge/health"
        yield broker, page, done, before, [message for message in after if message.topic != health]


def test_mosquitto_as_we_configure_it_has_all_that_is_needed(tried):
    _, _, done, _, _ = tried
    outcomes = json.loads(done.stdout)
    assert {outcome["need"]: outcome["found"] for outcome in outcomes if outcome["is_met"] is not True} == {}
    assert [outcome["need"] for outcome in outcomes][: len(NEEDS)] == [need.name for need in NEEDS]
    assert len(outcomes) == len(NEEDS) + 5  # with the rights of four users and of anonymous clients
    assert done.returncode == 0
    assert done.stderr == ""


def test_a_trial_leaves_nothing_behind(tried):
    broker, _, _, before, after = tried
    assert after == before
    left = "$SYS/broker/clients/disconnected"
    counts = [message.payload for message in retained(telegraf_of(broker), [left])]
    assert len(counts) == 1
    until(lambda: retained(telegraf_of(broker), [left])[0].payload == b"0", SYS_SECS)


def test_a_trial_does_not_disturb_bridge_and_page(tried):
    _, page, _, _, after = tried
    assert [message.payload for message in after if message.topic == "monty/bridge/v1/bridge/status"] == [b"online"]
    assert page.service.runs.by_name == {}
    assert not list(page.recordings.glob("*/*"))


def telegraf_of(broker):
    return broker_for(broker)._replace(username="telegraf", password_file=broker.password_file("telegraf"))


@pytest.fixture(scope="module")
def unconfigured(tmp_path_factory):
    """Start a Mosquitto with its own defaults: short queues, a small window, no rules."""
    path, port = tmp_path_factory.mktemp("unconfigured"), ports.any_free("127.0.0.1")
    (path / "mosquitto.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n")
    with Process(argv=(find_mosquitto(), "-c", str(path / "mosquitto.conf"))) as mosquitto:
        mosquitto.until(lambda: ports.answers_mqtt("127.0.0.1", port))
        yield doctor(path, "--broker", f"mqtt://127.0.0.1:{port},127.0.0.1:{port}")


def test_what_a_broker_lacks_is_named_with_what_it_does_and_why_it_matters(unconfigured):
    lines = {line[:27].strip(): line for line in unconfigured.stdout.splitlines()}
    missing = {need for need, line in lines.items() if line[29:].startswith("MISSING")}
    assert missing == {"persistent session", "window", "rights of anonymous clients"}
    assert "1,000 of 2,000 came (page and Telegraf miss nothing" in lines["persistent session"]
    assert "20 messages at a time; 1,000 to 1,500 are needed" in lines["window"]
    assert "may write monty/#, and 10 more" in lines["rights of anonymous clients"]
    assert unconfigured.returncode == 1


def test_rights_of_a_user_whose_password_is_not_known_are_not_tried(unconfigured):
    lines = [line for line in unconfigured.stdout.splitlines() if line[29:].startswith("not tried")]
    assert [line.split()[2] for line in lines] == ["bridge", "telegraf", "liveview", "control"]
    assert "no bridge.password in " in lines[0]


@pytest.mark.parametrize(
    ("address", "code", "told"),
    [("127.0.0.1:1", 1, "no broker at mqtt://127.0.0.1:1"), ("a:b:c", 2, "--broker: 'a:b:c' is not allowed")],
)
def test_a_broker_that_cannot_be_tried_is_one_line(tmp_path, address, code, told):
    done = doctor(tmp_path, "--broker", address)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (code, "", 1)
    assert told in done.stderr


def test_a_password_that_the_broker_does_not_know_is_one_line(tried, tmp_path):
    broker = tried[0]
    for user in ("bridge", "liveview"):
        (tmp_path / f"{user}.password").write_text("another\n")
    done = doctor(tmp_path, "--broker", f"{broker.host}:{broker.port}", "--passwords", str(tmp_path))
    assert done.returncode == 1
    assert "refuses user bridge: Not authorized" in done.stderr
    assert "another" not in done.stderr
