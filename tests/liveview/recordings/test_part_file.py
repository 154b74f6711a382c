"""One part: read while it is written, cut off and damaged anywhere, closed afterwards; and where parts are."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time

import pytest
from kit.bridge import FIRST_STAMP, make

from monty_mqtt.errors import ServiceError
from monty_mqtt.wire import schema, topics
from monty_mqtt_core.recordings.mcap_file import Entry, Reader, RecordingWriter
from monty_mqtt_core.recordings.part_files import directory_of
from monty_mqtt_liveview.recordings import run_recordings as module
from monty_mqtt_liveview.recordings.part_file import PartFile
from monty_mqtt_liveview.recordings.run_recordings import RunRecordings

COUNT = 40


def entry(seq):
    message = make(schema.Metric, seq, name=f"metric {seq % 3}")
    return Entry(topics.of_message(message).topic, schema.encode(message), message.time_unix_nanos, seq)


@pytest.fixture
def whole(tmp_path):
    path = tmp_path / "20261124T093000Z-0000.mcap"
    with RecordingWriter(path) as writer:
        for seq in range(COUNT):
            writer.write(entry(seq))
            if seq % 5 == 4:
                writer.flush()
    return path


def seqs(part):
    part.look()
    return [recorded.seq for recorded in part.entries(0, part.count)]


def test_a_whole_part_is_whole_and_read_to_its_end(whole):
    part = PartFile(whole)
    assert part.is_whole()
    assert seqs(part) == list(range(COUNT))
    assert part.find(*entry(17)[::2]) == entry(17).payload
    assert part.find(entry(17).topic, FIRST_STAMP - 1) is None
    assert part.find(entry(18).topic, FIRST_STAMP + 17) is None


def test_cut_off_anywhere_it_is_read_as_far_as_it_goes_and_then_closed(whole, tmp_path, caplog):
    content = whole.read_bytes()
    for size in range(8, len(content), 61):
        cut = tmp_path / f"{size}.mcap"
        cut.write_bytes(content[:size])
        os.utime(cut, (1_000_000, 1_000_000))
        part = PartFile(cut)
        kept = seqs(part)
        assert not part.is_whole()
        assert kept == list(range(len(kept)))
        assert len(kept) % 5 == 0
        closed = part.closed()
        if not kept:
            assert closed is None
            assert not cut.exists()
            continue
        assert closed.is_whole()
        assert [entry_read.seq for entry_read in Reader(cut).entries()] == kept
        assert [closed.find(*entry(seq)[::2]) for seq in kept] == [entry(seq).payload for seq in kept]
        assert cut.stat().st_mtime == 1_000_000
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert caplog.messages == []


def test_damaged_anywhere_the_rest_is_shown_with_one_warning_at_most(whole, tmp_path, caplog):
    content = whole.read_bytes()
    for place in range(8, len(content), 37):
        bad = tmp_path / f"bad-{place}.mcap"
        bad.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            part = PartFile(bad)
            kept = seqs(part)
            assert seqs(part) == kept
            part.find(entry(17).topic, FIRST_STAMP + 17)
        assert set(kept) <= set(range(COUNT))
        assert len(caplog.messages) <= 1


def test_what_is_gone_is_not_there(whole):
    part = PartFile(whole)
    part.look()
    whole.unlink()
    assert part.find(*entry(17)[::2]) is None
    assert list(part.entries(0, part.count)) == []
    assert part.size_bytes == 0
    assert not part.is_whole()


@pytest.mark.parametrize("run", ["../../x</script>", "..", ".", "", "a/b", "x" * 5000, "é\0\n", "~root", "C:\\x"])
def test_no_name_leaves_the_directory(tmp_path, run):
    directory = directory_of(tmp_path, run)
    assert directory.parent == tmp_path
    assert directory.resolve().parent == tmp_path.resolve()
    directory.mkdir()
    assert directory_of(tmp_path, run + "x") != directory


def test_two_pages_do_not_record_in_one_directory(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_LOCK_SECS", 0.3)
    with RunRecordings(tmp_path), pytest.raises(ServiceError, match="another page records there"):
        RunRecordings(tmp_path).__enter__()
    with RunRecordings(tmp_path):
        pass


def test_a_page_that_was_killed_holds_nothing(tmp_path):
    code = (
        "import signal\nfrom pathlib import Path\n"
        "from monty_mqtt_liveview.recordings.run_recordings import RunRecordings\n"
        f"with RunRecordings(Path({str(tmp_path)!r})): print('here', flush=True); signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "here\n"
        process.kill()
    began = time.monotonic()
    with RunRecordings(tmp_path):
        assert time.monotonic() - began < 5


def test_where_nothing_can_be_recorded_it_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ServiceError, match=r"recordings .*file.*: Not a directory"):
        RunRecordings(tmp_path / "file" / "recordings").__enter__()


def test_parts_that_begin_in_the_same_second_have_their_own_names(tmp_path):
    with RunRecordings(tmp_path) as first:
        part = first.of("run").begin(first.started)
        with RecordingWriter(part.path) as writer:
            writer.write(entry(0))
    with RunRecordings(tmp_path) as second:
        (old,) = second.find_old()
        assert [part_found.path for part_found in old.parts] == [part.path]
        assert old.begin(first.started).path.name == part.path.name.replace("-0000", "-0001")
