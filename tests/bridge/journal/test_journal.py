"""The journal's file: what it keeps, what it lets go, what it does when it is full or damaged. Real files and disks."""

from __future__ import annotations

import logging
import random
import shutil
import sqlite3
from pathlib import Path

import pytest
from kit.bridge import make

from monty_mqtt.errors import ConfigError
from monty_mqtt.wire import schema
from monty_mqtt.wire.zmq_protocol import Hello
from monty_mqtt_bridge.journal.journal import Journal
from monty_mqtt_bridge.receive.published_name import settle

PAYLOAD_BYTES = 20_000


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "state" / "bridge.sqlite")


def hello(run="run", worker="main", started=1, **fields) -> Hello:
    fields = {"base": 0, **fields}
    return Hello(schema_version=1, run=run, worker=worker, started_unix_nanos=started, **fields)


class Filled:
    """A journal, and a worker whose messages go into it."""

    def __init__(self, path, bound_mib=2048.0, clock=None):
        self.path = str(path)
        self.journal = Journal(self.path, int(bound_mib * 2**20), *([clock] if clock else []))
        self.sender, self.begins = self.journal.senders.of(hello())
        if not self.sender.is_named:
            settle(self.sender, self.journal.senders)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.journal.close()

    def add(self, count=1, kind="data", size=PAYLOAD_BYTES):
        """Accept so many messages and commit each; return how often that worked."""
        done = 0
        for _ in range(count):
            self.journal.append(self.sender, kind, bytes(size))
            self.sender.next += kind == "data"
            done += self.journal.commit()
        return done

    def ids(self, after=0):
        ids = []
        while rows := self.journal.read(ids[-1] if ids else after):
            ids += [row.id for row in rows]
        return ids


def test_rows_come_back_in_order_with_their_buffers_and_positions_stay(path):
    with Filled(path) as filled:
        journal, sender = filled.journal, filled.sender
        step = make(schema.Step, 0)
        journal.append(sender, "step", schema.encode(step), message=step)
        journal.append(sender, "object_model", b"{}", [b"points", b""])
        sender.next, sender.bulk_next, sender.lost, sender.dropped = 2, 7, 1, 3
        sender.first, sender.gap = 4, 5
        assert sender.safe == 0
        assert journal.commit()
        assert sender.safe == 2
        journal.keep("commands", b"abc")
        journal.fed = 1
    with Filled(path) as again:
        first, second = again.journal.read(0)
        assert (first.kind, first.payload, list(first.buffers)) == ("step", schema.encode(step), [])
        assert (second.kind, list(second.buffers)) == ("object_model", [b"points", b""])
        assert first.sender is second.sender is again.sender
        assert not again.begins
        sender = again.sender
        assert (sender.next, sender.bulk_next, sender.lost, sender.dropped) == (2, 7, 1, 3)
        assert (sender.first, sender.gap) == (4, 5)
        assert (again.journal.kept("commands"), again.journal.fed, again.journal.rows) == (b"abc", 1, 2)
        assert again.journal.append(sender, "step").id == 3


def test_reading_is_bounded_by_bytes(path):
    with Filled(path) as filled:
        filled.add(100, size=1_000_000)
        assert 4 <= len(filled.journal.read(0)) <= 6
        assert filled.ids() == list(range(1, 101))


def test_what_is_large_does_not_wait_in_memory(path):
    with Filled(path) as filled:
        for _ in range(30):
            filled.journal.append(filled.sender, "frame", bytes(1_000_000))
            assert sum(row.size for row in filled.journal.pending) <= 9_000_000
        assert filled.journal.rows >= 24


def test_numbers_are_never_given_twice_also_if_all_rows_are_gone(path):
    with Filled(path) as filled:
        filled.add(5)
        filled.journal.fed = 5
        filled.journal.remove(5)
        filled.journal.commit()
        assert (filled.ids(), filled.journal.rows, filled.journal.first) == ([], 0, 6)
    with Filled(path) as again:
        assert again.journal.append(again.sender, "data").id == 6


