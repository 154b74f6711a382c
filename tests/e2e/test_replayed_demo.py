"""`MONTY=0 make run`: the recorded demo, as if live."""

import os
import subprocess
import time
from pathlib import Path

import pytest
from kit.mqtt_subscriber import Subscriber

from monty_mqtt.wire import schema
from monty_mqtt_core.settings.state_dir import StateDir

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.timeout(400)
def test_it_is_on_screen_at_once_and_complete(tmp_path):
    state = StateDir(tmp_path / "state")
    environment = {**os.environ, "MONTY_MQTT_STATE_DIR": str(state.path), "MONTY": "0"}
    started = time.monotonic()
    with subprocess.Popen(
        ["make", "run"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "mosquitto_sub" in line:
                break
        broker = state.read_far_side().services["broker"]
        with Subscriber(broker.host, broker.port) as subscriber:
            subscriber.wait_for(lambda received: any("/step" in one.topic for one in received), timeout_secs=60)
            first_step_secs = time.monotonic() - started
            rest = process.stdout.read()
            assert process.wait(300) == 0, "".join(lines) + rest
    assert first_step_secs < 60
    ended = subscriber.messages(schema.EpisodeEnded)
    assert {one.mode for one in ended} == {"train", "eval"}
    assert {one.status for one in subscriber.messages(schema.Status)} >= {"running", "completed"}
    assert "episodes" in rest
