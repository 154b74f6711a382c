"""Among the recordings only what the page wrote is its own: nothing else is read, counted, moved or removed."""

from __future__ import annotations

import os
import shutil

import pytest
from kit.bridge import make
from kit.machine.child_process import until
from kit.page.page_service import Keeping

from monty_mqtt.wire import schema, topics
from monty_mqtt_core.recordings.mcap_file import Entry, RecordingWriter
from monty_mqtt_core.recordings.page_mark import marked_parts
from monty_mqtt_core.recordings.part_files import directory_of, part_name
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_liveview.recordings.retention import Retention
from monty_mqtt_liveview.recordings.run_recordings import RunRecordings
from monty_mqtt_stack.commands.forget import files_of
from monty_mqtt_stack.services.mosquitto import Mosquitto

PART = part_name("20261124T093000Z", 0)
LONG_AGO = 1_000_000


def write(path, run, *, close=True):
    """A part as the page writes it; without its end, as one that was killed leaves it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = RecordingWriter(path)
    for seq, message in enumerate(
        [make(schema.Metric, 0, run=run), make(schema.Status, 1, run=run, status="completed")]
    ):
        writer.write(Entry(topics.of_message(message).topic, schema.encode(message), message.time_unix_nanos, seq))
    writer.flush()
    if close:
        writer.close()
    else:
        writer._file.close()
    return path


def tree(directory):
    """Every path below, with what is in it: whoever compares it sees what was deleted, moved or changed."""
    files = {path: path.lstat() for path in sorted(directory.rglob("*"))}
    return {path: (stat.st_mode, stat.st_size, stat.st_mtime_ns) for path, stat in files.items()}


def foreign(recordings):
    """What people put beside the recordings; return where."""
    (recordings / "my-notes").mkdir(parents=True)
    (recordings / "my-notes" / "notes.txt").write_text("what I saw")
    (recordings / "backup").mkdir()
    (recordings / "backup" / "run.mcap.zst").write_bytes(b"packed")
    (recordings / "backup" / ".hidden.mcap").write_bytes(b"not of the page")
    (recordings / "empty").mkdir()
    write(recordings / "copy of lab" / PART, "lab")
    write(recordings / "unfinished copy" / PART, "lab", close=False)
    write(recordings / "of my own" / "of my own.mcap", "of my own")
    (recordings / "renamed" / PART).parent.mkdir()
    (recordings / "renamed" / PART).write_bytes(b"\x89MCAP0\r\n" + bytes(100))
    named = ["my-notes", "backup", "empty", "copy of lab", "unfinished copy", "of my own", "renamed"]
    for path in recordings.rglob("*"):
        os.utime(path, (LONG_AGO, LONG_AGO))
    return [recordings / name for name in named]


@pytest.mark.parametrize("run", ["lab", "odd / ü\u2028#+", "long " * 100])
def test_what_the_page_wrote_is_its_own(tmp_path, run):
    directory = directory_of(tmp_path / "recordings", run)
    parts = [write(directory / part_name("20261124T093000Z", number), run) for number in range(2)]
    parts.append(write(directory / part_name("20261124T093000Z", 2), run, close=False))
    assert marked_parts(directory) == parts
    assert files_of(StateDir(tmp_path), run) == parts


def test_a_part_that_was_begun_and_never_filled_goes_with_the_others(tmp_path):
    directory = directory_of(tmp_path, "lab")
    directory.mkdir()
    begun = directory / part_name("20261124T093000Z", 1)
    RecordingWriter(begun)._file.close()
    assert marked_parts(directory) == []
    filled = write(directory / PART, "lab")
    assert marked_parts(directory) == [filled, begun]


def test_what_is_only_named_like_a_part_is_not(tmp_path):
    directory = directory_of(tmp_path, "lab")
    own = write(directory / PART, "lab")
    write(directory / "lab.mcap", "lab")
    write(directory / part_name("20261124T093000Z", 1), "another")
    (directory / part_name("20261124T093000Z", 2)).write_bytes(own.read_bytes().replace(b"monty-mqtt ", b"somebodys-"))
    os.mkfifo(directory / part_name("20261124T093000Z", 3))
    (directory / part_name("20261124T093000Z", 4)).symlink_to(own)
    (directory / part_name("20261124T093000Z", 5)).mkdir()
    assert marked_parts(directory) == [own]
    for size in range(100):
        (directory / part_name("20261124T093000Z", 6)).write_bytes(own.read_bytes()[:size])
        assert own in marked_parts(directory)


def test_the_page_finds_nothing_in_what_others_put_there(tmp_path):
    places = foreign(tmp_path)
    before = tree(tmp_path)
    with RunRecordings(tmp_path) as recordings:
        assert recordings.find_old() == []
        assert recordings.all() == []
    assert {
        path: content for path, content in tree(tmp_path).items() if path.parent != tmp_path or path in places
    } == before


def test_beyond_every_limit_only_its_own_is_removed(tmp_path):
    recordings = tmp_path / "recordings"
    foreign(recordings)
    before = tree(recordings)
    own = write(directory_of(recordings, "lab") / PART, "lab")
    shared = write(directory_of(recordings, "shared") / PART, "shared")
    note = shared.with_name("note.txt")
    note.write_text("why it failed")
    for path in (own, shared):
        os.utime(path, (LONG_AGO, LONG_AGO))
    limits = Retention(most_bytes=1, most_days=1)
    with Mosquitto(tmp_path / "broker") as broker, Keeping(broker, tmp_path, limits) as keeping:
        until(lambda: not own.parent.exists() and not shared.exists() and not keeping.run("lab"))
    assert note.read_text() == "why it failed"
    after = tree(recordings)
    assert {path: after.get(path) for path in before} == before


def test_whoever_forgets_a_run_keeps_his_own_files_in_its_directory(tmp_path):
    directory = directory_of(tmp_path / "recordings", "lab")
    own = write(directory / PART, "lab")
    write(directory / "cut out.mcap", "lab")
    spools = tmp_path / "spool" / "lab"
    spools.mkdir(parents=True)
    (spools / "notes.spool").write_text("mine")
    assert files_of(StateDir(tmp_path), "lab") == [own]
    with RunRecordings(directory.parent) as recordings:
        (recording,) = recordings.find_old()
        recordings.remove(recording)
    assert [path.name for path in directory.iterdir()] == ["cut out.mcap"]


def test_a_copy_may_be_made_of_what_is_recorded(tmp_path):
    own = write(directory_of(tmp_path, "lab") / PART, "lab")
    shutil.copytree(own.parent, tmp_path / "lab before the fix")
    with RunRecordings(tmp_path) as recordings:
        assert [recording.directory for recording in recordings.find_old()] == [own.parent]
