"""Records what runs publish on MQTT into a file, from now on.

Place in the flow: an ordinary MQTT subscriber -> `recording_intake` decides -> `recording_file` writes; `replay`
reads it back.
"""

import argparse
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from monty_mqtt import topics
from monty_mqtt.errors import MontyMqttError
from monty_mqtt_stack.recording_file import RecordingWriter
from monty_mqtt_stack.recording_intake import Counts, Intake, Thinning
from monty_mqtt_stack.subscriber import Arrived, Broker, Subscriber

__all__ = ["Recorded", "main", "record"]

_POLL_SECS = 0.2
_SETTLE_SECS = 1.0
"""How long it must have been quiet after the last end: another worker of the run may begin."""


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What a recording holds.

    Attributes:
        path: The file.
        runs: Ids of its runs.
        counts: What happened to the messages heard.
        has_ended: Whether all its runs ended; otherwise it was stopped before.
    """

    path: Path
    runs: list[str]
    counts: Counts
    has_ended: bool


def record(
    broker_host: str,
    broker_port: int,
    path: Path,
    *,
    run: str | None = None,
    until: threading.Event | None = None,
    ends_with_runs: bool = True,
    on_listening: Callable[[], object] | None = None,
    intake: Intake | None = None,
) -> Recorded:
    """Record until `until` is set or, unless told otherwise, every run in the recording has ended.

    Args:
        broker_host: Host of the MQTT broker; it is read anonymously.
        broker_port: Its port.
        path: The file to write; replaced if it exists.
        run: The one run to record, with what is retained of it; None records every run that publishes from now on.
        until: Set it to stop.
        ends_with_runs: Whether it stops when all runs in it have ended; False where more runs may follow.
        on_listening: Called when the broker has confirmed the subscription: from then on nothing is missed.
        intake: What to keep; by default everything of `run`.

    Raises:
        ConfigError: The file cannot be written.
        ServiceError: No broker answers there, or it refuses us.
    """
    intake = intake or Intake(run=run)
    level = "+" if run is None else topics.escape(run)
    filters = [f"{prefix}/{level}/#" for prefix in (topics.JSON_PREFIX, topics.RAW_PREFIX)]
    with RecordingWriter(path) as writer, Subscriber(Broker(broker_host, broker_port), filters) as subscriber:
        if on_listening:
            on_listening()
        for arrived in _until_over(subscriber, intake, until or threading.Event(), ends_with_runs=ends_with_runs):
            for entry in intake.take(arrived.topic, arrived.payload, is_retained=arrived.retain):
                writer.write(entry)
    return Recorded(path=path, runs=intake.runs, counts=intake.counts, has_ended=intake.has_ended)


def _until_over(
    subscriber: Subscriber, intake: Intake, until: threading.Event, *, ends_with_runs: bool
) -> Iterator[Arrived]:
    heard_at = time.monotonic()
    while not until.is_set():
        arrived = subscriber.get(_POLL_SECS)
        if arrived:
            heard_at = time.monotonic()
            yield arrived
        elif ends_with_runs and intake.has_ended and time.monotonic() - heard_at >= _SETTLE_SECS:
            return
    yield from subscriber.drain()


def main(argv: list[str] | None = None) -> int:
    """Record from the command line until the runs have ended, SIGINT or SIGTERM; return the exit code."""
    parser = argparse.ArgumentParser(prog="monty-mqtt record", description="Record what runs publish on MQTT.")
    parser.add_argument("run", nargs="?", help="the run to record; without it, every run that publishes from now on")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.mcap")
    parser.add_argument("--host", default="127.0.0.1", help="host of the MQTT broker")
    parser.add_argument("--port", type=int, default=1883, help="port of the MQTT broker")
    for name in Thinning.__struct_fields__:
        flag = "--" + name.replace("_", "-")
        parser.add_argument(flag, type=float, default=0.0, metavar="S", help="keep at most one in this time; 0: all")
    options = parser.parse_args(argv)
    until = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: until.set())
    thinning = Thinning(**{name: getattr(options, name) for name in Thinning.__struct_fields__})
    intake = Intake(run=options.run, thinning=thinning)
    recorded = record(
        options.host,
        options.port,
        options.output,
        run=options.run,
        until=until,
        on_listening=lambda: _say(f"recording to {options.output} until the runs have ended, or Ctrl+C"),
        intake=intake,
    )
    _say(f"{recorded.counts.written} messages of {', '.join(recorded.runs) or 'no run'}")
    return 0


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command's output


if __name__ == "__main__":
    try:
        sys.exit(main())
    except MontyMqttError as error:
        sys.exit(f"monty-mqtt record: {error}")
