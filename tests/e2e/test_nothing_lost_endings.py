"""Experiments that are silent, end, or are killed, while the bridge comes and goes."""

from __future__ import annotations

import threading

import pytest
from chaos import faults
from chaos.stage import Stage, freeze, thaw

from monty_mqtt.wire import schema, topics

HOUR_SECS = 3600
DISCONNECTED_SECS = 10
PER_SEC = 500


@pytest.mark.parametrize(
    "silent_secs", [pytest.param(6, id="short"), pytest.param(60, id="long", marks=pytest.mark.long)]
)
def test_a_bridge_restarted_while_the_experiment_is_silent_inside_one_step(tmp_path, request, silent_secs):
    with Stage(tmp_path, request.node.name) as stage:
        load = stage.load()
        load.tell("publish", 3000)
        load.tell("silent")
        load.wait_for(lambda report: report["done"] == 2)
        stage.wait_until_seen(load, stage.random.randint(1, 1000))
        faults.kill_bridge(stage)
        threading.Event().wait(silent_secs)
        load.tell("publish", 100)
        load.tell("close", 10)
        load.wait_for(lambda report: report["done"] == 4)
        seen = stage.wait_for_all(load)
        # It cannot be told from one that is gone while it says nothing; that it was not, shows when it speaks again.
        assert "disconnected" not in seen["words"] or silent_secs > DISCONNECTED_SECS
        assert seen["words"][-1] != "disconnected"


def test_a_bridge_and_an_experiment_that_are_killed_together(tmp_path, request):
    with Stage(tmp_path, request.node.name) as stage:
        load = stage.load()
        load.tell("publish", 1_000_000, PER_SEC)
        stage.wait_until_seen(load, stage.random.randint(100, 1000))
        load.kill()
        stage.bridge.kill()
        stage.bridge.start()
        stage.wait_for_word(load, "disconnected", DISCONNECTED_SECS)
        topic = topics.build("chaos", "main", "status")
        status = schema.decode(stage.retained(topic)[topic])
        seen = stage.seen(load)
        # What it took in its last turn it published before it wrote it down; the experiment would have sent it again.
        assert 0 <= seen["next"] - (status.highest_seq + 1) <= PER_SEC // 10
        assert seen["ahead"] == 0


def test_an_experiment_killed_while_the_bridge_is_down(tmp_path, request):
    with Stage(tmp_path, request.node.name) as stage:
        load = stage.load()
        load.tell("publish", 1_000_000, PER_SEC)
        stage.wait_until_seen(load, stage.random.randint(100, 1000))
        stage.bridge.kill()
        gone_at = load.report["published"]
        load.wait_for(lambda report: report["published"] > gone_at + stage.random.randint(2, 4) * PER_SEC)
        load.kill()
        published = load.report["published"]
        stage.bridge.start()
        stage.wait_for_word(load, "disconnected", DISCONNECTED_SECS)
        stage.wait_until_seen(load, published - PER_SEC)  # the bridge takes its spool up by itself
        seen = stage.seen(load)
        stage.say(f"{published - seen['next']} of {published} are missing")
        assert seen["ahead"] == 0
        assert seen["words"] == ["running", "disconnected"]


def test_an_experiment_killed_while_the_bridge_is_frozen(tmp_path, request):
    with Stage(tmp_path, request.node.name) as stage:
        load = stage.load()
        load.tell("publish", 1_000_000, PER_SEC)
        stage.wait_until_seen(load, stage.random.randint(100, 1000))
        freeze(stage.bridge)
        frozen_at = load.report["published"]
        published = load.wait_for(lambda report: report["published"] > frozen_at + PER_SEC // 4)["published"]
        # What ZMQ's own thread has not passed to the kernel yet dies with the process, so it goes on for another 0.2 s.
        load.wait_for(lambda report: report["published"] >= published + PER_SEC // 5)
        load.kill()
        thaw(stage.bridge)
        stage.wait_until_seen(load, published)  # of a slow machine in part from its spool, by the bridge itself
        assert stage.seen(load)["ahead"] == 0


@pytest.mark.parametrize("count", [pytest.param(50, id="short"), pytest.param(500, id="long", marks=pytest.mark.long)])
def test_short_workers_one_after_another_are_never_disconnected(tmp_path, request, count):
    with Stage(tmp_path, request.node.name) as stage:
        killed = stage.load("killed")
        assert stage.short_workers("chaos", count).wait(count) == 0
        killed.kill()  # after all of them: once it is called disconnected, each of them would have been
        stage.wait_for_word(killed, "disconnected", DISCONNECTED_SECS)
        words = {name: seen["words"] for name, seen in stage.listener.report["workers"].items() if "short" in name}
        assert len(words) == count
        assert {tuple(one) for one in words.values()} == {("running", "completed")}


def test_a_clock_that_is_set_back_an_hour_in_a_run(tmp_path, request):
    with Stage(tmp_path, request.node.name) as stage:
        load = stage.load()
        load.tell("publish", 1000)
        load.tell("set_back", HOUR_SECS)
        load.tell("publish", 1000)
        stage.wait_until_seen(load, stage.random.randint(1, 2000))
        faults.kill_bridge(stage)
        load.tell("publish", 1000)
        load.tell("close", 10)
        load.wait_for(lambda report: report["done"] == 5)
        assert stage.wait_for_all(load)["backwards"] == 0