def test_a_second_sender_of_a_name_is_another_and_the_first_is_known_again(path):
    with Filled(path) as filled:
        filled.add(3)
        second, begins = filled.journal.senders.of(hello(started=2))
        assert begins
        assert second.next == 0
        settle(second, filled.journal.senders)
        filled.journal.append(second, "data")
        second.begins = False
    with Filled(path) as again:
        senders = again.journal.senders
        assert senders.of(hello(started=1, replayed=True))[0].next == 3
        assert senders.of(hello(started=2))[1] is False
        assert senders.newest["run", "main-2"].started_unix_nanos == 2
        restored, begins = senders.of(hello(started=3, base=5, replayed=True))
        assert (restored.next, begins) == (5, False)
        assert senders.of(hello(started=3)) == (restored, True), "an experiment after all"


def test_at_the_bound_the_oldest_frames_go_first_then_nothing_more_is_accepted_until_there_is_room(path, caplog):
    with Filled(path, bound_mib=4) as filled:
        journal = filled.journal
        filled.add(50)
        filled.add(50, kind="frame")
        assert not journal.lacking
        filled.add(150)
        frames = [row for row in range(51, 101) if row in filled.ids()]
        assert 0 < journal.room.evicted <= 256
        assert frames == list(range(101 - len(frames), 101)), "the newest stay"
        while not journal.lacking:
            filled.add()
        assert "journal_mib" in journal.lacking
        assert set(range(1, 51)) <= set(filled.ids()), "nothing that was acknowledged, but frames"
        assert journal.room.used_bytes <= 4.1 * 2**20
        assert journal.rows == len(filled.ids())
        errors = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert len(errors) == 2, "one line per change of state"
        assert "dropped to make room" in errors[0].message
        assert "nothing more is accepted" in errors[1].message
        journal.fed = journal.last
        journal.remove(100)
        journal.commit()
        assert not journal.lacking
        assert "room again" in caplog.text


def test_the_space_of_rows_that_are_gone_is_given_back_to_the_disk(path):
    with Filled(path) as filled:
        filled.add(5000)
        full = Path(path).stat().st_size
        filled.journal.fed = 5000
        filled.journal.remove(4990)
        while filled.journal.first < 4991:
            filled.journal.commit()
        for _ in range(3):
            filled.journal.tidy()
            filled.add(size=10)
        assert full > 95 << 20
        assert Path(path).stat().st_size < 2 << 20
        assert Path(path + "-wal").stat().st_size <= 8 << 20
        assert filled.ids()[0] == 4991
    assert not Path(path + "-wal").exists()


def fill(path):
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def test_on_a_full_disk_nothing_is_acknowledged_that_is_not_there_and_it_heals(disk, caplog):
    with Filled(disk / "bridge.sqlite") as filled:
        journal = filled.journal
        filled.add(5)
        with pytest.raises(OSError, match="No space"):
            fill(disk / "ballast")
        while filled.add():
            pass
        safe = filled.sender.safe
        assert safe == filled.sender.next - 1
        assert "its disk has no room" in journal.lacking
        filled.add(3)
        assert filled.sender.safe == safe
        (disk / "ballast").unlink()
        assert journal.commit()
        assert filled.sender.safe == filled.sender.next
        assert not journal.lacking
        assert filled.ids() == list(range(1, filled.sender.next + 1))
        levels = [record.levelname for record in caplog.records]
        assert levels.count("ERROR") <= 2, caplog.messages
        assert levels[-1] == "WARNING"


def test_what_sqlite_would_not_write_is_tried_again_each_second(path, caplog):
    now = [0.0]
    with Filled(path, clock=lambda: now[0]) as filled:
        journal = filled.journal
        filled.add(5)
        limit = journal._database._connection.execute("PRAGMA max_page_count = 1").fetchone()[0]
        while filled.add():
            now[0] += 1.0
        safe = filled.sender.safe
        assert safe == filled.sender.next - 1
        assert "full" in journal.lacking
        journal._database._connection.execute(f"PRAGMA max_page_count = {limit + 10_000}")
        assert not journal.commit(), "not before a second has passed"
        now[0] += 1.0
        assert journal.commit()
        assert not journal.lacking
        assert filled.ids() == list(range(1, filled.sender.next + 1))
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


