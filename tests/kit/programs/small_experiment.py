"""Plays a small experiment for the tests of `monty-mqtt run`: it really publishes, through the broadcaster.

Called as `python -m monty_mqtt.run experiment=MODE` would be; MODE decides how it ends.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from pathlib import Path
from typing import List

from monty_mqtt import ZmqBroadcaster
from monty_mqtt.wire import schema

EPISODES = 3
STEPS = 5


def main() -> int:
    mode = next(re.split("[=/]", word)[-1] for word in sys.argv if word.startswith("experiment="))
    marks = Path(os.environ["MARKS"])
    (marks / "words").write_text(" ".join(sys.argv[1:]))
    interrupted = threading.Event()
    came: List[int] = []

    def interrupt(number: int, _frame: object) -> None:
        came.append(number)
        interrupted.set()

    if mode == "stubborn":
        signal.signal(signal.SIGINT, lambda *_: (marks / "interrupted").touch())
    else:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, interrupt)
    if mode == "fails":
        sys.exit("Traceback: this is what went wrong")
    environment = {name: os.environ.get(f"MONTY_MQTT_{name}", "") for name in ("RUN_ENDING", "ZMQ_HOST", "ZMQ_PORT")}
    run_names = [word.rpartition("=")[2] for word in sys.argv if "logging.run_name=" in word]
    broadcaster = ZmqBroadcaster(
        run_id="-".join([*(run_names or [mode]), environment["RUN_ENDING"]]),
        zmq_host=environment["ZMQ_HOST"],
        zmq_port=int(environment["ZMQ_PORT"]),
        strict=True,
    )
    broadcaster.publish(schema.Info, schema_version=schema.SCHEMA_VERSION, experiment=mode)
    broadcaster.publish(schema.Status, status="running")
    for episode in range(EPISODES):
        for step in range(STEPS):
            broadcaster.publish(schema.Step, mode="eval", epoch=0, episode=episode, step=step, total_step=step)
        outcome, correct = ("time_out", 0) if episode == 1 else ("correct", 1)
        ended = {"mode": "eval", "epoch": 0, "episode": episode, "steps": STEPS, "outcome": outcome}
        broadcaster.publish(schema.EpisodeEnded, **ended, correct=correct)
    (marks / "started").touch()
    while mode in ("waits", "stubborn") and not interrupted.wait(0.02):
        for command in broadcaster.take_commands():
            broadcaster.publish(schema.CommandResult, id=command.id, status="obeyed", detail="at once")
            broadcaster.publish(schema.Status, status="aborted", reason=command.reason)
            broadcaster.close("aborted")
            return 3
        broadcaster.pump()
    word = "aborted" if interrupted.is_set() else "completed"
    broadcaster.publish(schema.Status, status=word, reason=signal.Signals(came[0]).name if came else None)
    broadcaster.close(word)
    if interrupted.is_set():
        (marks / "saved").touch()
        return 128 + came[0]
    return 0


if __name__ == "__main__":
    sys.exit(main())
