"""`monty-mqtt replay`, as a process, on the real far side: what arrives, and what it says."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections import Counter

import pytest
from kit.bridge import make
from kit.machine.child_process import Process, run
from kit.mqtt_subscriber import Subscriber

from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster
from monty_mqtt.wire import schema, topics
from monty_mqtt_core.payloads.from_mqtt import message_of
from monty_mqtt_core.recordings.mcap_chunks import chunks
from monty_mqtt_core.recordings.mcap_file import Entry, Reader, RecordingWriter
from monty_mqtt_core.recordings.mcap_scan import Beginning
from monty_mqtt_core.recordings.part_files import part_name
from monty_mqtt_core.settings.ports import any_free
from monty_mqtt_stack.demo.demo_recording import recording_path

NEW = {"run", "bridge", "seq", "time_unix_nanos", "estimated_end_unix_nanos", "bulk_seq"}
NEW |= {"near_metres", "foreground_min_metres", "foreground_max_metres"}
"""What a replay as new must not keep, or adds; `bulk_seq` also counts the frames that a recording left out, and images
of recordings of before do not say how far away what they show is.
"""


def content(path):
    """What a recording says, per worker, kind and names of its topics, in order; without who said it when."""
    contents = {}
    for entry in Reader(path).entries():
        parsed = topics.parse(entry.topic)
        name = (experiment_of(parsed.run), parsed.worker, parsed.kind, *parsed.names)
        message = json.loads(schema.encode(message_of(entry.topic, entry.payload)[0]))
        if parsed.kind == "status":
            message.pop("experiment", None)  # the bridge adds it
        contents.setdefault(name, []).append({key: value for key, value in message.items() if key not in NEW})
    return contents


def experiment_of(run_id):
    return run_id.rsplit("-", 2)[0]


def outcomes(contents):
    ended = [
        fields for (_, _, kind, *_), messages in contents.items() if kind == "episode_ended" for fields in messages
    ]
    return Counter((fields["mode"], fields.get("outcome")) for fields in ended)


@pytest.mark.monty  # it takes a minute
@pytest.mark.timeout(180)
def test_the_demo_ten_times_as_fast_has_the_outcomes_counts_and_last_values_of_the_demo(far_side, tmp_path):
    path = tmp_path / "again.mcap"
    with Process("record", "-o", str(path), env=far_side.environment) as recorder:
        recorder.wait_for("recording all runs")
        with Process("replay", str(recording_path()), "--as-new", "--speed", "10", env=far_side.environment) as replay:
            assert replay.wait(150) == 0, replay.text
        recorder.signal(2)
        assert recorder.wait() == 0
    before, after = content(recording_path()), content(path)
    assert replay.lines[-1] == f"{sum(map(len, before.values())):,} sent"
    assert outcomes(after) == outcomes(before)
    assert sum(outcomes(after).values()) > 10
    assert after.keys() == before.keys()
    bulk = {name for name in before if name[2] == "frame"}
    for name in before.keys() - bulk:
        assert after[name] == before[name], name
    # Of frames that come faster than they are encoded, the newest is shown.
    assert {name: after[name][-1] for name in bulk} == {name: before[name][-1] for name in bulk}


@pytest.fixture
def spool(tmp_path, monkeypatch):
    """What an experiment leaves that never saw a bridge."""
    monkeypatch.setenv("MONTY_MQTT_STATE_DIR", str(tmp_path / "node"))
    with ZmqBroadcaster(run_id=f"spooled {tmp_path.name}", zmq_port=any_free("127.0.0.1"), strict=True) as broadcaster:
        for step in range(100):
            broadcaster.publish_metric("loss", 1 / (step + 1))
    (path,) = (tmp_path / "node" / "spool").glob("*/*.spool")
    return path


def statuses(far_side, run_id):
    """What the broker retains of a run."""
    where = (far_side.broker.host, far_side.broker.port)
    with Subscriber(*where, f"monty/v1/{topics.escape(run_id)}/+/status") as subscriber:
        return subscriber.wait_for(lambda received: [(message.topic, message.payload) for message in received])


def test_a_spool_is_restored_and_another_day_changes_nothing(far_side, spool, tmp_path):
    name = f"spooled {tmp_path.name}"
    kept = tmp_path / "kept.spool"
    kept.write_bytes(spool.read_bytes())
    first = run("replay", str(spool), env=far_side.environment)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.startswith(f"{name}, main: 104 messages sent\n")
    assert "the bridge has all of it; the file is removed" in first.stdout
    assert not spool.exists()
    before = statuses(far_side, name)
    again = run("replay", str(kept), env=far_side.environment)
    assert again.returncode == 0
    assert f"{name}, main: 0 messages sent, 104 the bridge had already" in again.stdout
    assert statuses(far_side, name) == before
    assert json.loads(before[0][1])["status"] == "completed"


def test_a_recording_is_restored_under_its_own_name(far_side):
    done = run("replay", str(recording_path()), env=far_side.environment)
    assert (done.returncode, done.stderr) == (0, "")
    runs = {topics.parse(entry.topic).run for entry in Reader(recording_path()).entries()}
    assert {line.partition(", main: ")[0] for line in done.stdout.splitlines() if ", main: " in line} == runs
    assert all(statuses(far_side, name) for name in runs)


def write_recording(path, name, seqs, *, each=10):
    with RecordingWriter(path) as writer:
        for count, seq in enumerate(seqs):
            message = make(schema.Metric, seq, run=name)
            writer.write(Entry(topics.of_message(message).topic, schema.encode(message), message.time_unix_nanos, seq))
            if count % each == each - 1:
                writer.flush()
        yield writer


@pytest.mark.parametrize("more", [(), ("--as-new", "--speed=0")], ids=["restored", "as new"])
def test_of_a_damaged_recording_the_rest_is_sent_and_what_is_missing_is_said(far_side, tmp_path, more):
    path, name = tmp_path / "some.mcap", f"damaged {tmp_path.name} {len(more)}"
    for _ in write_recording(path, name, range(50)):
        pass
    with path.open("r+b") as file:
        file.seek(list(chunks(file))[2].end - 20)
        file.write(b"\x55" * 8)
    done = run("replay", str(path), *more, env=far_side.environment)
    assert done.returncode == 1
    assert "40 sent" in done.stdout or "40 messages sent" in done.stdout
    (line,) = done.stderr.splitlines()
    assert "is damaged: 10 messages in 1 place" in line


@pytest.mark.parametrize("more", [(), ("--as-new", "--speed=0")], ids=["restored", "as new"])
def test_of_a_recording_begun_in_the_middle_a_replay_says_what_it_lacks(far_side, tmp_path, more):
    path, name = tmp_path / "some.mcap", f"begun {tmp_path.name} {len(more)}"
    for writer in write_recording(path, name, range(30, 50)):
        writer.note_beginning(Beginning(name, "main", 30))
    done = run("replay", str(path), *more, env=far_side.environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"  {name}, main: begun in the middle, it lacks the 30 messages before" in done.stdout.splitlines()


def test_a_pipe_and_a_file_of_eight_bytes_are_one_line(far_side, tmp_path):
    pipe, tiny = tmp_path / "pipe.mcap", tmp_path / "tiny.mcap"
    os.mkfifo(pipe)
    tiny.write_bytes(b"\x89MCAP0\r\n")
    for path, why in ((pipe, "it must be a regular file"), (tiny, "there is no message of a run in it")):
        for more in ((), ("--as-new",)):
            done = run("replay", str(path), *more, env=far_side.environment)
            assert done.returncode == 2
            assert why in done.stderr.splitlines()[-1]


def test_the_parts_of_a_run_are_one_recording(far_side, tmp_path):
    name = f"in parts {tmp_path.name}"
    for number, seqs in enumerate((range(10), range(5, 20))):
        with RecordingWriter(tmp_path / part_name("20261124T093000Z", number)) as writer:
            for seq in seqs:
                message = make(schema.Metric, seq, run=name)
                topic = topics.of_message(message).topic
                writer.write(Entry(topic, schema.encode(message), message.time_unix_nanos, seq))
    done = run("replay", str(tmp_path), env=far_side.environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{name}, main: 20 messages sent\n")
    played = run("replay", "--as-new", "--speed=0", *map(str, tmp_path.iterdir()), env=far_side.environment)
    assert (played.returncode, played.stderr) == (0, "")
    assert [line.split(" as ")[0] for line in played.stdout.splitlines()] == [name, "20 sent"]


def test_the_directory_of_all_runs_names_them(far_side, tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / part_name("20261124T093000Z", 0)).write_bytes(recording_path().read_bytes())
    for more in ((), ("--as-new",)):
        done = run("replay", str(tmp_path), *more, env=far_side.environment)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert "the 2 runs in it: " in done.stderr


def test_a_terminal_shows_how_far_it_is(far_side, spool):
    ours, theirs = pty.openpty()
    environment = {**os.environ, **far_side.environment}
    argv = [sys.executable, "-m", "monty_mqtt.cli", "replay", str(spool)]
    with subprocess.Popen(argv, stdout=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        while b"removed" not in shown:
            shown += os.read(ours, 1000)
        assert process.wait(20) == 0
    os.close(ours)
    assert re.search(rb"\r\x1b\[K\d+%\r\x1b\[Kspooled ", shown)


def test_a_spool_is_not_played_as_new(far_side, spool):
    done = run("replay", "--as-new", str(spool), env=far_side.environment)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "a spool is what is missing of a run" in done.stderr


def test_without_a_bridge_it_says_so_at_once(spool):
    done = run("replay", str(spool), "--bridge", "127.0.0.1:1")
    assert (done.returncode, done.stderr) == (1, "monty-mqtt: no bridge at 127.0.0.1:1\n")
    assert spool.exists()


def test_what_is_no_recording_is_one_line(far_side, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text("nothing of ours")
    for path, why in ((other, "an MCAP file"), (tmp_path / "missing.mcap", "No such file")):
        for more in ((), ("--as-new",)):
            done = run("replay", str(path), *more, env=far_side.environment)
            assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
            assert why in done.stderr


def test_an_address_that_is_none_is_one_line(tmp_path):
    done = run("replay", str(recording_path()), "--as-new", "--state-dir", str(tmp_path), "--bridge", "127.0.0.1:x")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
