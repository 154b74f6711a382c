"""Commands outlive the bridge that heard them, and are obeyed at most once all the same."""

from __future__ import annotations

import time

from chaos import faults
from chaos.stage import Stage
from kit.mqtt_publisher import Client

from monty_mqtt.wire import schema, topics

RUN, RESTARTS = "chaos", 2


def command(stage, worker, *, retain, **fields) -> None:
    payload = schema.encode(schema.Command(issued_unix_nanos=time.time_ns(), **fields))
    with Client(stage.broker.port, "control", stage.broker.password("control")) as client:
        client.publish(topics.build(RUN, worker, "command"), payload, retain=retain)


def test_a_retained_abort_and_two_restarts_of_the_bridge(tmp_path, request):
    with Stage(tmp_path, request.node.name) as stage:
        load = stage.load("main", RUN)
        command(stage, "all", retain=True, id="abort-1", command="abort")
        load.wait_for(lambda report: report["obeyed"])
        for number in range(RESTARTS):
            faults.kill_bridge(stage)
            command(stage, "main", retain=False, id="abort-1", command="abort")
            load.tell("publish", 100)
            load.wait_for(lambda report, number=number: report["done"] == number + 1 and not report["unacknowledged"])
            later = stage.load(f"later-{number}", RUN)
            later.wait_for(lambda report: report["obeyed"] == ["abort-1"])
            command(stage, "main", retain=False, id=f"pause-{number}", command="pause")
            load.wait_for(lambda report, number=number: f"pause-{number}" in report["obeyed"])
        assert load.report["obeyed"] == ["abort-1", "pause-0", "pause-1"]
