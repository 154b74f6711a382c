"""Sends a command to a run, and prints what its workers answer.

Called by `monty-mqtt abort`, `pause`, `resume`, `step` and `stop`; `command_request` publishes the command as MQTT
user `control`.
"""

from __future__ import annotations

import argparse

from monty_mqtt.terminal_text import one_line
from monty_mqtt_core.reading.command_request import ask
from monty_mqtt_core.reading.run_lookup import known_runs, live_workers, pick_run
from monty_mqtt_stack.services.find_services import broker_of

__all__ = ["command"]


def command(options: argparse.Namespace) -> int:
    """Run `monty-mqtt abort`, `pause`, `resume`, `step` or `stop`; return the exit code."""
    broker = broker_of(options, user="control")
    runs = known_runs(broker)
    run = pick_run(options.run, runs)  # a user may give the beginning of an id
    words = {worker.worker: worker.word for worker in runs.of_run(run)}
    answers = ask(
        broker,
        run,
        live_workers(run, words, options.worker),
        options.word,
        steps=options.steps,
        worker=options.worker,
        reason=options.reason,
        timeout_secs=options.timeout_secs,
    )
    for answer in answers:
        text = f"{answer.worker}: {answer.status}{f', {answer.detail}' if answer.detail else ''}"
        print(one_line(text))  # noqa: T201 - a command's output
    obeyed = [answer.status == "obeyed" for answer in answers]
    # Of several workers, those that are not paused refuse to resume: that is no failure.
    return 0 if all(obeyed) or (options.word == "resume" and any(obeyed)) else 1
