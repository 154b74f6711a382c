"""Real runs at a real broker, and a real HTTP service that is notified of what happens to them, once each."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest
from kit.machine.child_process import Process, processes_of, run, until
from kit.machine.web_hook import WebHook
from kit.page.teller import Teller

from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import Target
from monty_mqtt_core.reading.mqtt_client import BrokerAddress
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.notify import notifications as module
from monty_mqtt_stack.notify.notifications import Notifications
from monty_mqtt_stack.notify.receiver import receiver_at
from monty_mqtt_stack.services.mosquitto import Mosquitto

SECRET = "tok-8hQ2s"
PAGE = "http://127.0.0.1:8000"

EXPERIMENT = """
import os, signal, sys
from monty_mqtt import ZmqBroadcaster
from monty_mqtt.wire import schema
run, port, end = sys.argv[1:]
with ZmqBroadcaster(run_id=run, zmq_port=int(port), strict=True) as b:
    b.publish(schema.Info, schema_version=1, experiment="mine")
    b.publish(schema.Status, status="running")
    for episode, outcome in enumerate(["correct", "confused", "time_out"]):
        b.publish(schema.EpisodeEnded, mode="eval", epoch=0, episode=episode, steps=5, outcome=outcome,
                  correct=int(outcome == "correct"))
    if end == "failed":
        raise ValueError("no such mug")
    if end == "disconnected":
        assert b.flush(20)
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with Mosquitto(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture
def state(tmp_path):
    return StateDir(tmp_path / "state")


@pytest.fixture
def told(broker):
    with Teller(broker) as teller:
        yield teller


@contextmanager
def notifying(state, broker, *hooks):
    """Let these services be notified; return what is said, once the notifications listen."""
    said = []
    receivers = [receiver_at(f"json://127.0.0.1:{hook.port}/{SECRET}") for hook in hooks]
    before = {path.stat().st_mtime_ns for path in state.path.glob("notified.json")}
    notified = Notifications(state, BrokerAddress(broker.host, broker.port), PAGE, receivers, said.append)
    with notified:
        if not before:
            until((state.path / "notified.json").exists)
        yield said


def says(told, name, *messages, secs_ago=0.0):
    voice = told.voice(name, secs_ago=secs_ago)
    for kind, fields in messages:
        voice.say(kind, **fields)
    told.done()


def status(word, **fields):
    return schema.Status, {"status": word, **fields}


def ended(episode, outcome):
    target = Target(object="mug")
    return schema.EpisodeEnded, {"episode": episode, "outcome": outcome, "steps": 7, "target": target}


def test_each_occasion_is_sent_once_with_run_and_link(state, broker, told):
    with WebHook() as hook, notifying(state, broker, hook) as said:
        says(told, "one", status("running"), ended(0, "correct"), ended(1, "confused"), ended(2, "time_out"),
             status("running", stalled=True), status("running"), status("running", stalled=True),
             status("disconnected"), status("running"), status("completed"), status("completed"))  # fmt: skip
        hook.wait_for("one has finished")
        says(told, "two", status("error", error_type="ValueError", error_message="no\nmug"))
        post = hook.wait_for("two has failed")
        assert hook.titles == [
            "one has its first failed episode",
            "one is stalled",
            "one is disconnected",
            "one has finished",
            "two has failed",
        ]
        assert post["message"] == f"ValueError: no mug\n{PAGE}/run/two"
        assert hook.received[0]["message"] == f"eval episode 1: confused, target mug, 7 steps\n{PAGE}/run/one"
        assert said == []


def test_what_happened_before_is_no_news_and_after_a_restart_nothing_comes_twice(state, broker, told):
    says(told, "before", status("completed"))
    with WebHook() as hook:
        with notifying(state, broker, hook):
            says(told, "during", status("completed"))
            hook.wait_for("during has finished")
        says(told, "meanwhile", status("completed"))
        says(told, "long ago", status("completed"), secs_ago=90_000)
        with notifying(state, broker, hook):
            hook.wait_for("meanwhile has finished")
            says(told, "after", status("completed"))
            hook.wait_for("after has finished")
        assert hook.titles == ["during has finished", "meanwhile has finished", "after has finished"]


def test_a_service_that_refuses_is_asked_again_and_the_others_are_not_sent_it_twice(state, broker, told, monkeypatch):
    monkeypatch.setattr(module, "_PAUSES_SECS", (0.0, 0.1, 0.1))
    with WebHook() as good, WebHook(refuses=2) as slow, notifying(state, broker, good, slow) as said:
        says(told, "patience", status("completed"))
        slow.wait_for("patience has finished")
        assert good.titles == ["patience has finished"]
        assert said == []


def test_a_service_that_never_answers_is_given_up_in_one_line_without_its_address(state, broker, told, monkeypatch):
    monkeypatch.setattr(module, "_PAUSES_SECS", (0.0, 0.1, 0.1))
    with WebHook() as gone:
        pass
    with WebHook() as hook, notifying(state, broker, gone, hook) as said:
        says(told, "lost\x1b[2J", status("completed"))
        hook.wait_for("has finished")
        says(told, "next", status("completed"))
        hook.wait_for("next has finished")
        until(lambda: len(said) == 2)
    assert said[0] == "notifications: JSON did not take 'lost [2J has finished'; given up after 3 attempts"


def test_what_could_not_be_sent_before_the_end_is_sent_at_the_next_start(state, broker, told, monkeypatch):
    monkeypatch.setattr(module, "_PAUSES_SECS", (0.0, 60.0))
    with WebHook(refuses=1) as hook:
        with notifying(state, broker, hook):
            says(told, "unsent", status("completed"))
            until(lambda: hook.refuses == 0)
        assert hook.titles == []
        with notifying(state, broker, hook):
            hook.wait_for("unsent has finished")


def test_names_of_others_are_short_text_and_their_links_lead_to_the_page(state, broker, told):
    name = "../<script>\u2028 & " + "x" * 300
    with WebHook() as hook, notifying(state, broker, hook):
        says(told, name, status("completed"))
        post = hook.wait_for("has finished")
    assert post["title"].startswith("../<script>  & xxx")
    assert len(post["title"]) < 220
    assert "\n" not in post["title"]
    link = post["message"].splitlines()[-1]
    assert link.startswith(f"{PAGE}/run/%252E%252E%252F%3Cscript%3E")


def test_while_the_broker_is_away_it_waits(state, monkeypatch):
    monkeypatch.setattr(module, "_AGAIN_SECS", 0.2)
    said = []
    with WebHook() as hook:
        receiver = receiver_at(f"json://127.0.0.1:{hook.port}/{SECRET}")
        with Notifications(state, BrokerAddress("127.0.0.1", 1), PAGE, [receiver], said.append):
            until(lambda: len(said) >= 2)
    assert "no broker at" in said[0]


@pytest.mark.timeout(240)
def test_up_notifies_of_real_runs_and_the_address_is_nowhere(state):
    words = ("--state-dir", str(state.path), "--mqtt-port", "0", "--zmq-port", "0", "--liveview-port", "0",
             "--without", "history")  # fmt: skip
    with WebHook() as hook:
        env = {"MONTY_MQTT_NOTIFY": f"json://127.0.0.1:{hook.port}/{SECRET}", "MONTY_MQTT_STATE_DIR": str(state.path)}
        with Process("up", *words, env=env) as up:
            up.wait_for("notifications: JSON", 90)
            services = state.read_far_side().services
            until((state.path / "notified.json").exists)
            for end in ("finished", "failed", "disconnected"):
                argv = [sys.executable, "-c", EXPERIMENT, end, str(services["bridge"].port), end]
                subprocess.run(argv, env={**env}, timeout=60, check=False, stderr=subprocess.DEVNULL)
                post = hook.wait_for(f"{end} has its first failed episode")
                assert post["message"].endswith(f"{services['liveview'].url}/run/{end}")
            for title in ("finished has finished", "failed has failed", "disconnected is disconnected"):
                hook.wait_for(title, 60)
            for process in processes_of(state.path):
                if process.pid != up.pid:
                    assert SECRET not in " ".join(process.cmdline())
                    assert SECRET not in json.dumps(process.environ())
            up.signal(signal.SIGTERM)
            assert up.wait(60) == 0
        sent = list(hook.titles)
        assert len(sent) == len(set(sent)) == 6
        assert SECRET not in up.text
        for file in state.path.rglob("*"):
            assert not file.is_file() or SECRET.encode() not in file.read_bytes()
        with Process("up", *words, env=env) as again:
            again.wait_for("notifications: JSON", 90)
            service = StateDir(state.path).read_far_side().services["bridge"]
            argv = [sys.executable, "-c", EXPERIMENT, "again", str(service.port), "finished"]
            subprocess.run(argv, env={**env}, timeout=60, check=True)
            hook.wait_for("again has finished")
            again.signal(signal.SIGTERM)
            assert again.wait(60) == 0
        assert hook.titles[len(sent) :] == ["again has its first failed episode", "again has finished"]


def test_up_refuses_a_bad_address_before_it_starts_anything(state):
    done = run("up", "--state-dir", str(state.path), "--notify", f"nothing://{SECRET}")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert SECRET not in done.stdout + done.stderr
    assert state.read_far_side() is None
    assert processes_of(state.path) == []
