"""`monty-mqtt record`, as a process: what it says, when it ends, what it leaves."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys

import pytest
from kit.machine.child_process import Process, run, until

from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster
from monty_mqtt.wire import topics
from monty_mqtt_core.recordings.mcap_file import Reader

WAIT_SECS = 20


def publishing(far_side, name):
    return ZmqBroadcaster(run_id=name, zmq_port=far_side.bridge.port, strict=True)


def kinds_in(path):
    return [topics.parse(entry.topic).kind for entry in Reader(path).entries()]


def test_a_run_named_by_the_beginning_of_its_id_is_recorded_to_its_end(far_side, tmp_path):
    path = tmp_path / "some.mcap"
    with publishing(far_side, "record-by-name") as broadcaster:
        assert broadcaster.flush(5)
        with Process("record", "record-by", "-o", str(path), env=far_side.environment) as process:
            process.wait_for(f"recording record-by-name to {path}, until the run ends, or Ctrl+C")
            broadcaster.publish_metric("loss", 1)
            broadcaster.close()
            assert process.wait() == 0
    assert sorted(kinds_in(path)) == ["end", "info", "metric", "status", "status"]
    assert process.lines[-1].startswith("5 messages, 0.0 MB; runs: record-by-name")
    assert Reader(path).is_whole


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_all_runs_are_recorded_until_a_signal(far_side, tmp_path, number):
    path = tmp_path / "all.mcap"
    with Process("record", "-o", str(path), env=far_side.environment) as process:
        process.wait_for("recording all runs")
        for name in ("record-one", "record-two"):
            with publishing(far_side, f"{name}-{number}") as broadcaster:
                broadcaster.publish_metric("loss", 1)
        until(lambda: kinds_in(path).count("end") == 2)
        process.signal(number)
        assert process.wait() == 0
    assert Reader(path).is_whole
    assert process.lines[-1].endswith(f"runs: record-one-{number}, record-two-{number}")


def test_a_killed_recorder_leaves_all_but_the_last_second(far_side, tmp_path):
    path = tmp_path / "killed.mcap"
    with Process("record", "-o", str(path), env=far_side.environment) as process:
        process.wait_for("recording all runs")
        with publishing(far_side, "record-killed") as broadcaster:
            broadcaster.publish_metric("loss", 1)
            until(lambda: "metric" in kinds_in(path))  # read while it is written
            process.signal(signal.SIGKILL)
            process.wait()
    assert not Reader(path).is_whole
    assert {"info", "metric"} <= set(kinds_in(path))


def test_a_terminal_shows_how_far_it_is(far_side, tmp_path):
    ours, theirs = pty.openpty()
    argv = [sys.executable, "-m", "monty_mqtt.cli", "record", "-o", str(tmp_path / "some.mcap")]
    with subprocess.Popen(argv, stdout=theirs, env={**os.environ, **far_side.environment}) as process:
        os.close(theirs)
        shown = b""
        while b"\r\x1b[K0 messages, 0.0 MB" not in shown:
            shown += os.read(ours, 1000)
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_SECS) == 0
    assert b"runs: none" in os.read(ours, 1000)
    os.close(ours)


def test_a_file_that_exists_is_refused(far_side, tmp_path):
    path = tmp_path / "mine.mcap"
    path.write_text("mine")
    done = run("record", "-o", str(path), env=far_side.environment)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "it must be a file that does not exist yet" in done.stderr
    assert path.read_text() == "mine"


def test_a_run_that_is_not_there_is_one_line(far_side, tmp_path):
    done = run("record", "no-such-run", "-o", str(tmp_path / "some.mcap"), env=far_side.environment)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "no run 'no-such-run'" in done.stderr
    assert not (tmp_path / "some.mcap").exists()


def test_a_full_disk_ends_it_with_one_line(far_side, tmp_path):
    path = tmp_path / "some.mcap"
    line = f'ulimit -f 256; exec "{sys.executable}" -m monty_mqtt.cli record -o "{path}"'
    with Process(argv=("bash", "-c", line), env=far_side.environment) as process:
        process.wait_for("recording all runs")
        with publishing(far_side, "record-full") as broadcaster:
            for _ in range(100):
                broadcaster.publish_log("info", os.urandom(5000).hex())
            assert process.wait() == 1
    assert process.lines[-1] == (
        f"monty-mqtt: recording {path} ends here: File too large; what was written before can be read"
    )
    assert "log" in kinds_in(path)
