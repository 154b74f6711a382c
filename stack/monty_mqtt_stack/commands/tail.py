"""Implements `monty-mqtt tail`: prints what is being published, in readable lines.

Called by the command line; hands to `message_lines`.
"""

from __future__ import annotations

import argparse
from itertools import islice
from typing import Callable, Iterable, Iterator, Optional, Set

from monty_mqtt.terminal_text import one_line
from monty_mqtt.wire import schema, topics
from monty_mqtt_core.reading.mqtt_client import BrokerAddress, MqttMessage, Subscriber, retained
from monty_mqtt_core.reading.run_lookup import known_runs, pick_run
from monty_mqtt_core.reading.run_status import RunStatuses, decode
from monty_mqtt_stack.processes.stop_signals import StopSignals
from monty_mqtt_stack.services.find_services import broker_of
from monty_mqtt_stack.watch.message_lines import readable

__all__ = ["command", "tail"]

_TICK_SECS = 0.1


def command(options: argparse.Namespace) -> int:
    """Run `monty-mqtt tail`; return the exit code."""
    return tail(broker_of(options), _say, run=options.run, count=options.count)


def tail(
    broker: BrokerAddress, say: Callable[[str], None], *, run: Optional[str] = None, count: Optional[int] = None
) -> int:
    """Print every message as it arrives, until Ctrl+C or `count` lines; return the exit code.

    Args:
        broker: Address of the broker.
        say: Receives each line.
        run: A run's id or the beginning of it; None means all runs, and each line names its run.
        count: Number of lines after which to end; None means no limit. Retained messages count too. Those of ended runs
            are shown only if no run is live. An ended run named by `run` has only its retained messages.

    Raises:
        ServiceError: The broker does not answer, or there is no such run.
    """
    known = known_runs(broker)
    chosen = pick_run(run, known) if run else None
    over = set() if chosen else _over(known)
    level = topics.escape(chosen) if chosen else "+"
    filters = [f"{topics.JSON_PREFIX}/{level}/#"]
    with StopSignals() as stop, Subscriber(broker, filters) as subscriber:
        ended = bool(chosen) and not any(worker.is_live for worker in known.of_run(str(chosen)))
        # An ended run sends nothing beyond its retained messages.
        received = retained(broker, filters) if ended else _until_stopped(subscriber, stop)
        for message in islice(_messages(received, over), count):
            say(readable(message) if chosen else f"{one_line(message.run)} {readable(message)}")
        return stop.exit_code if stop.number else 0


def _until_stopped(subscriber: Subscriber, stop: StopSignals) -> Iterator[MqttMessage]:
    while not stop.number:
        arrived = subscriber.get(_TICK_SECS)
        if arrived is not None:
            yield arrived


def _messages(received: Iterable[MqttMessage], over: Set[str]) -> Iterator[schema.Message]:
    for arrived in received:
        message = decode(arrived.topic, arrived.payload)
        if message is not None and not (arrived.retain and message.run in over):
            yield message


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command's output


def _over(known: RunStatuses) -> Set[str]:
    """Return the ended runs if a run is live: their retained messages are then not shown."""
    live = {worker.run for worker in known.workers.values() if worker.is_live}
    return set(known.names()) - live if live else set()
