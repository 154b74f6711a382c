"""The spool file: what was written is read back, however it was cut; only ever the sender's own, in its own place."""

import os
import resource
import stat
import struct
import urllib.parse
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monty_mqtt.broadcast.spool_file import SpoolFile
from monty_mqtt.errors import ConfigError
from monty_mqtt.wire import spool_format
from monty_mqtt.wire.spool_format import SpoolHeader


def header_of(run="x", worker="main", started=1_700_000_000_000_000_000):
    return SpoolHeader(schema_version=1, run=run, worker=worker, started_unix_nanos=started, pid=7, host="here")


def messages(*seqs, size=100):
    return [(seq, (b"v1 metric", seq.to_bytes(8, "big"), bytes(size))) for seq in seqs]


@pytest.fixture
def opened(tmp_path):
    spool = SpoolFile(tmp_path / "state" / "spool", header_of())
    yield spool
    spool.close()


def read(path):
    """Return header and records of a file, as one does who restores it."""
    fd = os.open(path, os.O_RDONLY)
    try:
        header, offset = spool_format.read_header(fd, path)
        messages = []
        while records := spool_format.read_records(fd, offset):
            messages += [(record.seq, record.frames) for record in records]
            offset = records[-1].end
        return header, messages
    finally:
        os.close(fd)


def test_what_is_written_is_read_back_by_anybody(opened):
    opened.write(messages(0, 1))
    opened.write(messages(2, 5, size=0))
    header, read_back = read(opened.path)
    assert header == header_of()
    assert read_back == messages(0, 1) + messages(2, 5, size=0)
    assert (opened.last, opened.size) == (5, opened.path.stat().st_size)


def test_nobody_else_may_read_it(opened):
    opened.write(messages(0))
    assert stat.S_IMODE(opened.path.stat().st_mode) == 0o600
    for directory in (opened.path.parent, opened.path.parent.parent):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_there_is_no_file_before_the_first_message(opened):
    assert not opened.path.parent.parent.exists()
    assert (opened.is_open, opened.last) == (False, -1)
    assert opened.first_from(0) is None
    opened.remove()
    opened.shrink(1)


def test_messages_are_found_by_their_seq(opened):
    for first in range(0, 20_000, 50):
        opened.write(messages(*range(first, first + 50)))
    for seq in (0, 1, 700, 19_999, 19_998, 5, 10_000):
        assert opened.first_from(seq) == messages(seq)[0]
    assert opened.first_from(20_000) is None


def test_a_gap_is_skipped(opened):
    opened.write(messages(3, 4))
    opened.write(messages(9))
    assert [opened.first_from(seq)[0] for seq in (0, 4, 5, 9)] == [3, 4, 9, 9]


def test_a_large_message_among_small_ones(opened):
    written = messages(0) + messages(1, size=3 << 20) + messages(2)
    opened.write(written)
    assert [opened.first_from(seq) for seq in range(3)] == written
    assert read(opened.path)[1] == written


