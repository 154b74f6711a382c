"""Parts of a recording read as one."""

from __future__ import annotations

import os

import pytest
from kit.bridge import make

from monty_mqtt.errors import ConfigError
from monty_mqtt.wire import schema, topics
from monty_mqtt_core.recordings.mcap_file import Entry, RecordingWriter
from monty_mqtt_core.recordings.part_files import Recording, joined, part_name


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
    assert [entry.seq for entry in Recording(parts[0].parent).entries()] == list(range(25))
    assert [entry.seq for entry in Recording(*reversed(parts)).entries()] == list(range(25))


def test_a_pipe_and_a_device_among_the_parts_are_none(parts):
    directory = parts[0].parent
    os.mkfifo(directory / part_name("20261125T093000Z", 8))
    (directory / part_name("20261125T093000Z", 9)).symlink_to("/dev/zero")
    assert [entry.seq for entry in Recording(directory).entries()] == list(range(25))


def test_a_file_is_itself(parts):
    assert [entry.seq for entry in Recording(parts[1]).entries()] == list(range(7, 20))


def test_parts_that_are_named_together_are_joined_and_others_are_not(parts, tmp_path):
    mine = [tmp_path / "a.mcap", tmp_path / "b.mcap"]
    assert joined([mine[0], *parts, mine[1]]) == [(mine[0],), tuple(parts), (mine[1],)]
    assert joined([tmp_path]) == [(tmp_path,)]


def test_a_directory_without_parts_is_one_clear_line(tmp_path):
    with pytest.raises(ConfigError, match=r"a directory with \.mcap files"):
        Recording(tmp_path)


@pytest.fixture
def recordings(tmp_path):
    """What the page keeps: a directory for each run; the later the letter, the newer."""

    def keep(*runs):
        for day, run in enumerate(runs):
            (tmp_path / run).mkdir()
            write(tmp_path / run / part_name("20261124T093000Z", 0), range(day, day + 3))
            os.utime(tmp_path / run, (day, day))
        (tmp_path / "empty").mkdir()
        (tmp_path / "notes.txt").write_text("no recording")
        return tmp_path

    return keep


def test_the_only_run_in_the_directory_of_all_runs_is_meant(recordings):
    assert [entry.seq for entry in Recording(recordings("a")).entries()] == [0, 1, 2]


def test_of_several_runs_it_says_which_there_are_and_how_one_is_named(recordings):
    kept = recordings("a", "b%2Fc", "d")
    with pytest.raises(ConfigError) as raised:
        Recording(kept)
    assert str(raised.value).endswith(
        f"one run's directory, such as {kept / 'd'}, or {kept}/* for all; the 3 runs in it: d, b%2Fc, a"
    )


def test_of_many_runs_it_names_the_newest(recordings):
    names = [f"run-{number:02}" for number in range(13)]
    with pytest.raises(ConfigError, match=r"the 13 runs in it: run-12, .*, run-03 and 3 older ones$"):
        Recording(recordings(*names))
