"""What goes into the spool, when, and what becomes of it; against a real ROUTER that is there, away, deaf or late."""

import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.machine.python38 import python38
from kit.programs.interrupted import INTERRUPTED
from kit.zmq_router import Router
from monty_side.broadcast.test_spool_file import read

from monty_mqtt import ZmqBroadcaster
from monty_mqtt.broadcast import spool_policy
from monty_mqtt.broadcast.send_window import SendWindow
from monty_mqtt.broadcast.spool_file import SpoolFile
from monty_mqtt.wire import schema
from monty_mqtt.wire.spool_format import SpoolHeader


@pytest.fixture
def port():
    with Router() as router:
        return router.port  # nobody listens there any more


@pytest.fixture
def made(tmp_path):
    """Make broadcasters whose spool is in a directory of the test's own."""
    every = []

    def make(port, **settings):
        every.append(
            ZmqBroadcaster(run_id="x", zmq_port=port, strict=True, spool_dir=str(tmp_path / "spool"), **settings)
        )
        return every[-1]

    yield make
    for broadcaster in every:
        broadcaster.close(flush_secs=0)


@pytest.fixture
def files(tmp_path):
    return lambda: sorted((tmp_path / "spool").glob("*/*.spool"))


def publish_until(b, condition, secs=20.0):
    """Publish about 1000 a second until `condition` holds."""
    deadline = time.monotonic() + secs
    while not condition():
        assert time.monotonic() < deadline
        b.publish_metric("number", b.counts.published)
        b._outbox.link.wait(0.0)


def seqs_of(path):
    return [seq for seq, _ in read(path)[1]]


def test_with_a_bridge_there_is_never_a_file(made, router, tmp_path):
    for _ in range(3):  # a machine that stops for half a second is no bridge that is there
        b = made(router.port)
        for number in range(2000):
            b.publish_metric("number", number)
        b.close()
        assert not list((tmp_path / "spool").rglob("*.spool"))
        if not b.counts.spooled:
            break
    assert b.counts.spooled == 0


def test_without_one_everything_is_in_the_file_after_a_moment(made, port, files):
    b = made(port)
    b.publish_metric("first", 0)
    started = time.monotonic()
    publish_until(b, files)
    assert 0.4 < time.monotonic() - started < 5
    publish_until(b, lambda: seqs_of(*files())[-1] == b.counts.published - 1)
    for _ in range(10):
        b.publish_metric("number", 0)
        assert seqs_of(*files()) == list(range(b.counts.published))  # each at once
    assert b.counts.dropped == 0


def test_a_bridge_that_comes_gets_it_and_the_file_goes(made, port, files):
    b = made(port)
    publish_until(b, files)
    with Router(port) as router:
        assert b.flush(20)
        assert [message.seq for message in router.messages("x")] == list(range(b.counts.published))
        b.pump()
        assert not files()
        b.publish_metric("number", 0)
        assert b.flush(20)
        assert not files()
        b.close()


def test_a_bridge_that_stops_acknowledging_is_as_good_as_away(made, router, files):
    b = made(router.port)
    b.publish_metric("number", 0)
    assert b.flush(10)
    router.deaf = True
    publish_until(b, files)
    assert seqs_of(*files())[0] == 1  # the first one is with the bridge
    router.deaf = False
    assert b.flush(20)
    b.pump()
    assert not files()
    assert [message.seq for message in router.messages("x")] == list(range(b.counts.published))


def test_beyond_8_mib_it_is_written_at_once(made, router, files):
    b = made(router.port)
    router.deaf = True
    for _ in range(12):
        b.publish_data("d", "x" * (1 << 20))
    assert len(seqs_of(*files())) >= 4
    assert b.counts.dropped == 0


def test_beyond_the_window_memory_lets_go_and_nothing_is_lost(made, port, files):
    b = made(port, window_bytes=256 << 10)
    for number in range(3000):
        b.publish_data("d", f"{number} " + "x" * 1000)
        assert b._outbox.window.held_bytes <= 256 << 10
    assert b._outbox.window.held_bytes <= 128 << 10  # all in the file, so half of it is enough
    assert b.counts.dropped == 0
    with Router(port) as router:
        while not b.flush(0.1):
            assert b._outbox.window.held_bytes <= 256 << 10
        assert [int(message.data.split()[0]) for message in router.messages("x")] == list(range(3000))
        b.close()
        assert not files()


