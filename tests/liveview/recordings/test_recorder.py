"""What the page writes: flushed, in parts, and what becomes of it on a full disk."""

from __future__ import annotations

import shutil

import pytest
from kit.bridge import FIRST_STAMP, make

from monty_mqtt.wire import schema, topics
from monty_mqtt_core.recordings.mcap_file import Entry, Reader
from monty_mqtt_core.recordings.part_files import Recording
from monty_mqtt_liveview.recordings import recorder as module
from monty_mqtt_liveview.recordings import run_recordings as recordings_module
from monty_mqtt_liveview.recordings.recorder import Recorder
from monty_mqtt_liveview.recordings.run_recordings import RunRecordings

FRAME_TOPIC = "monty/raw/v1/run/main/frame/patch/rgba"


@pytest.fixture
def recordings(tmp_path):
    with RunRecordings(tmp_path / "recordings") as opened:
        yield opened


@pytest.fixture
def recorder(recordings):
    recorder_begun = Recorder(recordings.started)
    yield recorder_begun
    recorder_begun.close()


def entry(seq, *, pad=0, **fields):
    message = make(schema.Metric, seq, metadata={"pad": "x" * pad}, **fields)
    return Entry(topics.of_message(message).topic, schema.encode(message), message.time_unix_nanos, seq)


def frame(seq, size):
    return Entry(FRAME_TOPIC, b"\xff\xd8" + bytes(size), FIRST_STAMP + seq, seq)


def seqs(recording):
    return [entry_read.seq for entry_read in Recording(recording.directory).entries()]


def test_what_was_flushed_is_on_disk_and_can_be_looked_up_while_it_is_written(recordings, recorder):
    recording = recordings.of("run")
    for seq in range(10):
        recorder.add(recording, entry(seq))
        if seq == 4:
            assert recorder.flush()
    (part,) = recording.parts
    assert [recorded.seq for recorded in part.entries(0, part.count)] == [0, 1, 2, 3, 4]
    assert recording.find(*entry(3)[::2]) == entry(3).payload
    assert recording.find(*entry(7)[::2]) is None
    assert recorder.flush()
    assert recording.find(*entry(7)[::2]) == entry(7).payload
    assert recording.size_bytes <= part.path.stat().st_size


def test_a_frame_is_looked_up_as_it_was_published(recordings, recorder):
    recording = recordings.of("run")
    recorder.add(recording, frame(1, 100))
    recorder.flush()
    assert recording.find(FRAME_TOPIC, FIRST_STAMP + 1) == frame(1, 100).payload


def test_in_the_end_every_part_is_closed_properly(recordings, recorder):
    for run in ("a", "b"):
        recorder.add(recordings.of(run), entry(0))
    recorder.close()
    parts = [part for run in ("a", "b") for part in recordings.of(run).parts]
    assert [Reader(part.path).is_whole for part in parts] == [True, True]
    assert not any(part.is_open for part in parts)


@pytest.mark.parametrize(
    ("limit", "value"),
    [("_LARGEST_PART_BYTES", 3_000), ("_MOST_MESSAGES", 20), ("_MOST_CHUNKS", 4), ("_MOST_CHANNELS", 10)],
)
def test_a_part_that_has_become_large_is_followed_by_another(recordings, recorder, monkeypatch, limit, value):
    monkeypatch.setattr(module, limit, value)
    recording = recordings.of("run")
    for seq in range(100):
        recorder.add(recording, entry(seq, name=f"metric {seq % 15}", pad=100))
        if seq % 5 == 4:
            assert recorder.flush()
    recorder.close()
    assert len(recording.parts) > 2
    assert all(Reader(part.path).is_whole for part in recording.parts)
    assert seqs(recording) == list(range(100))


def test_of_many_runs_at_once_few_files_are_open(recordings, recorder, monkeypatch):
    monkeypatch.setattr(module, "_MOST_OPEN", 5)
    for seq in range(3):
        for run in range(20):
            recorder.add(recordings.of(f"run {run}"), entry(seq, run=f"run {run}"))
    assert len(recorder._open) <= 5
    recorder.close()
    assert all(seqs(recordings.of(f"run {run}")) == [0, 1, 2] for run in range(20))


