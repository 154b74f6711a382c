"""In company: a second bridge, programs of one name, and one that ended before the bridge had all of it."""

from __future__ import annotations

import signal

from chaos import faults
from chaos.stage import Stage, freeze, thaw
from kit.bridge_process import BridgeProcess, at
from kit.machine.child_process import until
from kit.mqtt_subscriber import Subscriber

from monty_mqtt.wire import topics
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt_stack.commands.spool_uptake import SpoolUptake

COUNT = 10_000


def healths(subscriber, bridge_id):
    return sum(one.topic == f"monty/bridge/v1/{bridge_id}/health" for one in list(subscriber.received))


def seen_of(stage, program):
    return stage.listener.report["workers"].get(f"{program.report['run']}/main", {"next": 0, "ahead": 0, "words": []})


def wait_until_completed(stage, program, secs=60):
    stage.listener.wait_for(lambda _: seen_of(stage, program)["words"][-1:] == ["completed"], secs)


def bridge_ids(subscriber):
    prefix = f"{topics.BRIDGE_PREFIX}/"
    return {one.topic.split("/")[-2] for one in list(subscriber.received) if one.topic.startswith(prefix)}


def test_a_second_bridge_that_comes_is_killed_and_comes_again_takes_nothing_from_the_first(tmp_path, request):
    with Stage(tmp_path, request.node.name) as stage, Subscriber("127.0.0.1", stage.broker.port) as subscriber:
        load = stage.load()
        load.tell("publish", 1_000_000, 200)
        with BridgeProcess(**at(stage.broker, bridge_id="second")) as second:
            second.ready()
            subscriber.wait_for(lambda _: healths(subscriber, "second") > 2, 30)
            second.end(signal.SIGKILL)
        with BridgeProcess(**at(stage.broker, bridge_id="second")) as second:
            second.ready()
            count = healths(subscriber, "second")
            faults.kill_bridge(stage)
            (first_id,) = bridge_ids(subscriber) - {"second"}
            with BridgeProcess(**at(stage.broker, bridge_id=first_id)) as of_one_id:
                code, (line,) = of_one_id.end(secs=60)
            assert (code, line.split(" is taken")[0]) == (2, f"monty-mqtt-bridge: bridge_id: {first_id!r}")
            subscriber.wait_for(lambda _: healths(subscriber, "second") > count + 11, 60)
            stage.wait_until_seen(load, load.report["published"])
            assert stage.seen(load)["words"] == ["running"]
            load.kill()
            stage.wait_for_word(load, "disconnected", 60)
        assert stage.seen(load)["ahead"] == 0


def test_programs_of_one_name_one_after_another_and_at_once_are_runs_of_their_own(tmp_path, request):
    with Stage(tmp_path, request.node.name) as stage:
        programs = [stage.named("my-analysis", 2000) for _ in range(2)]
        for program in programs:
            program.wait_for(lambda report: report["is_met"])
            program.tell()
        faults.kill_bridge(stage)
        for program in programs:
            program.wait_for(lambda report: report["over"], 60)
        programs.append(stage.named("my-analysis", 2000))
        programs[-1].tell()
        assert len({program.report["run"] for program in programs}) == len(programs)
        for program in programs:
            wait_until_completed(stage, program)
            until(lambda program=program: seen_of(stage, program)["next"] + seen_of(stage, program)["ahead"] == 2003)
            assert seen_of(stage, program)["words"] == ["running", "completed"]
            assert seen_of(stage, program)["backwards"] == 0


def test_a_program_that_ended_well_while_the_bridge_was_frozen_is_completed_without_a_hand(tmp_path, request):
    with Stage(tmp_path, request.node.name) as stage:
        program = stage.named("early", COUNT, 0.1)
        program.wait_for(lambda report: report["is_met"])
        freeze(stage.bridge)
        program.tell()
        assert program.wait_for(lambda report: report["over"], 60)["waiting"] > 0
        assert program.wait() == 0
        (spool,) = stage.spools()
        thaw(stage.bridge)
        if stage.random.random() < 1 / 2:
            faults.kill_bridge(stage)
        stage.say(f"{spool.stat().st_size} bytes wait in {spool}")
        with SpoolUptake(spool.parent.parent, BridgeAddress(port=stage.bridge.port), stage.say):
            wait_until_completed(stage, program)
            until(lambda: seen_of(stage, program)["next"] + seen_of(stage, program)["ahead"] == COUNT + 3)
            until(lambda: not stage.spools())
        assert seen_of(stage, program)["words"][-1] == "completed"
