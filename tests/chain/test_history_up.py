"""`monty-mqtt up` with history: started in order, what InfluxDB refuses reported and mended, each part absent named."""

from __future__ import annotations

import json
import signal
import time
import urllib.error
import urllib.request
from contextlib import suppress

import psutil
import pytest
from kit.bridge import Dealer
from kit.history.history_chain import Chain, need
from kit.machine.child_process import Process, processes_of, run, until
from kit.machine.small_disk import small_disk

from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster
from monty_mqtt.errors import ServiceError
from monty_mqtt.wire import schema
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.services.influxdb import InfluxDB, query
from monty_mqtt_stack.services.influxdb_setup import provision

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def state(tmp_path):
    return StateDir(tmp_path / "a state dir")


@pytest.fixture
def up(state):
    need("telegraf", "influxd")
    with Process("up", "--state-dir", str(state.path), "--mqtt-port", "0", "--zmq-port", "0") as process:
        process.wait_for("Ctrl+C stops everything", 60)
        yield process


def services(state):
    return state.read_far_side().services


def stored(state):
    token = (state.secrets / "influxdb_grafana_token").read_text()
    try:
        found = query(services(state)["influxdb"].url, token, "SELECT value FROM metric")
    except ServiceError:  # the bucket is gone for the moment
        return set()
    return {row[1] for series in found for row in series.rows}


def publish(broadcaster, numbers):
    for number in numbers:
        broadcaster.publish_metric("number", float(number))


def delete_bucket(state):
    url = services(state)["influxdb"].url
    headers = {"Authorization": f"Token {(state.secrets / 'influxdb_admin_token').read_text()}"}
    listed = urllib.request.Request(f"{url}/api/v2/buckets?name=monty", headers=headers)
    with urllib.request.urlopen(listed, timeout=10) as answer:
        bucket = json.load(answer)["buckets"][0]["id"]
    urllib.request.urlopen(
        urllib.request.Request(f"{url}/api/v2/buckets/{bucket}", headers=headers, method="DELETE"), timeout=10
    ).close()


def test_it_keeps_points_mends_what_is_refused_and_stops_in_order(up, state):
    assert list(services(state)) == ["broker", "liveview", "bridge", "influxdb", "telegraf"]
    up.wait_for("left out: grafana: not installed")
    with ZmqBroadcaster(run_id="run", zmq_port=services(state)["bridge"].port, strict=True) as broadcaster:
        publish(broadcaster, range(100))
        until(lambda: stored(state) == set(range(100)))
        (state.secrets / "influxdb_telegraf_token").write_text("wrong")
        publish(broadcaster, range(100, 200))
        up.wait_for("telegraf: InfluxDB refuses points: ", 60)
        assert "401" in up.text
        until(lambda: stored(state) == set(range(200)), 60)
        delete_bucket(state)
        publish(broadcaster, range(200, 300))
        until(lambda: "404" in up.text, 60)
        publish(broadcaster, range(300, 400))
        until(lambda: stored(state) >= set(range(200, 400)), 60)
    psutil.Process(services(state)["influxdb"].pid).kill()
    up.wait_for("influxdb runs again", 60)
    broker_log = state.path / "logs" / "mosquitto.log"
    others = [path for path in (state.path / "logs").iterdir() if path != broker_log]
    told = up.text + "".join(path.read_text() for path in others)
    for one in processes_of(state.path):
        told += " ".join(one.cmdline())
    secrets = {path.name: path.read_text().strip() for path in state.secrets.iterdir()}
    assert not [name for name, secret in secrets.items() if secret in told]
    # Mosquitto names every client in its own log, which is as closed as the secrets themselves.
    assert not [
        name for name, secret in secrets.items() if secret in broker_log.read_text() and "client_id" not in name
    ]
    assert broker_log.stat().st_mode & 0o077 == 0
    up.signal(signal.SIGINT)
    assert up.wait(60) == 0
    assert processes_of(state.path) == []


@pytest.mark.usefixtures("up")
def test_the_page_has_what_grafana_is_told(state):
    found = services(state)
    token = (state.secrets / "influxdb_grafana_token").read_text()
    run, worker = "a/b c", "worker é"
    with Dealer(found["bridge"].port, run, worker) as dealer:
        dealer.hello()
        dealer.send(schema.Status, 0, time_unix_nanos=time.time_ns())
        frame = {"sensor": "patch 0", "episode": 0, "step": 0, "height": 8, "width": 8}
        dealer.send(schema.Frame, 0, [bytes(256)], modality="rgba", time_unix_nanos=time.time_ns(), **frame)
        dealer.send(schema.Frame, 1, [bytes(256)], modality="depth", time_unix_nanos=time.time_ns(), **frame)

        def told(field, measurement):
            answer = query(found["influxdb"].url, token, f"SELECT last({field}) FROM {measurement}")
            return answer[0].rows[0][1] if answer else None

        for field, kind in (("rgba_url", "image/jpeg"), ("depth_url", "image/png")):
            until(lambda field=field: told(field, "frame"), 60)
            assert told(field, "frame").startswith(found["liveview"].url)
            until(lambda field=field, kind=kind: type_of(told(field, "frame")) == kind)
        until(lambda: told("page_url", "status"), 60)
        assert type_of(told("page_url", "status")) == "text/html"


