"""`make run` without Monty: the recorded demo, beside runs of others on the same broker."""

from __future__ import annotations

import re
import signal
import sys

from kit.bridge import make
from kit.machine.child_process import Process
from kit.mqtt_subscriber import Subscriber

from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt_core.recordings.mcap_file import Entry, RecordingWriter
from monty_mqtt_stack.replay.play import replay


def test_the_summary_is_of_the_demo_alone(far_side, live_run):
    demo = Process(argv=(sys.executable, "-m", "monty_mqtt_stack.demo"), env={**far_side.environment, "MONTY": "0"})
    with demo, Subscriber(far_side.broker.host, far_side.broker.port, "monty/v1/+/main/step") as subscriber:
        subscriber.wait_for(lambda received: {message.topic.split("/")[2] for message in received} - {live_run.run}, 60)
        demo.signal(signal.SIGINT)
        assert demo.wait(60) == 130
    lines = demo.text[demo.text.index("\nruns ") :].splitlines()
    runs = [line for line in lines if re.search(r" \(\w+", line) and not line.startswith(("eval", "train", "episodes"))]
    assert len(runs) == 1
    assert runs[0].startswith("runs       monty_mqtt_demo_learn-")
    assert live_run.run not in demo.text


def test_runs_that_end_alike_have_names_of_their_own(far_side, tmp_path):
    names = [f"same-20261124T09300{second}Z-abcd" for second in range(2)]
    with RecordingWriter(tmp_path / "two.mcap") as writer:
        for name in names:
            message = make(schema.Metric, 0, run=name)
            writer.write(Entry(topics.of_message(message).topic, schema.encode(message), message.time_unix_nanos, 0))
    host, port = far_side.bridge.host, far_side.bridge.port
    replayed = replay(tmp_path / "two.mcap", bridge=BridgeAddress(host, port), speed=0, ending=tmp_path.name)
    assert replayed.runs == {names[0]: f"same-{tmp_path.name}", names[1]: f"{names[1]}-{tmp_path.name}"}
