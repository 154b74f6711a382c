"""Any part is killed, frozen or emptied at any moment, and everything that was published arrives at a subscriber."""

from __future__ import annotations

import pytest
from chaos import faults
from chaos.stage import Stage
from kit.machine.child_process import until

from monty_mqtt.wire import topics

SHORT = pytest.param(10_000, 1, 4.0, id="short", marks=pytest.mark.timeout(150))
LONG = pytest.param(100_000, 3, 5.0, id="long", marks=[pytest.mark.long, pytest.mark.timeout(900)])


@pytest.mark.parametrize(("messages", "rounds", "frozen_secs"), [SHORT, LONG])
def test_everything_arrives_whatever_is_killed_frozen_or_emptied(tmp_path, request, messages, rounds, frozen_secs):
    with Stage(tmp_path, request.node.name) as stage:
        load = stage.load()
        planned = faults.all_of(frozen_secs) * rounds
        stage.random.shuffle(planned)
        for number, fault in enumerate(planned, 1):
            seen = stage.seen(load)["next"]
            load.tell("publish", messages // len(planned))
            load.wait_for(lambda report, number=number: report["done"] == number)
            stage.wait_until_seen(load, stage.random.randint(seen, load.report["published"]), 60)
            stage.say(f"{load.report['published']} published, {stage.seen(load)['next']} seen: {fault}")
            fault(stage)
        load.tell("publish", messages % len(planned))
        load.tell("close", 60)
        load.wait_for(lambda report: report["done"] == len(planned) + 2, 70)
        assert load.report["published"] == messages + 3
        assert (load.report["unacknowledged"], load.report["dropped"]) == (0, 0)
        seen = stage.wait_for_all(load, 60)
        assert seen["backwards"] == 0
        assert "disconnected" not in seen["words"]


def test_an_emptied_broker_is_told_again_what_is_retained_of_those_that_live(tmp_path, request):
    with Stage(tmp_path, request.node.name) as stage:
        load = stage.load()
        load.tell("publish", 1000)
        stage.wait_until_seen(load, 1002)
        wanted = {topics.build("chaos", "main", kind) for kind in ("info", "status", "state")}
        before = stage.retained("monty/v1/#")
        assert wanted <= before.keys()
        faults.empty_broker(stage)
        until(lambda: wanted <= stage.retained("monty/v1/#").keys())
        after = stage.retained("monty/v1/#")
        assert {topic: after[topic] for topic in wanted} == {topic: before[topic] for topic in wanted}


@pytest.mark.long
def test_an_emptied_broker_and_a_subscriber_who_comes_back_later_than_the_bridge(tmp_path, request):
    with Stage(tmp_path, request.node.name) as stage:
        load = stage.load()
        load.tell("publish", 3000, 300)
        stage.wait_until_seen(load, stage.random.randint(10, 600))
        faults.empty_broker_and_come_late(stage, stage.random.uniform(1, 6))
        load.tell("close", 10)
        load.wait_for(lambda report: report["done"] == 2)
        assert stage.wait_for_all(load)["backwards"] == 0
