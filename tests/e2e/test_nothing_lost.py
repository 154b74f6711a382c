"""Any part is killed, frozen or emptied at any moment, and everything that was published arrives at a subscriber."""

from __future__ import annotations

from chaos import faults
from chaos.stage import Stage
from stack_process import until

from monty_mqtt import topics


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