def test_the_end_of_a_run_is_in_the_file_too_and_the_log_says_where(made, port, files, caplog):
    b = made(port)
    for number in range(100):
        b.publish_metric("number", number)
    b.close()
    (path,) = files()
    header, records = read(path)
    assert (header.run, header.worker, header.schema_version) == ("x", "main", schema.SCHEMA_VERSION)
    assert header.started_unix_nanos == b._outbox.link.sender.started_unix_nanos
    assert [seq for seq, _ in records] == list(range(101))
    assert schema.decode(records[-1][1][1]).status == "completed"
    (line,) = caplog.messages
    assert line.startswith("run 'x': 101 messages wait in a file, because there is no bridge at tcp://127.0.0.1:")
    assert line.endswith(f"; send them with: monty-mqtt replay {path}")
    assert (b.counts.unacknowledged, b.counts.spooled, b.counts.dropped) == (101, 101, 0)


def test_a_bridge_that_is_too_slow_at_the_end_leaves_the_rest_in_the_file(made, router, files, caplog):
    b = made(router.port)
    b.publish_metric("number", 0)
    assert b.flush(10)
    router.deaf = True
    b.publish_metric("number", 1)
    b.close(flush_secs=0.1)
    assert seqs_of(*files()) == [1, 2]
    assert "2 messages wait in a file, because the bridge did not take them in time; send" in caplog.text


def test_switched_off_it_writes_nothing(made, port, files, caplog):
    b = made(port, spool_mib=0, window_bytes=64 << 10)
    for number in range(1000):
        b.publish_metric("number", number)
    b.close()
    assert not files()
    assert b.counts.dropped + b.counts.unacknowledged == 1001
    assert caplog.messages == [
        f"run 'x': {b.counts.unacknowledged} messages are lost: there is no bridge at tcp://127.0.0.1:{port}"
    ]


def test_beyond_its_bound_the_oldest_are_dropped(made, port, files, caplog):
    b = made(port, spool_mib=1, window_bytes=256 << 10)
    for number in range(3000):
        b.publish_data("d", f"{number} " + "x" * 1000)
    (path,) = files()
    assert path.stat().st_size <= 1 << 20
    in_file = len(seqs_of(path))
    assert b.counts.dropped > 1000
    assert "it has the 1 MiB that it may have; what no bridge takes is kept in memory alone" in caplog.messages[0]
    assert len(caplog.messages) == 1
    with Router(port) as router:
        assert b.flush(20)
        seqs = [message.seq for message in router.messages("x")]
        dropped = b.counts.dropped
        assert seqs == [*range(in_file), *range(in_file + dropped, 3000)]
        assert router.dropped["x", "main"] == [(in_file, in_file + dropped - 1)]
        b.close()
        assert router.messages("x")[-1].dropped == dropped
    assert not files()


