"""This benchmark measures how fast one and two Telegrafs empty the broker into InfluxDB, and what points need on disk.

Part of `python -m benchmarks history`.

Nobody publishes meanwhile: the points wait in the sessions of Telegrafs that are stopped, in batches of 100 as the
bridge makes them, and time runs from the start of the Telegrafs to the last point that a query finds. The points are
those of steps of five learning modules whose numbers are random, so that they compress as badly as measured values do.
"""

from __future__ import annotations

import contextlib
import dataclasses
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Dict, List

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.bridge import example_step, row
from monty_mqtt.wire import schema
from monty_mqtt_bridge.publish.line_batches import LineBatches
from monty_mqtt_core.influx.line_protocol import Misfits
from monty_mqtt_core.influx.points import lines_of
from monty_mqtt_core.payloads.to_mqtt import Outgoing
from monty_mqtt_core.settings import passwords, ports
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.processes.launch import Launch, RunningService
from monty_mqtt_stack.services.influxdb import InfluxDB, influxdb_launch, query
from monty_mqtt_stack.services.mosquitto import mosquitto_launch
from monty_mqtt_stack.services.telegraf import telegraf_launch

__all__ = ["rows"]

Row = Dict[str, Any]
HOST = "127.0.0.1"
MODULES = 5
POINTS_A_STEP = 1 + 2 * MODULES
WORKERS = 16
PATIENCE_SECS = 300.0
CALM_SECS = 10
COMPACTS = ("--storage-cache-snapshot-write-cold-duration", "2s", "--storage-compact-full-write-cold-duration", "4s")


class Parts:
    """Parts is a broker and an InfluxDB that run, and two Telegrafs that can be started between them."""

    def __init__(self, state: StateDir) -> None:
        self.state = state
        self.engine = state.path / "influxdb" / "engine"
        self._services: List[RunningService] = []
        self._broker = self._run(mosquitto_launch(state, HOST, ports.any_free(HOST)))
        launch = influxdb_launch(state, HOST, ports.any_free(HOST))
        self._influxdb = self._run(dataclasses.replace(launch, argv=(*launch.argv, *COMPACTS)))
        influxdb = InfluxDB(self._influxdb.endpoint.url)
        first = telegraf_launch(state, HOST, ports.any_free(HOST), self._broker.endpoint, influxdb)
        second = telegraf_launch(state, HOST, ports.any_free(HOST), self._broker.endpoint, influxdb)
        own = {"MONTY_MQTT_TELEGRAF_CLIENT_ID": "second", "MONTY_MQTT_TELEGRAF_TOPIC": "monty/influx/v1/1/+"}
        environment = {**second.environment(), **own, "MONTY_MQTT_TELEGRAF_NAME": "second"}
        self._telegrafs = (first, dataclasses.replace(second, environment=lambda: environment))
        with self.telegrafs(2):  # from now on their sessions keep what waits for them
            pass

    def stop(self) -> None:
        """Stop everything."""
        for service in reversed(self._services):
            service.stop()

    @contextlib.contextmanager
    def telegrafs(self, count: int) -> Iterator[None]:
        """Run so many Telegrafs."""
        running = [RunningService(launch) for launch in self._telegrafs[:count]]
        try:
            for service in running:
                service.wait_until_ready()
            yield
        finally:
            for service in running:
                service.stop()

    def publish(self, outgoing: List[Outgoing]) -> None:
        """Publish ready-made batches."""
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bare")
        client.username_pw_set("bridge", passwords.read(self.state, "bridge"))
        client.max_inflight_messages_set(100)
        client.connect(HOST, self._broker.endpoint.port)
        client.loop_start()
        for message in outgoing:
            last = client.publish(message.topic, message.payload, message.qos)
        last.wait_for_publish(PATIENCE_SECS)
        client.disconnect()
        client.loop_stop()

    def wait_for(self, run: str, steps: int) -> None:
        """Return when all steps of a run are stored."""
        token, deadline = (self.state.secrets / "influxdb_grafana_token").read_text(), time.monotonic() + PATIENCE_SECS
        for field in ("margin) FROM step", "object_9) FROM evidence"):
            influxql, found = f"SELECT count({field} WHERE run = '{run}'", 0
            while found < steps * MODULES and time.monotonic() < deadline:
                time.sleep(0.1)
                series = query(self._influxdb.endpoint.url, token, influxql)
                found = series[0].rows[0][1] if series else 0

    def disk_bytes(self) -> int:
        """Return the size of what InfluxDB has written, once its log is empty and nothing is compacted any more."""
        deadline, sizes = time.monotonic() + PATIENCE_SECS, [0]
        while time.monotonic() < deadline and (len(sizes) < CALM_SECS or len(set(sizes[-CALM_SECS:])) > 1):
            time.sleep(1)
            sizes.append(sum(file.stat().st_size for file in self.engine.rglob("*.tsm")))
        return sizes[-1]

    def _run(self, launch: Launch) -> RunningService:
        service = RunningService(launch)
        self._services.append(service)
        service.wait_until_ready()
        return service


def rows(*, quick: bool = False) -> List[Row]:
    """Return points a second with one and with two Telegrafs, and bytes a point."""
    steps, rounds = (2_000, 1) if quick else (20_000, 2)
    best = {1: 0.0, 2: 0.0}
    with tempfile.TemporaryDirectory() as where:
        parts = Parts(StateDir(Path(where)))
        try:
            for number in range(rounds):
                for count, so_far in best.items():
                    best[count] = max(so_far, rate(parts, f"run{number}of{count}", steps, count))
            stored = 2 * rounds * steps * POINTS_A_STEP
            size = parts.disk_bytes()
        finally:
            parts.stop()
    return [
        row("stored by one Telegraf that has to catch up", best[1], "points/s", "", met=None),
        row("by two, half of the workers each", best[2], "points/s", "", met=None),
        row("disk of a million points of random steps", size / stored * 1e6 / 2**20, "MiB", "", met=None),
        row("disk of a million such steps", size / stored * POINTS_A_STEP * 1e6 / 2**30, "GiB", "", met=None),
    ]


def rate(parts: Parts, run: str, steps: int, telegrafs: int) -> float:
    """Return how many points a second are stored."""
    parts.publish(batches(run, steps, telegrafs))
    began = time.monotonic()
    with parts.telegrafs(telegrafs):
        parts.wait_for(run, steps)
        return steps * POINTS_A_STEP / (time.monotonic() - began)


def batches(run: str, steps: int, partitions: int) -> List[Outgoing]:
    """Return what the bridge publishes of the points of the workers, a step of each in turn."""
    gathered, stamp, chance = LineBatches(partitions), time.time_ns() - steps * 10**7, random.Random(run)
    outgoing: List[Outgoing] = []
    for number in range(steps):
        worker = f"parallel_eval_episode_{number % WORKERS}"
        fields = example_step(number, MODULES)
        for name, module in fields["learning_modules"].items():
            evidence = {known: value + chance.gauss(0, 1) for known, value in module.evidence.items()}
            fields["learning_modules"][name] = msgspec.structs.replace(
                module, evidence=evidence, margin=chance.random(), rotation_error_degs=chance.random()
            )
        fields["step_secs"] = chance.random()
        step = schema.Step(run=run, worker=worker, seq=number, time_unix_nanos=stamp + number * 10**7, **fields)
        lines = lines_of(step, None, Misfits())
        outgoing += [batch.outgoing for batch in gathered.add(run, worker, lines, None, 0.0)]
    return outgoing + [batch.outgoing for batch in gathered.flush()]
