"""A damaged recording gives all that is whole in it, and says what is missing; what is no file of ours is refused."""

from __future__ import annotations

import os
import socket
import struct

import pytest
import zstandard
from mcap.writer import CompressionType, Writer

from monty_mqtt.errors import ConfigError
from monty_mqtt_core.recordings.mcap_chunks import chunks
from monty_mqtt_core.recordings.mcap_file import Entry, Reader, RecordingWriter
from monty_mqtt_core.recordings.mcap_scan import Beginning
from monty_mqtt_core.recordings.part_files import Recording
from monty_mqtt_stack.commands.spool_uptake import is_left_behind
from monty_mqtt_stack.replay.restore_spool import is_spool, writer_of

TOPIC = "monty/v1/r/main/metric/loss"
CHUNKS, EACH = 11, 10


@pytest.fixture
def path(tmp_path):
    """Eleven chunks of ten messages; the topic is told in the first."""
    path = tmp_path / "some.mcap"
    with RecordingWriter(path) as writer:
        for seq in range(CHUNKS * EACH):
            writer.write(Entry(TOPIC, b'{"value":%d}' % seq, 1000 + seq, seq))
            if seq % EACH == EACH - 1:
                writer.flush()
    return path


def chunks_of(path):
    with path.open("rb") as file:
        return list(chunks(file))


def damage(path, place, content=b"\x55" * 8):
    with path.open("r+b") as file:
        file.seek(place)
        file.write(content)


def read(path):
    reader = Reader(path)
    return [entry.seq for entry in reader.entries()], reader


def without(*numbers):
    return [seq for seq in range(CHUNKS * EACH) if seq // EACH not in numbers]


@pytest.mark.parametrize("number", [0, 4, 10])
def test_one_damaged_chunk_costs_no_other(path, number, caplog):
    chunk = chunks_of(path)[number]
    damage(path, chunk.end - 20)
    seqs, reader = read(path)
    assert seqs == without(number)
    assert [place.messages for place in reader.damages] == [EACH]
    (line,) = caplog.messages
    assert f"is damaged: 10 messages in 1 place ({chunk.length} bytes) cannot be read" in line
    assert Recording(path).damages == []


def test_a_place_where_no_record_begins_is_passed_by(path):
    """The length of the fifth chunk is damaged: whoever goes by it never finds the sixth."""
    damage(path, chunks_of(path)[4].offset + 1)
    seqs, reader = read(path)
    assert seqs == without(4)
    assert [place.messages for place in reader.damages] == [None]


def test_a_damaged_file_that_was_cut_off_too_is_read_in_order(path):
    first, *_, last = chunks_of(path)
    os.truncate(path, last.end - 5)
    damage(path, chunks_of(path)[4].end - 20)
    assert read(path)[0] == without(4, 10)
    damage(path, first.end - 20)  # which told the topic
    assert read(path)[0] == []


def test_messages_come_in_the_order_of_their_times_from_chunks_that_overlap(tmp_path):
    path, times = tmp_path / "some.mcap", [5, 1, 9, 4, 2, 8, 7, 3, 6]
    with RecordingWriter(path) as writer:
        for seq, time_unix_nanos in enumerate(times):
            writer.write(Entry(TOPIC, b"{}", time_unix_nanos, seq))
            if seq % 3 == 2:
                writer.flush()
    assert [entry.time_unix_nanos for entry in Reader(path).entries()] == sorted(times)


def bomb(path, size):
    """A chunk of a few kilobytes that unpacks to `size` bytes, in a file that is whole otherwise."""
    chunk = chunks_of(path)[4]
    packed = zstandard.compress(bytes(size))
    head = struct.pack("<QQQII", 1040, 1049, size, 0, 4) + b"zstd" + struct.pack("<Q", len(packed))
    record = struct.pack("<BQ", 6, len(head) + len(packed)) + head + packed
    whole = path.read_bytes()
    path.write_bytes(whole[: chunk.offset] + record + whole[chunk.end :])
    return len(record)


@pytest.mark.parametrize("mib", [4, 256])
def test_a_chunk_that_unpacks_to_much_more_is_damaged_and_takes_no_time(path, mib, monkeypatch):
    assert bomb(path, mib << 20) < 16_000
    unpacked = []
    decompress = zstandard.decompress
    monkeypatch.setattr(zstandard, "decompress", lambda packed: unpacked.append(len(packed)) or decompress(packed))
    seqs, reader = read(path)
    assert seqs == without(4)
    assert len(reader.damages) == 1
    assert len(unpacked) == CHUNKS - (mib == 256), "what is too large is not unpacked at all"


def test_a_file_that_ends_with_its_beginning_is_one_clear_line(tmp_path):
    path = tmp_path / "tiny.mcap"
    path.write_bytes(b"\x89MCAP0\r\n")
    seqs, reader = read(path)
    assert (seqs, reader.is_whole) == ([], False)


@pytest.mark.parametrize("kind", ["pipe", "device", "socket"])
def test_what_is_no_regular_file_is_refused_and_never_opened(tmp_path, kind):
    path = tmp_path / "some.mcap"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))
    for opened in (Reader, Recording, is_spool):
        with pytest.raises(ConfigError, match=r"some\.mcap' is not allowed; it must be a regular file"):
            opened(path)


def test_a_pipe_among_the_spools_holds_nobody_up(tmp_path):
    path = tmp_path / "some.spool"
    os.mkfifo(path)
    for opened in (is_left_behind, writer_of):
        with pytest.raises((OSError, ConfigError)):
            opened(path)


def test_a_file_too_large_for_a_recording_is_refused(tmp_path):
    path = tmp_path / "some.mcap"
    path.write_bytes(b"\x89MCAP0\r\n")
    os.truncate(path, (256 << 30) + 1)  # which takes no room
    with pytest.raises(ConfigError, match="at most 256 GiB"):
        Reader(path)


def test_a_recording_tells_where_it_was_begun(tmp_path):
    path = tmp_path / "some.mcap"
    begun = [Beginning("r", "main", 812), Beginning("é/x", "eval_1", 3)]
    with RecordingWriter(path) as writer:
        for beginning in begun:
            writer.write(Entry(TOPIC, b"{}", 1, 1))
            writer.note_beginning(beginning)
    recording = Recording(path)
    assert len(list(recording.entries())) == 2
    assert recording.begun == begun
    assert str(begun[0]) == "r, main: begun in the middle, it lacks the 812 messages before"


def test_a_file_of_others_without_chunks_gives_nothing(tmp_path):
    path = tmp_path / "some.mcap"
    writer = Writer(str(path), use_chunking=False, compression=CompressionType.NONE)
    writer.start()
    writer.add_message(writer.register_channel(TOPIC, "json", 0), 1, b"{}", 1)
    writer.finish()
    assert read(path)[0] == []
