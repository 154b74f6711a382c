"""This benchmark measures how fast the page takes in, shows and records messages, and reads them back.

usage: python -m benchmarks keeping

It uses a real Mosquitto; the page's service runs in this process, without browsers. Everything is published while the
page is away, and waits in its session: so the page is measured, and not the publisher.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, List

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.bridge import example_step, row
from monty_mqtt.wire import schema, topics
from monty_mqtt_core.reading.mqtt_client import BrokerAddress
from monty_mqtt_liveview.intake.service import Service
from monty_mqtt_liveview.intake.subscription import Subscription
from monty_mqtt_stack.services.mosquitto import Mosquitto

__all__ = ["rows"]

Row = Dict[str, Any]
MODULES = 5
LEAST_STEPS_PER_SEC, LEAST_LOGS_PER_SEC = 3000, 5000
BEGAN_UNIX_NANOS = 1_795_000_000_000_000_000
PATIENCE_SECS = 120.0
LONG = "a line as Monty logs it, with a number or two in it: 0.123456, 42"


def rows(*, quick: bool = False) -> List[Row]:
    """Return how many messages the page takes in a second, and reads back."""
    count = 2_000 if quick else 20_000
    with tempfile.TemporaryDirectory() as where, Mosquitto(Path(where) / "broker") as broker:
        steps, steps_back = measured(broker, Path(where) / "steps", a_step, count)
        logs, _ = measured(broker, Path(where) / "logs", a_log, count)
    return [
        row(
            f"steps of {MODULES} learning modules, shown and recorded", steps, "/s", f">= {LEAST_STEPS_PER_SEC}",
            met=steps >= LEAST_STEPS_PER_SEC,
        ),
        row("log lines, shown and recorded", logs, "/s", f">= {LEAST_LOGS_PER_SEC}", met=logs >= LEAST_LOGS_PER_SEC),
        row(f"steps of {MODULES} learning modules, restored", steps_back, "/s", "", met=None),
    ]  # fmt: skip


def a_step(run: str, number: int) -> schema.Message:
    """Return a step."""
    head = {"run": run, "worker": "main", "seq": number, "time_unix_nanos": BEGAN_UNIX_NANOS + number}
    return schema.Step(**head, **example_step(number, MODULES))


def a_log(run: str, number: int) -> schema.Message:
    """Return a log line."""
    at = BEGAN_UNIX_NANOS + number
    return schema.Log(run=run, worker="main", seq=number, time_unix_nanos=at, level="info", message=LONG)


def measured(
    broker: Mosquitto, state: Path, make: Callable[[str, int], schema.Message], count: int
) -> tuple[float, float]:
    """Return how many messages a second are taken in, and how many are read back."""
    run = state.name
    with keeping(broker, state):
        pass  # the broker keeps messages only for sessions that it knows
    publish(broker, [make(run, number) for number in range(count)])
    began = time.perf_counter()
    with keeping(broker, state) as service:
        wait_for(lambda: service.counts.recorded >= count)
        taken_secs = time.perf_counter() - began
    began = time.perf_counter()
    with keeping(broker, state) as service:
        wait_for(lambda: service.restoring is None)
        return count / taken_secs, count / (time.perf_counter() - began)


@contextmanager
def keeping(broker: Mosquitto, state: Path) -> Iterator[Service]:
    """Run the page's service without its web pages."""
    where = BrokerAddress(broker.host, broker.port, "liveview", broker.password_file("liveview"))
    subscription = Subscription(where, "benchmark")
    with subscription, Service(subscription, state / "recordings") as service:
        wait_for(lambda: subscription.is_connected)
        yield service


def publish(broker: Mosquitto, messages: List[schema.Message]) -> None:
    """Publish as the bridge does, and return when the broker has everything."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set("bridge", broker.password("bridge"))
    client.max_inflight_messages_set(1000)
    client.connect(broker.host, broker.port)
    client.loop_start()
    sent = [client.publish(topics.of_message(message).topic, schema.encode(message), 1) for message in messages]
    wait_for(lambda: all(publication.is_published() for publication in sent))
    client.disconnect()
    client.loop_stop()


def wait_for(condition: Callable[[], bool]) -> None:
    """Return when the condition is true."""
    deadline = time.monotonic() + PATIENCE_SECS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.02)