def test_the_part_of_a_run_that_is_over_is_closed(recordings, recorder, monkeypatch):
    monkeypatch.setattr(module, "_ENDED_SECS", -1)
    over, live = recordings.of("over"), recordings.of("live")
    recorder.add(over, entry(0))
    recorder.add(live, entry(0))
    recorder.close_idle({over})
    assert [recording.parts[0].is_open for recording in (over, live)] == [False, True]
    recorder.add(over, entry(1))
    recorder.close()
    assert seqs(over) == [0, 1]


def test_who_removes_a_recording_breaks_nothing(recordings, recorder):
    recording = recordings.of("run")
    recorder.add(recording, entry(0))
    recorder.flush()
    shutil.rmtree(recording.directory)
    recorder.add(recording, entry(1))
    assert recorder.flush()
    assert recorder.problem == ""


def fill(disk):
    try:
        with (disk / "filler").open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
    except OSError:
        pass


def test_a_full_disk_is_told_and_everything_is_recorded_when_there_is_room_again(disk, monkeypatch, caplog):
    monkeypatch.setattr(module, "_RETRY_SECS", 0)
    with RunRecordings(disk / "recordings") as recordings:
        recorder = Recorder(recordings.started)
        full, other = recordings.of("one"), recordings.of("other")
        for seq in range(100):
            recorder.add(full, entry(seq, pad=500))
        assert recorder.flush()
        fill(disk)
        for seq in range(100, 3000):
            recorder.add(full, entry(seq, pad=500))
            recorder.add(other, entry(seq, pad=500))
            if seq % 200 == 0:
                recorder.flush()
        assert not recorder.flush()
        assert "No space left on device" in recorder.problem
        assert seqs(full)[:100] == list(range(100))
        (disk / "filler").unlink()
        assert recorder.flush()
        assert recorder.problem == ""
        recorder.close()
        assert seqs(full) == list(range(3000))
        assert seqs(other) == list(range(100, 3000))
    assert recorder.lost == 0
    assert sum("nothing is recorded" in line for line in caplog.messages) == 1
    assert sum("is recorded again" in line for line in caplog.messages) == 1


def test_what_waits_for_room_is_bounded_and_frames_give_way_first(disk, monkeypatch):
    monkeypatch.setattr(module, "_MOST_WAITING_BYTES", 200_000)
    with RunRecordings(disk / "recordings") as recordings:
        fill(disk)
        recorder = Recorder(recordings.started)
        recording = recordings.of("run")
        for seq in range(100):
            recorder.add(recording, entry(seq, pad=500))
            recorder.add(recording, frame(seq, 20_000))
            recorder.flush()
        assert recorder._waiting_bytes <= 200_000
        kinds = [topics.parse(waiting.topic).kind for waiting in recorder.unwritten(recording)]
        assert kinds.count("metric") == 100
        assert 0 < kinds.count("frame") < 10
        assert recorder.lost == 100 - kinds.count("frame")
        monkeypatch.setattr(module, "_RETRY_SECS", 0)
        (disk / "filler").unlink()
        recorder._retry_at = 0.0
        assert recorder.flush()
        recorder.close()


def test_what_was_published_in_a_time_comes_back_from_every_part(recordings, recorder, monkeypatch):
    recording = recordings.of("run")
    monkeypatch.setattr(module, "_MOST_MESSAGES", 30)
    for seq in range(100):
        recorder.add(recording, entry(seq, name="loss" if seq % 2 else "other"))
        if seq % 10 == 9:
            recorder.flush()
    assert len(recording.parts) > 1
    topic = entry(1, name="loss").topic
    payloads = recording.published(topic, FIRST_STAMP + 25, FIRST_STAMP + 61)
    seqs_found = [schema.decode(payload).seq for payload in payloads]
    assert {25, 27, 59, 61} <= set(seqs_found), "all of the time, and some around it"
    assert len(seqs_found) < 50, "but not everything is read"
    assert all(seq % 2 for seq in seqs_found)
    assert recording.published(topic, FIRST_STAMP + 1000, FIRST_STAMP + 2000) == []
    monkeypatch.setattr(recordings_module, "_MOST_CHUNKS_AT_ONCE", 3)
    assert recording.published(topic, FIRST_STAMP, FIRST_STAMP + 99) is None, "that is too much at once"
