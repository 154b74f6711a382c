"""InfluxDB refuses points while many pass: it is told, mended, and all that is not stored yet is kept."""

from __future__ import annotations

import json
import random
import threading
import urllib.request

import pytest
from kit.history.history_chain import need
from kit.machine.child_process import Process, until

from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster
from monty_mqtt.errors import ServiceError
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.services.influxdb import query

ROUNDS = [
    pytest.param(2, marks=pytest.mark.timeout(300)),
    pytest.param(5, marks=[pytest.mark.long, pytest.mark.timeout(1200)]),
]
A_TIME = 1000
MOST_BETWEEN = 20_000
TOLD_SECS = 60


class Load:
    """Publishes points 0, 1, 2, … as fast as the bridge takes them, from a thread, through a running `up`."""

    def __init__(self, process: Process, state: StateDir) -> None:
        self.process, self.state, self.sent = process, state, 0
        self.services = state.read_far_side().services
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(120)
        assert not self._thread.is_alive()

    def send_more(self, count: int) -> None:
        mark = self.sent + count
        until(lambda: self.sent >= mark, 120)

    def told(self) -> int:
        return self.process.text.count("telegraf: InfluxDB refuses points: ")

    def query(self, influxql: str):
        token = (self.state.secrets / "influxdb_grafana_token").read_text()
        try:
            return query(self.services["influxdb"].url, token, influxql)
        except ServiceError:  # the bucket is gone for the moment
            return []

    def is_all_there_from(self, number: int) -> None:
        """Wait until every point from this one on is stored; each is there once, and Telegraf dropped none."""
        wanted = self.sent - number

        def count() -> int:
            found = self.query(f"SELECT count(value) FROM metric WHERE value >= {number}")
            return found[0].rows[0][1] if found else 0

        until(lambda: count() >= wanted, 60 + wanted / 2000)
        (found,) = self.query(f"SELECT value FROM metric WHERE value >= {number}")
        assert sorted(int(row[1]) for row in found.rows) == list(range(number, self.sent))
        of_telegraf = "SELECT max(metrics_dropped) FROM internal_write"
        until(lambda: self.query(of_telegraf), TOLD_SECS)
        assert [row[1] for one in self.query(of_telegraf) for row in one.rows] == [0]
        print(f"{wanted:,} of {self.sent:,} points had to be kept, and are")  # noqa: T201 - shown when it fails

    def _send(self) -> None:
        port = self.services["bridge"].port
        with ZmqBroadcaster(run_id="run", zmq_port=port, strict=True) as broadcaster:
            while not self._over.is_set():
                for _ in range(A_TIME):
                    broadcaster.publish_metric("number", float(self.sent))
                    self.sent += 1
                assert broadcaster.flush(60)


@pytest.fixture
def chance():
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201 - shown when it fails
    return random.Random(seed)


@pytest.fixture
def state(tmp_path):
    return StateDir(tmp_path / "state")


@pytest.fixture
def load(state):
    need("telegraf", "influxd")
    words = ("--state-dir", str(state.path), "--mqtt-port", "0", "--zmq-port", "0", "--without", "liveview")
    with Process("up", *words) as process:
        process.wait_for("Ctrl+C stops everything", 60)
        yield Load(process, state)


def delete_bucket(load: Load) -> None:
    headers = {"Authorization": f"Token {(load.state.secrets / 'influxdb_admin_token').read_text()}"}
    buckets = f"{load.services['influxdb'].url}/api/v2/buckets"
    with urllib.request.urlopen(urllib.request.Request(f"{buckets}?name=monty", headers=headers), timeout=10) as answer:
        bucket = json.load(answer)["buckets"][0]["id"]
    request = urllib.request.Request(f"{buckets}/{bucket}", headers=headers, method="DELETE")
    urllib.request.urlopen(request, timeout=30).close()


@pytest.mark.parametrize("rounds", ROUNDS)
def test_the_bucket_is_deleted_under_load(load, rounds: int, chance: random.Random):
    with load:
        for _ in range(rounds):
            load.send_more(chance.randrange(MOST_BETWEEN))
            told = load.told()
            delete_bucket(load)
            kept_from = load.sent  # what is older may have been in that bucket
            until(lambda told=told: load.told() > told, TOLD_SECS)
            until(lambda: load.query("SHOW MEASUREMENTS"), TOLD_SECS)
        assert "404" in load.process.text
        load.send_more(A_TIME)
    load.is_all_there_from(kept_from)


@pytest.mark.parametrize("rounds", ROUNDS)
def test_the_token_is_not_taken_under_load(load, rounds: int, chance: random.Random):
    file = load.state.secrets / "influxdb_telegraf_token"
    with load:
        for _ in range(rounds):
            load.send_more(chance.randrange(MOST_BETWEEN))
            told = load.told()
            file.write_text("wrong")
            until(lambda told=told: load.told() > told, TOLD_SECS)
            until(lambda: file.read_text() != "wrong", TOLD_SECS)
        assert "401" in load.process.text
        load.send_more(A_TIME)
    load.is_all_there_from(0)
