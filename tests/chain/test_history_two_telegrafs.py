"""Two Telegrafs share the points by worker; each is killed in the middle, the other goes on, and nothing is missing."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from kit.history.history_chain import HOST, STORED_SECS, Chain, need
from kit.machine.child_process import until

from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster
from monty_mqtt.wire import topics
from monty_mqtt_bridge.publish.line_batches import LineBatches
from monty_mqtt_core.settings import ports
from monty_mqtt_stack.processes import programs

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"
BLOCK = re.compile(r"<!-- tests/chain/test_history_two_telegrafs.py runs this block -->\n```text\n(.*?)```", re.DOTALL)
WORKERS = [f"parallel_eval_episode_{number}" for number in range(8)]
STAGE = 5_000
"""Points of each worker between one event and the next."""


class SecondTelegraf:
    """The second Telegraf, started by the very lines of docs/scaling.md, with this chain's addresses in them."""

    def __init__(self, chain: Chain, home: Path) -> None:
        secrets = home / "telegraf-secrets"
        secrets.mkdir(mode=0o700)
        for name in ("mqtt_telegraf_password", "influxdb_telegraf_token"):
            shutil.copy(chain.state.secrets / name, secrets)
        self.health = ports.any_free(HOST)
        (lines,) = BLOCK.findall(PAGE.read_text())
        for example, real in {
            "tcp://broker.example.org:1883": f"tcp://{HOST}:{chain.mqtt.port}",
            "http://influxdb.example.org:8086": chain.influxdb.url,
            "127.0.0.1:8080": f"{HOST}:{self.health}",
        }.items():
            assert example in lines
            lines = lines.replace(example, real)
        telegraf = programs.find("telegraf").path
        places = (Path(telegraf).parent, Path(sys.executable).parent, os.environ["PATH"])
        self._environment = {"HOME": str(home), "PATH": ":".join(map(str, places))}
        self._lines, self._log = lines, home / "telegraf.log"
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            command = ["bash", "-euo", "pipefail", "-c", self._lines]
            self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
        until(lambda: ports.listens(self._process.pid, self.health), 30)
        connected = b"Connected [tcp"
        until(lambda: self._log.read_bytes().rpartition(b"Starting Telegraf")[2].count(connected) == 2, 30)

    def kill(self, number: int = signal.SIGKILL) -> None:
        self._process.send_signal(number)
        self._process.wait(20)


@pytest.fixture
def chain(tmp_path, monkeypatch):
    need("telegraf", "influxd")
    monkeypatch.setenv("MONTY_MQTT_BRIDGE_INFLUX_PARTITIONS", "2")
    with Chain(tmp_path / "chain", "influxdb", "broker", "telegraf") as running:
        yield running


@pytest.fixture
def second(chain, tmp_path):
    telegraf = SecondTelegraf(chain, tmp_path)
    chain.start("bridge")
    try:
        yield telegraf
    finally:
        telegraf.kill(signal.SIGTERM)


class Load:
    """Publishes `value` = 0, 1, 2, … of each worker."""

    def __init__(self, chain: Chain) -> None:
        self._chain, self.sent = chain, 0
        self._broadcasters = [
            ZmqBroadcaster(run_id="load", worker=worker, zmq_port=chain.zmq_port, strict=True) for worker in WORKERS
        ]

    def stage(self) -> threading.Thread:
        """Publish `STAGE` more points of each worker from a thread."""
        thread = threading.Thread(target=self._send)
        thread.start()
        return thread

    def flush(self) -> None:
        for broadcaster in self._broadcasters:
            assert broadcaster.flush(60)

    def close(self) -> None:
        for broadcaster in self._broadcasters:
            broadcaster.close()

    def stored(self) -> dict[str, int]:
        """Return how many points of each worker InfluxDB has."""
        found = self._chain.query('SELECT count(value) FROM metric GROUP BY "worker"')
        return {series.tags["worker"]: series.rows[0][1] for series in found}

    def _send(self) -> None:
        for number in range(self.sent, self.sent + STAGE):
            for broadcaster in self._broadcasters:
                broadcaster.publish_metric("load", float(number))
        self.sent += STAGE


def partition_of(worker: str) -> int:
    batches = LineBatches(2)
    batches.add("load", worker, ["m v=1 1"], None, 0.0)
    return int(batches.flush()[0].outgoing.topic == topics.influx_topic("load", 1))


@pytest.mark.timeout(300)
def test_either_is_killed_the_other_goes_on_and_every_point_is_there_once(chain: Chain, second: SecondTelegraf):
    load = Load(chain)
    assert {partition_of(worker) for worker in WORKERS} == {0, 1}
    deaths = {0: (lambda: chain.kill("telegraf"), lambda: chain.start("telegraf")), 1: (second.kill, second.start)}
    for partition, (kill, start) in deaths.items():
        before = load.sent
        sending = load.stage()
        until(lambda before=before: min(load.stored().get(worker, 0) for worker in WORKERS) > before + 50)
        kill()
        sending.join(60)
        load.flush()
        others = [worker for worker in WORKERS if partition_of(worker) != partition]
        until(lambda others=others: {load.stored()[worker] for worker in others} == {load.sent}, STORED_SECS)
        waiting = [worker for worker, count in load.stored().items() if count < load.sent]
        assert waiting == [worker for worker in WORKERS if partition_of(worker) == partition]
        start()
        until(lambda: set(load.stored().values()) == {load.sent}, STORED_SECS)
    load.close()
    for worker in WORKERS:  # all that was sent
        (series,) = chain.query(f"SELECT value FROM metric WHERE worker = '{worker}'")
        assert [row[1] for row in series.rows] == list(range(load.sent))
    assert chain.telegraf_counts() == {"dropped": 0, "rejected": 0}
    written = chain.query("SELECT max(metrics_written) FROM internal_write WHERE alias = 'monty' GROUP BY telegraf")
    assert {series.tags["telegraf"] for series in written} == {"", "second"}
