"""The chunks of a recording: while it is written, cut off at any byte, damaged at any byte."""

from __future__ import annotations

import pytest

from monty_mqtt.errors import DecodeError
from monty_mqtt_core.recordings.foxglove_forms import unwrapped
from monty_mqtt_core.recordings.mcap_chunks import chunks, read
from monty_mqtt_core.recordings.mcap_file import Entry, Reader, RecordingWriter

TOPICS = ("monty/v1/r/main/metric/loss", "monty/v1/r/main/log/info", "monty/raw/v1/r/main/frame/patch/rgba")


def entries(count, first=0):
    numbers = range(first, first + count)
    return [Entry(TOPICS[number % 3], b"\xff\xd8 %05d" % number * 20, 1000 + number, number) for number in numbers]


def write(path, messages, *, each=7):
    with RecordingWriter(path) as writer:
        for number, entry in enumerate(messages):
            writer.write(entry)
            if number % each == each - 1:
                writer.flush()
    return path


def read_all(path):
    """What can be read, in the order it was written, and how many chunks cannot."""
    messages, damaged, topics = [], 0, {}
    with path.open("rb") as file:
        for chunk in chunks(file):
            try:
                of_chunk = [
                    Entry(message.topic, unwrapped(*message[:2]), *message[2:]) for message in read(file, chunk, topics)
                ]
            except DecodeError:
                damaged += 1
                continue
            messages += of_chunk
    return messages, damaged


def test_it_is_what_the_reader_reads(tmp_path):
    path = write(tmp_path / "some.mcap", entries(100))
    assert read_all(path) == (list(Reader(path).entries()), 0)


def test_what_was_flushed_is_found_from_the_last_chunk_on(tmp_path):
    path, topics = tmp_path / "some.mcap", {}
    with RecordingWriter(path) as writer, path.open("rb") as file:
        assert list(chunks(file)) == []
        begin = None
        for first in range(0, 30, 10):
            for entry in entries(10, first):
                writer.write(entry)
            writer.flush()
            (chunk,) = chunks(file, *([begin] if begin else []))
            begin = chunk.end
            assert chunk[2:] == (1000 + first, 1009 + first)
            assert [message.seq for message in read(file, chunk, topics)] == list(range(first, first + 10))
        assert topics == writer.topics


def test_cut_off_anywhere_it_is_read_up_to_the_last_whole_chunk(tmp_path):
    messages = entries(21)
    whole = write(tmp_path / "some.mcap", messages).read_bytes()
    with (tmp_path / "some.mcap").open("rb") as file:
        ends = [chunk.end for chunk in chunks(file)]
    cut = tmp_path / "cut.mcap"
    for size in range(0, len(whole), 3):
        cut.write_bytes(whole[:size])
        assert read_all(cut) == (messages[: 7 * sum(end <= size for end in ends)], 0)


def test_damaged_anywhere_the_rest_is_read_or_nothing_else(tmp_path):
    messages = entries(21)
    whole = write(tmp_path / "some.mcap", messages).read_bytes()
    bad = tmp_path / "bad.mcap"
    for place in range(8, len(whole), 3):
        bad.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        readable, damaged = read_all(bad)
        assert set(readable) <= set(messages)
        assert damaged <= 3


def test_a_chunk_that_would_fill_the_memory_is_damaged(tmp_path):
    path = write(tmp_path / "some.mcap", entries(7))
    with path.open("r+b") as file:
        (chunk,) = chunks(file)
        file.seek(chunk.offset + 9 + 16)
        file.write(b"\xff" * 8)
        with pytest.raises(DecodeError, match="is not of ours"):
            list(read(file, chunk, {}))