@given(st.integers(0, 400))
def test_a_tail_that_was_cut_is_recognised(tmp_path_factory, cut):
    spool = SpoolFile(tmp_path_factory.mktemp("cut"), header_of())
    spool.write(messages(0, 1, 2))
    spool.close()
    size = spool.path.stat().st_size
    cut = min(cut, size - len(spool.path.read_bytes().partition(b"\n")[0]) - 1)
    os.truncate(spool.path, size - cut)
    record_bytes = 20 + 3 * 4 + 9 + 8 + 100
    assert read(spool.path)[1] == messages(0, 1, 2)[: 3 - -(-cut // record_bytes)]


def test_a_record_that_was_changed_is_not_believed(opened):
    opened.write(messages(0, 1))
    content = bytearray(opened.path.read_bytes())
    content[-1] ^= 1
    opened.path.write_bytes(content)
    assert [seq for seq, _ in read(opened.path)[1]] == [0]


@given(st.binary(max_size=200))
def test_any_bytes_behind_the_last_record_are_no_record(tmp_path_factory, tail):
    spool = SpoolFile(tmp_path_factory.mktemp("tail"), header_of())
    spool.write(messages(0))
    spool.close()
    with spool.path.open("ab") as file:
        file.write(tail)
    assert read(spool.path)[1] == messages(0)


def test_a_length_beyond_all_bounds_is_not_read(opened):
    opened.write(messages(0))
    with opened.path.open("ab") as file:
        file.write(struct.pack(">IIQI", 0xFFFFFFFF, 0, 1, 1))
    assert [seq for seq, _ in read(opened.path)[1]] == [0]


def test_what_an_interrupted_write_left_is_cut_before_the_next(opened):
    opened.write(messages(0, 1))
    with opened.path.open("ab") as file:
        file.write(b"half a record")
    assert opened.first_from(2) is None
    opened.write(messages(2))
    assert [seq for seq, _ in read(opened.path)[1]] == [0, 1, 2]


def test_a_file_that_somebody_removed_is_not_written_any_more_but_still_read(opened):
    opened.write(messages(0))
    opened.path.unlink()
    with pytest.raises(FileNotFoundError, match="somebody removed it"):
        opened.write(messages(1))
    assert opened.first_from(0) == messages(0)[0]
    opened.remove()


def test_it_is_removed_in_parts_and_may_begin_anew(opened):
    opened.write(messages(*range(100)))
    sizes = []
    while opened.is_open:
        opened.shrink(5000)
        sizes.append(opened.size)
    assert len(sizes) > 2
    assert not opened.path.parent.exists()
    assert opened.path.parent.parent.exists()
    opened.write(messages(100))
    assert read(opened.path)[1] == messages(100)
    assert opened.first_from(0) == messages(100)[0]


def test_what_is_written_while_it_is_being_removed_begins_anew(opened):
    opened.write(messages(*range(100)))
    opened.shrink(5000)
    opened.write(messages(100))
    assert read(opened.path)[1] == messages(100)
    assert opened.first_from(0) == messages(100)[0]


def test_the_directory_of_a_run_stays_while_another_worker_has_a_file(tmp_path):
    one, other = (SpoolFile(tmp_path, header_of(worker=worker)) for worker in ("one", "other"))
    one.write(messages(0))
    other.write(messages(0))
    one.remove()
    assert list(other.path.parent.iterdir()) == [other.path]
    other.remove()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("run", ["a/b", "..", ".", "%", " ", "line\nbreak", "🤖", "it's 100 %", "\x00"])
def test_any_name_is_a_file_of_its_own_below_the_directory(tmp_path, run):
    spool = SpoolFile(tmp_path, header_of(run=run, worker=run))
    spool.write(messages(0))
    assert spool.path.parent.parent == tmp_path
    assert urllib.parse.unquote(spool.path.parent.name) == run
    assert urllib.parse.unquote(spool.path.name.rpartition("-")[0]) == run
    assert read(spool.path)[0].run == run
    spool.remove()


@pytest.mark.parametrize("letter", ["n", "🤖", "."])
def test_long_names_stay_apart_though_file_names_are_short(tmp_path, letter):
    spools = [SpoolFile(tmp_path, header_of(run=letter * 299 + end, worker=letter * 299 + end)) for end in "ab"]
    for spool in spools:
        spool.write(messages(0))
    assert len({spool.path.parent for spool in spools}) == 2
    assert [read(spool.path)[0].run[-1] for spool in spools] == ["a", "b"]
    for spool in spools:
        spool.remove()


@pytest.mark.parametrize(
    "content", [b"", b"\x89MCAP0\r\n", b"monty-mqtt spool 1 {", b"monty-mqtt spool 1 {}\n", b"x\n"]
)
def test_a_file_that_is_none_is_named(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"^spool: '.*file' is not allowed; it must be a spool file of monty-mqtt"):
        read(path)


@contextmanager
def no_file_larger_than(size):
    """Let no file of this process become larger, pytest's own output among them: what a write has room for is written,
    as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_takes_all_of_a_write_or_nothing(opened):
    with no_file_larger_than(10_000):
        opened.write(messages(*range(60)))
        with pytest.raises(OSError, match="No space left on device"):
            opened.write(messages(*range(60, 100)))
        opened.write(messages(60))
        assert [seq for seq, _ in read(opened.path)[1]] == list(range(61))
        with pytest.raises(OSError, match=r"No space left|File too large"):
            opened.write(messages(61, size=5000))
    opened.close()
    assert opened.last == 60
