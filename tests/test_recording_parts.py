"""Parts of a recording read as one."""

from __future__ import annotations

import pytest
from bridge_fixtures import make

from monty_mqtt import schema, topics
from monty_mqtt.errors import ConfigError
from monty_mqtt_stack.recording_file import Entry, RecordingWriter
from monty_mqtt_stack.recording_parts import Recording, joined, part_name


def entry(seq, kind=schema.Metric, **fields):
    message = make(kind, seq, **fields)
    return Entry(topics.of_message(message).topic, schema.encode(message), message.time_unix_nanos, seq)


def write(path, seqs):
    with RecordingWriter(path) as writer:
        for seq in seqs:
            writer.write(entry(seq))
    return path


@pytest.fixture
def parts(tmp_path):
    """The second begins with what was not acknowledged in the first, the third was cut off."""
    first = write(tmp_path / part_name("20261124T093000Z", 0), range(10))
    second = write(tmp_path / part_name("20261124T093000Z", 1), range(7, 20))
    third = write(tmp_path / part_name("20261125T093000Z", 0), range(18, 25))
    third.write_bytes(third.read_bytes()[:-100])
    write(tmp_path / f".{third.name}", range(90, 99))
    return [first, second, third]


def test_a_directory_is_one_recording_with_everything_once(parts):
    assert [one.seq for one in Recording(parts[0].parent).entries()] == list(range(25))
    assert [one.seq for one in Recording(*reversed(parts)).entries()] == list(range(25))


def test_a_file_is_itself(parts):
    assert [one.seq for one in Recording(parts[1]).entries()] == list(range(7, 20))


def test_parts_that_are_named_together_are_joined_and_others_are_not(parts, tmp_path):
    mine = [tmp_path / "a.mcap", tmp_path / "b.mcap"]
    assert joined([mine[0], *parts, mine[1]]) == [(mine[0],), tuple(parts), (mine[1],)]
    assert joined([tmp_path]) == [(tmp_path,)]


def test_a_directory_without_parts_is_one_clear_line(tmp_path):
    with pytest.raises(ConfigError, match=r"a directory with \.mcap files"):
        Recording(tmp_path)