@pytest.mark.parametrize("batches", [(700, 200, 700), (200, 400, 200, 100, 700), (400, 500, 50, 700), (790, 790, 790)])
def test_much_at_once_on_a_disk_that_is_nearly_full_does_not_keep_rows_from_being_let_go(disk, batches):
    """What went into SQLite's log, and then not from there into the file, held up even the removal of rows."""
    with Filled(disk / "bridge.sqlite") as filled:
        journal = filled.journal
        for count in batches * 3:
            if not journal.lacking:
                for _ in range(count):
                    journal.append(filled.sender, "data", bytes(10_000))
                    filled.sender.next += 1
                journal.commit()
        assert "its disk" in journal.lacking
        for _ in range(10):
            journal.fed = journal.committed
            journal.remove(journal.committed)
            journal.commit()
        assert not journal.pending
        assert not journal.lacking
        assert filled.sender.safe == filled.sender.next


def test_what_there_was_no_room_for_is_safe_when_the_broker_has_had_it_for_long_enough(disk):
    with Filled(disk / "bridge.sqlite") as filled:
        journal = filled.journal
        filled.add(5)
        assert filled.add(size=13 << 20) == 0
        assert "its disk has no room" in journal.lacking
        assert filled.sender.safe == 5
        journal.fed = journal.last
        journal.remove(journal.last)
        assert journal.commit()
        assert filled.sender.safe == 6
        assert not journal.lacking
        filled.add()
        assert filled.ids() == [7]


def test_a_full_disk_keeps_no_bridge_from_what_is_in_its_journal(disk):
    with Filled(disk / "bridge.sqlite") as filled:
        filled.add(50)
        with pytest.raises(OSError, match="No space"):
            fill(disk / "ballast")
    with Filled(disk / "bridge.sqlite") as again:
        assert again.ids() == list(range(1, 51))
        assert again.journal.lacking or not again.add()


def test_some_of_the_disk_stays_free_so_that_rows_can_be_let_go(disk):
    with Filled(disk / "bridge.sqlite") as filled:
        while not filled.journal.lacking:
            assert filled.add() == 1
        assert "disk" in filled.journal.lacking
        filled.journal.fed = filled.journal.last
        filled.journal.remove(filled.journal.last)
        while filled.journal.lacking:
            assert filled.journal.commit()
            filled.journal.tidy()


def crashed(filled, to: Path) -> Path:
    """Return a copy of the files as a kill would leave them."""
    to.mkdir()
    for part in ("", "-wal"):
        shutil.copy(filled.path + part, to / f"bridge.sqlite{part}")
    return to / "bridge.sqlite"


def test_a_half_written_tail_is_cut_wherever_it_was_cut_or_spoilt(path, tmp_path):
    chance = random.Random(1)
    with Filled(path) as filled:
        filled.add(40, size=3000)
        for number in range(40):
            copy = crashed(filled, tmp_path / str(number))
            wal = Path(f"{copy}-wal")
            content = bytearray(wal.read_bytes())
            where = chance.randrange(len(content))
            if number % 2:
                del content[where:]
            else:
                content[where] ^= 1 << chance.randrange(8)
            wal.write_bytes(content)
            with Filled(copy) as again:
                ids = again.ids()
                assert ids == list(range(1, len(ids) + 1)), "a beginning of it, whole"
                assert again.sender.next == len(ids), "positions and rows are of one moment"
                again.add()


def test_all_of_it_is_there_after_a_kill(path, tmp_path):
    with Filled(path) as filled:
        filled.add(40)
        with Filled(crashed(filled, tmp_path / "killed")) as again:
            assert again.ids() == list(range(1, 41))


