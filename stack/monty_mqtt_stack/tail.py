"""`monty-mqtt tail`: what is being published, readable.

Place in the flow: the command line calls it; `readable` makes the lines.
"""

from __future__ import annotations

import argparse
from typing import Callable, Optional, Set

from monty_mqtt import topics
from monty_mqtt.terminal import one_line
from monty_mqtt_stack.far_side import broker_of
from monty_mqtt_stack.readable import readable
from monty_mqtt_stack.stopping import StopSignals
from monty_mqtt_stack.subscriber import Broker, Subscriber
from monty_mqtt_stack.watch import Runs, decode, pick_run

__all__ = ["command", "tail"]

_TICK_SECS = 0.1


def command(options: argparse.Namespace) -> int:
    """Run `monty-mqtt tail`; return the exit code."""
    return tail(broker_of(options), _say, run=options.run, count=options.count)


def tail(broker: Broker, say: Callable[[str], None], *, run: Optional[str] = None, count: Optional[int] = None) -> int:
    """Say every message as it comes, until Ctrl+C or `count` lines; return the exit code.

    Args:
        broker: Where to look.
        say: Takes a line.
        run: A run's id or the beginning of it; default all, each line with its run.
        count: Lines after which to end; default none. What the broker had kept counts; of ended runs, that is only
            shown where no run is live.

    Raises:
        ServiceError: The broker does not answer, or there is no such run.
    """
    known = _known(broker)
    chosen = pick_run(run, known) if run else None
    over = set() if chosen else _over(known)
    level = topics.escape(chosen) if chosen else "+"
    said = 0
    with StopSignals() as stop, Subscriber(broker, [f"{topics.JSON_PREFIX}/{level}/#"]) as subscriber:
        while not stop.number:
            one = subscriber.get(_TICK_SECS)
            message = decode(one.topic, one.payload) if one else None
            if one is None or message is None or (one.retain and message.run in over):
                continue
            say(readable(message) if chosen else f"{one_line(message.run)} {readable(message)}")
            said += 1
            if said == count:
                return 0
        return stop.exit_code


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command's output


def _known(broker: Broker) -> Runs:
    with Subscriber(broker, [f"{topics.JSON_PREFIX}/+/+/status"]) as subscriber:
        runs = Runs()
        for one in subscriber.retained():
            if (message := decode(one.topic, one.payload)) is not None:
                runs.apply(message)
    return runs


def _over(known: Runs) -> Set[str]:
    """Return the ended runs if one is live: what is kept of them is no news."""
    live = {one.run for one in known.workers.values() if one.is_live}
    return set(known.names()) - live if live else set()