def type_of(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.headers.get_content_type()
    except urllib.error.HTTPError:  # it has not heard of it yet
        return None


@pytest.fixture
def disk(state):
    """A disk of 64 MiB, for InfluxDB."""
    need("telegraf", "influxd")
    with small_disk(state.path / "influxdb", 64) as where:
        yield where


@pytest.mark.parametrize("count", [10_000, pytest.param(200_000, marks=[pytest.mark.long, pytest.mark.timeout(600)])])
def test_a_full_disk_is_told_and_loses_nothing(disk, up, state, count):
    with ZmqBroadcaster(run_id="run", zmq_port=services(state)["bridge"].port, strict=True) as broadcaster:
        publish(broadcaster, range(100))
        until(lambda: len(stored(state)) == 100)
        ballast = disk / "ballast"
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(1 << 12))
        publish(broadcaster, range(100, count))
        assert broadcaster.flush(60 + count / 2000)
        up.wait_for("no space left on device", 60)
        ballast.unlink()
        until(lambda: len(stored(state)) == count, 90 + count / 2000)


def test_what_is_absent_is_named_in_one_line_each(state, tmp_path):
    nothing = {"MONTY_MQTT_CACHE_DIR": str(tmp_path / "none")}
    with Process("up", "--state-dir", str(state.path), "--mqtt-port", "0", "--zmq-port", "0", env=nothing) as process:
        process.wait_for("Ctrl+C stops everything")
        assert "influxd: not installed" in process.wait_for("left out: influxdb: ")
        assert "there is no InfluxDB to write to" in process.wait_for("left out: telegraf: ")
        assert "there is no InfluxDB to show" in process.wait_for("left out: grafana: ")
    told = run("doctor", "--state-dir", str(state.path), env=nothing).stdout
    assert [line for line in told.splitlines() if line.startswith("influxd: only for history: ")]
    assert [line for line in told.splitlines() if line.startswith("telegraf: only for history: ")]


@pytest.mark.usefixtures("up")
def test_a_run_is_exported_and_forgotten(state, tmp_path):
    with ZmqBroadcaster(run_id="run", zmq_port=services(state)["bridge"].port, strict=True) as broadcaster:
        publish(broadcaster, range(3))
        until(lambda: len(stored(state)) == 3)
    words = ("export", "run", "--state-dir", str(state.path), "--of", "metrics")
    lines = [json.loads(line) for line in run(*words, "--format", "jsonl").stdout.splitlines()]
    assert [(one["name"], one["value"], one["run"], one["worker"]) for one in lines] == [
        ("number", float(number), "run", "main") for number in range(3)
    ]
    table = tmp_path / "metrics.csv"
    assert run(*words, "-o", str(table)).returncode == 0
    head, *rows = table.read_text().splitlines()
    assert head.split(",")[0] == "time_unix_nanos"
    assert [int(row.split(",")[0]) for row in rows] == [one["time_unix_nanos"] for one in lines]
    with ZmqBroadcaster(run_id="run too", zmq_port=services(state)["bridge"].port, strict=True) as broadcaster:
        publish(broadcaster, range(10, 13))
        until(lambda: len(stored(state)) == 6)
    forgotten = run("forget", "run", "--yes", "--state-dir", str(state.path))
    assert forgotten.returncode == 0, forgotten.stderr
    assert "deleted its points in InfluxDB" in forgotten.stdout
    assert stored(state) == {10, 11, 12}
    missing = run("export", "other", "--state-dir", str(state.path))
    assert (missing.returncode, missing.stderr) == (1, "monty-mqtt: InfluxDB has no steps of run other\n")


def test_an_influxdb_that_runs_already_is_used(state, tmp_path):
    need("telegraf", "influxd")
    ports = ("--mqtt-port", "0", "--zmq-port", "0")
    with Chain(tmp_path / "theirs", "influxdb") as theirs:
        url = theirs.influxdb.url
        provision(theirs.state, InfluxDB(url, "theirs"))
        refused = run("up", "--state-dir", str(state.path), *ports, "--influxdb", url, "--influxdb-org", "lab")
        assert refused.returncode == 1
        assert f"monty-mqtt: InfluxDB at {url} does not take the token in {state.secrets}/" in refused.stderr
        token = (theirs.state.secrets / "influxdb_admin_token").read_bytes()
        state.write_private(state.secrets / "influxdb_admin_token", token)
        words = ("up", "--state-dir", str(state.path), *ports, "--influxdb", url, "--influxdb-org", "lab")
        with Process(*words) as process:
            process.wait_for(f"left out: influxdb: that at {url} is used", 60)
            with ZmqBroadcaster(run_id="run", zmq_port=services(state)["bridge"].port, strict=True) as broadcaster:
                publish(broadcaster, range(3))
            export = ("export", "run", "--of", "metrics", "--state-dir", str(state.path))
            until(lambda: run(*export).stdout.count("\n") == 4, 60)
            assert run("forget", "run", "--yes", "--state-dir", str(state.path)).returncode == 0
            assert run(*export).returncode == 1
            process.signal(signal.SIGINT)
            assert process.wait(60) == 0