def spoil(path, how):
    content = bytearray(Path(path).read_bytes())
    if how == "no database":
        content[:100] = b"x" * 100
    elif how == "pages of noise":
        for page in range(1, len(content) // 4096):
            content[page * 4096 : page * 4096 + 200] = b"\xff" * 200
    else:
        del content[5000:]
    Path(path).write_bytes(content)


@pytest.mark.parametrize("how", ["no database", "pages of noise", "cut short"])
def test_a_damaged_file_is_moved_aside_with_one_error_and_a_new_one_begun(path, caplog, how):
    with Filled(path) as filled:
        filled.add(50)
    spoil(path, how)
    with Filled(path) as again:
        assert again.begins
        again.add(3)
        assert again.ids() == [2, 3, 4] or again.ids() == [1, 2, 3]
    (error,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "damaged" in error.message
    assert "\n" not in error.message
    (aside,) = Path(path).parent.glob("*.damaged-*")
    assert str(aside) in error.message


def test_damage_that_shows_later_costs_what_only_the_file_held(path, caplog):
    with Filled(path) as filled:
        filled.add(200)
        journal = filled.journal
        journal._database._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        journal._database._connection.execute("PRAGMA shrink_memory")
        spoil(path, "pages of noise")
        renewed = []
        journal.renewed = lambda: renewed.append(True)
        journal.keep("name", b"value")
        filled.add(20)
        filled.ids()
        filled.add(5)
        assert renewed == [True]
        assert filled.ids(), "what came after it"
        assert filled.sender.safe == filled.sender.next == 225
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1
    with Filled(path) as again:
        assert again.sender.next == 225, "positions are not forgotten"


@pytest.mark.parametrize(
    ("version", "lacks"),
    [
        (1, ("first", "gap", "proof", "whole_from", "too_large", "said")),
        (2, ("proof", "whole_from", "too_large", "said")),
        (3, ("said",)),
    ],
)
def test_a_file_of_an_earlier_version_is_taken_over(path, version, lacks):
    with Filled(path) as filled:
        filled.add(3)
    with sqlite3.connect(path) as connection:
        connection.execute("DROP INDEX sender_said")
        for column in lacks:
            connection.execute(f"ALTER TABLE senders DROP COLUMN {column}")
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    with Filled(path) as again:
        assert (again.ids(), again.sender.next, again.sender.first, again.sender.gap) == ([1, 2, 3], 3, 0, None)
        assert again.add() == 1


def test_a_file_of_a_newer_version_is_refused_with_one_line(path):
    Filled(path).__exit__()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ConfigError, match=r"journal: .*newer bridge wrote 99$"):
        Journal(path)
    assert not list(Path(path).parent.glob("*.damaged-*"))


def test_a_second_bridge_on_the_same_file_is_refused_with_one_line(path):
    with Filled(path), pytest.raises(ConfigError, match=r"journal: .*another one has it open$"):
        Journal(path)


@pytest.mark.parametrize("where", ["/proc/no/such/file", "/dev/null/file"])
def test_a_file_that_cannot_be_made_is_refused_with_one_line(where):
    with pytest.raises(ConfigError, match=r"journal: .* can be written") as caught:
        Journal(where)
    assert "\n" not in str(caught.value)


def test_only_its_owner_reads_it(path):
    with Filled(path) as filled:
        filled.add(1)
        for part in ("", "-wal"):
            assert Path(path + part).stat().st_mode & 0o077 == 0
        assert Path(path).parent.stat().st_mode & 0o077 == 0


def test_a_folder_that_somebody_removes_stops_nothing(path):
    with Filled(path) as filled:
        filled.add(3)
        shutil.rmtree(Path(path).parent)
        assert filled.add(3) == 3
        filled.journal.tidy()
        assert filled.ids() == list(range(1, 7))


def test_without_a_file_it_works_all_the_same():
    with Filled("", bound_mib=4) as filled:
        filled.add(100)
        assert filled.ids() == list(range(1, 101))
        filled.journal.tidy()
        while not filled.journal.lacking:
            filled.add()
