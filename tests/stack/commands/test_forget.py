"""`monty-mqtt forget`, as a process, on the real far side."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import msgspec
import pytest
from kit.machine.child_process import Process, run, until
from kit.mqtt_publisher import Client

from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster
from monty_mqtt.wire import schema, spool_format, topics
from monty_mqtt_core.recordings.part_files import directory_of, part_name
from monty_mqtt_core.settings.ports import any_free
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.commands.forget import files_of
from monty_mqtt_stack.services.mosquitto import Mosquitto

WAIT_SECS = 40  # the journal lets go of a run 10 s after its end


@pytest.fixture
def over(far_side, tmp_path):
    """A run that is over, with a spool, the page's recording and a log in the state directory."""
    name = f"forget me {tmp_path.name}"
    with ZmqBroadcaster(run_id=name, zmq_port=far_side.bridge.port, strict=True) as broadcaster:
        broadcaster.publish_metric("loss", 1)
        assert broadcaster.flush(5)
    leave_a_spool(far_side.state, name, tmp_path / "elsewhere")
    far_side.state.log_file(name).write_text("what Monty said")
    until(lambda: len(files_of(far_side.state, name)) == 3)
    return name


def leave_a_spool(state, run, elsewhere):
    """Leave a spool of the run as another machine does (a home on NFS): `up` takes up only what is of here."""
    with ZmqBroadcaster(
        run_id=run, worker="lost", zmq_port=any_free("127.0.0.1"), spool_dir=str(elsewhere), strict=True
    ) as broadcaster:
        broadcaster.publish_metric("loss", 1)
    (path,) = elsewhere.glob("*/*.spool")
    first, newline, records = path.read_bytes().partition(b"\n")
    header = msgspec.json.decode(first[len(spool_format.MAGIC) :], type=spool_format.SpoolHeader)
    there = msgspec.json.encode(msgspec.structs.replace(header, host="another machine"))
    path.write_bytes(spool_format.MAGIC + there + newline + records)
    place = state.path / "spool" / path.parent.name
    place.mkdir(parents=True, exist_ok=True)
    path.rename(place / path.name)


def known(far_side):
    return json.loads(run("status", "--json", env=far_side.environment).stdout)["runs"]


def test_nothing_is_left_of_it(far_side, over):
    files = files_of(far_side.state, over)
    assert [path.suffix for path in files] == [".spool", ".mcap", ".log"]
    assert over in known(far_side)
    done = run("forget", over[:-2], "--yes", env=far_side.environment)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == f"{over}: 2 retained topics cleared"
    assert lines[1:] == [f"removed {path}" for path in files]
    assert over not in known(far_side)
    assert files_of(far_side.state, over) == []
    assert not files[0].parent.exists()
    assert not files[1].parent.exists()
    gone = run("forget", over, "--yes", env=far_side.environment)
    assert (gone.returncode, len(gone.stderr.splitlines())) == (1, 1)
    assert "no run" in gone.stderr


def test_what_was_restored_twice_and_forgotten_can_be_restored_again(far_side, over, tmp_path):
    (left,) = [path for path in files_of(far_side.state, over) if path.suffix == ".spool"]
    kept = tmp_path / "kept" / "one.spool"

    def restore():
        kept.parent.mkdir(exist_ok=True)
        kept.write_bytes(spooled)
        done = run("replay", str(kept), env=far_side.environment)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    spooled = left.read_bytes()
    (tmp_path / "stays").touch()
    assert "already" not in restore()
    for _ in range(4):  # the bridge lets go of it meanwhile, and finds it again in its journal
        assert "already" in restore()
    done = run("forget", over, "--yes", env=far_side.environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "already" not in restore()


@pytest.mark.parametrize(("answer", "code"), [(b"n\n", 1), (b"\n", 1), (b"y\n", 0)])
def test_it_asks_first(far_side, over, answer, code):
    ours, theirs = pty.openpty()
    argv = [sys.executable, "-m", "monty_mqtt.cli", "forget", over]
    environment = {**os.environ, **far_side.environment}
    with subprocess.Popen(argv, stdin=theirs, stdout=subprocess.PIPE, env=environment) as process:
        os.close(theirs)
        os.write(ours, answer)
        output = process.communicate(timeout=WAIT_SECS)[0].decode()
    os.close(ours)
    assert process.returncode == code
    assert f"forget {over}: what is retained of it at the broker, and here 3 files (0.0 MB): " in output
    assert (over in known(far_side)) == bool(code)
    assert len(files_of(far_side.state, over)) == (3 if code else 0)


def test_the_recordings_of_other_runs_stay(far_side, over):
    other = directory_of(far_side.state.path / "recordings", over + "x") / part_name("20261124T093000Z", 0)
    other.parent.mkdir()
    other.write_bytes(b"what was recorded")
    done = run("forget", over, "--yes", env=far_side.environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert not directory_of(far_side.state.path / "recordings", over).exists()
    assert other.exists()


def test_where_nobody_can_be_asked_it_wants_a_yes(far_side, over):
    done = run("forget", over, env=far_side.environment, stdin=subprocess.DEVNULL)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "--yes" in done.stderr
    assert over in known(far_side)


def test_a_run_that_lives_is_left_alone(far_side, live_run):
    done = run("forget", live_run.run, "--yes", env=far_side.environment)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "the run is not over: main; abort it first" in done.stderr


def test_a_spool_that_is_written_is_left_alone(far_side, tmp_path):
    name = f"still writing {tmp_path.name}"
    spools = str(far_side.state.path / "spool")
    with ZmqBroadcaster(
        run_id=name, worker="lost", zmq_port=any_free("127.0.0.1"), spool_dir=spools, strict=True
    ) as broadcaster:
        for _ in range(200):
            broadcaster.publish_log("info", "x" * 100_000)
        done = run("forget", name, "--yes", env=far_side.environment)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
        assert f"run {name} is not over: process {os.getpid()} writes" in done.stderr
        assert files_of(far_side.state, name)


def test_amqtt_forgets_it_too(tmp_path):
    ports = ("--mqtt-port", "0", "--zmq-port", "0")
    with Process("up", "--without", "mosquitto", "history", *ports, "--state-dir", str(tmp_path)) as up:
        up.wait_for("watch:")
        port = StateDir(tmp_path).read_far_side().services["bridge"].port
        with ZmqBroadcaster(run_id="over", zmq_port=port, strict=True) as broadcaster:
            broadcaster.publish_metric("loss", 1)
        done = run("forget", "over", "--yes", "--state-dir", str(tmp_path))
        shown = run("status", "--state-dir", str(tmp_path)).stdout
    assert (done.returncode, done.stderr) == (0, "")
    assert "no runs" in shown


def test_a_name_that_is_a_path_finds_no_files(far_side):
    far_side.state.path.joinpath("mine.log").write_text("mine")
    assert files_of(far_side.state, "../mine") == []
    assert files_of(far_side.state, "bridge") == []


def test_without_a_bridge_it_says_so(tmp_path):
    status = schema.Status(run="r", worker="main", seq=1, time_unix_nanos=1, status="completed")
    with Mosquitto(tmp_path) as broker:
        with Client(broker.port, "bridge", broker.password("bridge")) as client:
            client.publish(topics.of_message(status).topic, schema.encode(status), retain=True)
        where = ("--state-dir", str(tmp_path), "--broker", f"{broker.host}:{broker.port}")
        done = run("forget", "r", "--yes", *where)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "no bridge is connected" in done.stderr
