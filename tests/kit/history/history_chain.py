"""Runs Mosquitto, bridge, Telegraf and influxd as `monty-mqtt up` starts them, so that tests can kill each.

PYTEST_DONT_REWRITE: it is imported by name and loaded as a plugin.
"""

from __future__ import annotations

import json
import signal
import struct
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from kit.history.line_parser import Point
from kit.machine.child_process import until
from kit.machine.missing import is_missing

from monty_mqtt_core.influx.points import FIELDS
from monty_mqtt_core.settings import ports
from monty_mqtt_core.settings.state_dir import Endpoint, StateDir
from monty_mqtt_stack.processes import programs
from monty_mqtt_stack.processes.launch import Launch, RunningService
from monty_mqtt_stack.services.influxdb import METRICS, InfluxDB, Series, influxdb_launch, query
from monty_mqtt_stack.services.influxdb_setup import GRAFANA_TOKEN
from monty_mqtt_stack.services.mosquitto import mosquitto_launch
from monty_mqtt_stack.services.table import TABLE, Plan
from monty_mqtt_stack.services.telegraf import telegraf_launch

HOST = "127.0.0.1"
STORED_SECS = 60
NO_PAGE = Endpoint(host=HOST, port=8000, url="http://127.0.0.1:8000")
"""Address of the page in the bridge's settings; no test requests it."""


def need(*names: str) -> None:
    """Skip the test if a program is missing; under CI fail."""
    missing = {name: found.why for name in names if (found := programs.find(name)).path is None}
    if missing:
        is_missing(f"not run: {'; '.join(f'{name}: {why}' for name, why in missing.items())}")


class Chain:
    """Runs the parts `influxdb`, `broker`, `telegraf` and `bridge`, or only those that are named."""

    def __init__(self, where: Path, *parts: str) -> None:
        self.state = StateDir(where)
        self._parts = parts or ("influxdb", "broker", "telegraf", "bridge")
        self._launches: dict[str, Launch] = {}
        self.running: dict[str, RunningService] = {}

    def __enter__(self) -> Self:
        try:
            for name in self._parts:
                self.start(name)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for one in reversed(self.running.values()):
            one.child.send_signal(signal.SIGCONT)
            one.stop()

    @property
    def influxdb(self) -> InfluxDB:
        return InfluxDB(self._launches["influxdb"].url)

    @property
    def zmq_port(self) -> int:
        return self._launches["bridge"].port

    @property
    def mqtt(self) -> Endpoint:
        return Endpoint(host=HOST, port=self._launches["broker"].port)

    def start(self, name: str, *, is_awaited: bool = True) -> None:
        """Start a part, or restart it on the same port."""
        if name in self.running:
            self.running[name].spawn()
        else:
            self._launches[name] = self._launch(name)
            self.running[name] = RunningService(self._launches[name])
        if is_awaited:
            self.running[name].wait_until_ready()

    def kill(self, *names: str) -> None:
        """End parts as `kill -9` does, all at the same moment."""
        for name in names:
            self.running[name].child.send_signal(signal.SIGKILL)
        for name in names:
            self.running[name].child.kill()

    def log(self, name: str) -> str:
        return self._launches[name].log_file.read_text()

    def token(self, name: str = GRAFANA_TOKEN) -> str:
        return (self.state.secrets / name).read_text()

    def query(self, influxql: str, bucket: str = METRICS) -> list[Series]:
        return query(self.influxdb.url, self.token(), influxql, bucket)

    def count(self, measurement: str, field: str, bucket: str = METRICS) -> int:
        """Return how many values of a field are stored, over all series."""
        found = self.query(f'SELECT count("{field}") FROM "{measurement}"', bucket)
        return found[0].rows[0][1] if found else 0

    def wait_for_count(self, wanted: int, measurement: str, field: str, secs: float = STORED_SECS) -> None:
        """Wait until this many values are stored."""
        last = -1

        def is_there() -> bool:
            nonlocal last
            last = self.count(measurement, field)
            return last >= wanted

        try:
            until(is_there, secs)
        except AssertionError:
            raise AssertionError(f"{last:,} of {wanted:,} stored; telegraf: {self.log('telegraf')[-2000:]}") from None
        assert last == wanted

    def points(self, measurement: str, bucket: str = METRICS) -> list[Point]:
        """Return all points of a measurement, as they were written."""
        found = self.query(f'SELECT * FROM "{measurement}" GROUP BY *', bucket)
        return [point for series in found for point in _points(series)]

    def telegraf_counts(self) -> dict[str, int]:
        """Return how many points Telegraf has dropped and InfluxDB has rejected, as Telegraf reported them."""
        sums = "max(metrics_dropped) AS dropped, max(metrics_rejected) AS rejected"
        found = self.query(f'SELECT {sums} FROM internal_write GROUP BY "alias"')
        return {name: sum(one.rows[0][i] or 0 for one in found) for i, name in ((1, "dropped"), (2, "rejected"))}

    def _launch(self, name: str) -> Launch:
        if name == "broker":
            return mosquitto_launch(self.state, HOST, ports.any_free(HOST))
        if name == "influxdb":
            return influxdb_launch(self.state, HOST, ports.any_free(HOST))
        if name == "telegraf":
            return telegraf_launch(self.state, HOST, ports.any_free(HOST), self.mqtt, self.influxdb)
        started = {"broker": self.mqtt, "liveview": NO_PAGE}
        launch = TABLE["bridge"](Plan(state=self.state, zmq_port=0, started=started))
        assert isinstance(launch, Launch), launch
        return launch


def write(url: str, token: str, bucket: str, lines: str, org: str = "monty") -> int:
    """Write line protocol; return the HTTP status."""
    return status(f"{url}/api/v2/write?org={org}&bucket={bucket}", token, lines.encode())


def status(url: str, token: str, body: bytes | None = None) -> int:
    """Return the HTTP status of a request."""
    request = urllib.request.Request(url, body, {"Authorization": f"Token {token}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def api(chain: Chain, method: str, path: str, body: Any = None) -> Any:
    """Call InfluxDB's API as its administrator."""
    token = (chain.state.secrets / "influxdb_admin_token").read_text()
    headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
    sent = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{chain.influxdb.url}/api/v2/{path}", sent, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read() or b"null")


def bits(value: Any) -> Any:
    """Return a float as its 64 bits, since -0.0 equals 0.0; return any other value unchanged."""
    return struct.pack(">d", value) if isinstance(value, float) else value


def _points(series: Series) -> Iterator[Point]:
    types, tags = FIELDS.get(series.name, {}), {name: value for name, value in series.tags.items() if value}
    for time, *values in series.rows:
        fields = {
            name: float(value) if types.get(name, float) is float else value  # JSON does not tell 1.0 from 1
            for name, value in zip(series.columns[1:], values)
            if value is not None
        }
        yield Point(series.name, tags, fields, time)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Provide a running chain with all parts."""
    need("telegraf", "influxd")
    with Chain(tmp_path_factory.mktemp("chain")) as running:
        yield running


@pytest.fixture(scope="module")
def influxdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Provide an InfluxDB alone, not set up yet."""
    need("influxd")
    with Chain(tmp_path_factory.mktemp("influxdb"), "influxdb") as running:
        yield running