@pytest.fixture
def full_disk():
    """Let no file of this process become larger than 20,000 bytes: the rest of a write fails, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(size=20_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))

    yield fill
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_said_once_and_heals(made, port, files, full_disk, caplog):
    b = made(port, window_bytes=2 << 20)
    full_disk()
    publish_until(b, lambda: b.counts.errors)
    messages = len(caplog.messages)
    assert "what no bridge takes is kept in memory alone" in caplog.messages[0]
    full_disk(resource.RLIM_INFINITY)
    publish_until(b, lambda: seqs_of(*files())[-1] == b.counts.published - 1)
    assert seqs_of(*files()) == list(range(b.counts.published))
    assert len(caplog.messages) == messages <= 2  # no room for all of it, then for none of it


def test_the_last_of_the_disk_is_left_to_the_experiment(made, port, files, monkeypatch, caplog):
    monkeypatch.setattr(spool_policy, "_LEAST_FREE_BYTES", 1 << 60)
    b = made(port)
    publish_until(b, lambda: b.counts.errors)
    monkeypatch.undo()
    assert "MiB are left on the disk; what no bridge takes is kept in memory alone" in caplog.text
    publish_until(b, lambda: seqs_of(*files())[-1] == b.counts.published - 1)


@pytest.mark.parametrize("obstacle", ["is a file", "is no directory", "cannot be written"])
def test_a_directory_that_cannot_be_used_is_said_once(port, tmp_path, obstacle, caplog):
    place = tmp_path / "spool"
    if obstacle == "is a file":
        place.write_text("")
    elif obstacle == "is no directory":
        place.symlink_to(tmp_path / "nowhere")
    else:
        place = tmp_path / "proc"
        place.symlink_to("/proc")
    b = ZmqBroadcaster(run_id="x", zmq_port=port, strict=True, spool_dir=str(place))
    for number in range(100):
        b.publish_metric("number", number)
    b.close()
    assert b.counts.errors > 0
    assert caplog.messages[0].startswith(f"run 'x': spool file {place}/x/main-")
    assert caplog.messages[1:] == [f"run 'x': 101 messages are lost: there is no bridge at tcp://127.0.0.1:{port}"]


def test_a_file_that_vanished_costs_nothing_while_the_process_lives(made, port, files, caplog):
    b = made(port, window_bytes=256 << 10)
    publish_until(b, files)
    for number in range(500):
        b.publish_data("d", f"{number} " + "x" * 1000)
    assert b._outbox.window._kept_from > 100  # so some are in the file alone
    files()[0].unlink()
    publish_until(b, lambda: b.counts.errors)
    assert "somebody removed it" in caplog.text
    with Router(port) as router:
        assert b.flush(20)
        assert [message.seq for message in router.messages("x")] == list(range(b.counts.published))
        b.close()


def test_a_file_that_vanished_is_not_said_to_hold_the_rest(made, port, files, caplog):
    b = made(port)
    publish_until(b, files)
    files()[0].unlink()
    b.close()
    assert "wait in a file" not in caplog.text
    assert f"{b.counts.unacknowledged} messages are lost" in caplog.text


def test_a_file_that_cannot_be_read_back_becomes_a_tombstone(made, port, files, caplog):
    b = made(port, window_bytes=256 << 10)
    for number in range(1000):
        b.publish_data("d", f"{number} " + "x" * 1000)
    (path,) = files()
    content = path.read_bytes()
    with path.open("r+b") as file:  # the third record and what follows
        file.seek(content.index(b'"seq":3,'))
        file.write(b"?" * 100)
    with Router(port) as router:
        assert b.flush(20)
        seqs = [message.seq for message in router.messages("x")]
        ((first, last),) = router.dropped["x", "main"]
        assert sorted([*seqs, *range(first, last + 1)]) == list(range(1000))
        assert b.counts.dropped == last + 1 - first
        assert (b.counts.acknowledged, b.counts.errors) == (len(seqs), 1)
    assert "is damaged; what cannot be read back is dropped" in caplog.text


def test_a_forked_child_has_a_file_of_its_own(made, port, files):
    b = made(port)
    publish_until(b, files)
    (mine,) = files()
    count = len(seqs_of(mine))
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        holds_the_parent_s = any(link.resolve() == mine for link in Path("/proc/self/fd").iterdir())
        b.publish_metric("child", os.getpid())
        b.close()
        os._exit(holds_the_parent_s)
    assert os.waitpid(pid, 0)[1] == 0
    (child,) = set(files()) - {mine}
    assert child.name.startswith(f"main-{pid}-")
    header, records = read(child)
    assert (header.worker, header.pid, len(records)) == (f"main-{pid}", pid, 2)
    assert len(seqs_of(mine)) == count
    publish_until(b, lambda: len(seqs_of(mine)) > count)


def test_a_broadcaster_that_was_sent_to_another_process_has_a_file_of_its_own_there(made, port, files):
    b = made(port)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.starmap(b.publish_metric, [("task", number) for number in range(40)])
        pool.close()
        pool.join()
    spools = [read(path) for path in files()]
    assert {header.worker for header, _ in spools} <= {f"main-{header.pid}" for header, _ in spools}
    messages = [schema.decode(frames[1]) for _, records in spools for _, frames in records]
    assert sorted(message.value for message in messages if isinstance(message, schema.Metric)) == list(range(40))


def test_on_python_3_8_it_is_the_same_file(port, tmp_path, files):
    code = f"""if True:
        from monty_mqtt import ZmqBroadcaster
        b = ZmqBroadcaster(run_id="x", zmq_port={port}, strict=True, spool_dir={str(tmp_path / "spool")!r})
        while b.counts.spooled < 1000:
            b.publish_metric("number", b.counts.published)
        b.publish_data("large", "x" * (3 << 20))
        b.close()
        print(b.counts.published)
    """
    done = python38().run("-c", "import logging; logging.disable()\n" + code)
    (path,) = files()
    assert seqs_of(path) == list(range(int(done)))


def content_of(seq):
    return (b"v1 metric", b"%d" % seq, bytes(seq % 7 * 1000))


class Both:
    """A window and a file that do what outbox, spooling and link do with them."""

    def __init__(self, directory):
        self.spool = SpoolFile(directory, SpoolHeader(schema_version=1, run="x", worker="main", started_unix_nanos=1))
        self.window = SendWindow(64 << 10, self.spool)

    def append(self, amount):
        for _ in range(amount // 1000):
            self.window.append(content_of(self.window.next_seq))
            self.spool.write(self.window.after(self.spool.last, most=64, most_bytes=1 << 20))
            self.window.make_room()

    def send(self, amount):
        window = self.window
        for _ in range(min(amount // 100, window.next_seq - window.next_unsent)):
            entry = window.peek()
            if window.sent_bytes and window.sent_bytes + entry.size > window.bound_bytes // 2:
                break
            self.check(entry)

    def acknowledge(self, amount):
        self.window.acknowledge(self.window.base + amount // 100)

    def rewind(self, _amount):
        self.window.rewind(self.window.base)

    def tear(self, amount):
        if self.spool.is_open:
            with self.spool.path.open("ab") as file:
                file.write(bytes(amount))
        self.window.mend()

    def shrink(self, amount):
        if self.spool.is_open and self.window.base > self.spool.last:
            self.spool.shrink(amount + 1)

    def check(self, entry):
        assert (entry.first, entry.frames) == (entry.last, content_of(entry.first))
        self.window.mark_sent(entry)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [Both.append, Both.append, Both.send, Both.acknowledge, Both.rewind, Both.tear, Both.shrink]
            ),
            st.integers(0, 9000),
        ),
        max_size=60,
    )
)
def test_window_and_file_together_have_every_message_until_it_is_acknowledged(tmp_path_factory, steps):
    both = Both(tmp_path_factory.mktemp("both"))
    for do, amount in steps:
        do(both, amount)
    both.rewind(0)
    while both.window.next_unsent < both.window.next_seq:
        both.check(both.window.peek())
    assert both.window.dropped == 0
    waiting = set(range(both.window.base, both.window.next_seq))
    both.spool.close()
    if waiting:
        assert waiting <= set(seqs_of(both.spool.path))


PUBLISHES = """
armed = False
b = ZmqBroadcaster(run_id="x", zmq_port=int(sys.argv[1]), strict=True, spool_dir=sys.argv[2])
while not b.counts.spooled:
    b.publish_metric("number", -1)
interrupted = 0
for number in range(1_000_000):
    try:
        armed = True
        signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 6e-5))
        b.publish_metric("number", number)
        armed = False
    except Interrupt:
        armed = False
        interrupted += 1
        if interrupted == 500:
            break
signal.setitimer(signal.ITIMER_REAL, 0)
b.close()
assert b.counts.dropped == 0, b.counts
print(b.counts.published)
"""


def test_ctrl_c_at_any_moment_never_leaves_two_messages_of_one_seq(port, tmp_path, files):
    command = [sys.executable, "-c", INTERRUPTED + PUBLISHES, str(port), str(tmp_path / "spool")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    (path,) = files()
    assert seqs_of(path) == list(range(int(done.stdout)))
    assert (
        path.stat().st_size
        == sum(20 + sum(4 + len(frame) for frame in frames) for _, frames in read(path)[1])
        + len(path.read_bytes().partition(b"\n")[0])
        + 1
    )
