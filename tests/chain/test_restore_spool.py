"""What a killed experiment left goes to the bridge under its own name: all of it, once, whoever asks how often."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from kit.zmq_router import Router

from monty_mqtt import ZmqBroadcaster
from monty_mqtt.broadcast.spool_file import SpoolFile
from monty_mqtt.errors import ConfigError, ServiceError
from monty_mqtt.wire import schema, spool_format
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt.wire.spool_format import SpoolHeader
from monty_mqtt_stack.replay.restore_recording import restore_messages
from monty_mqtt_stack.replay.restore_report import as_lines
from monty_mqtt_stack.replay.restore_spool import is_spool, restore

SECOND = 10**9
BEGAN = 1_700_000_000 * SECOND


@pytest.fixture
def router():
    with Router() as running:
        yield running


def metric(seq, run="x", worker="main"):
    return schema.Metric(run=run, worker=worker, seq=seq, time_unix_nanos=BEGAN + seq * SECOND, name="n", value=seq)


def end(seq, run="x", worker="main"):
    return schema.End(run=run, worker=worker, seq=seq, time_unix_nanos=BEGAN + seq * SECOND, status="completed")


def frames_of(message):
    return [b"v1 " + type(message).__struct_config__.tag.encode(), schema.encode(message)]


@pytest.fixture
def spooled(tmp_path):
    """Write a spool file as an experiment does, with the metrics of these seqs."""

    def write(*seqs, ended=False, **header):
        header = {"schema_version": schema.SCHEMA_VERSION, "run": "x", "worker": "main", **header}
        one = SpoolFile(tmp_path / "spool", SpoolHeader(started_unix_nanos=BEGAN, **header))
        one.write([(seq, frames_of(metric(seq))) for seq in seqs])
        if ended:
            one.write([(seqs[-1] + 1, frames_of(end(seqs[-1] + 1)))])
        one.close()
        return one.path

    return write


def test_all_of_it_arrives_as_it_was_and_the_file_goes(router, spooled):
    path = spooled(*range(1000), ended=True)
    content = path.read_bytes()
    seen = []
    restored = restore(
        path, bridge=BridgeAddress(port=router.port), on_progress=lambda *position: seen.append(position)
    )
    assert [message.seq for message in router.messages("x")] == list(range(1001))
    assert router.messages("x")[7].time_unix_nanos == BEGAN + 7 * SECOND
    (hello,) = router.hellos
    assert (hello.run, hello.worker, hello.started_unix_nanos, hello.replayed) == ("x", "main", BEGAN, True)
    assert (restored.sent, restored.already, restored.missing) == (1001, 0, 0)
    assert (restored.first_unix_nanos, restored.last_unix_nanos) == (BEGAN, BEGAN + 1000 * SECOND)
    assert (restored.ended, restored.removed, restored.unreadable_bytes) == (True, True, 0)
    assert not path.parent.exists()
    assert len(seen) == 1001
    assert seen[-1] == (len(content), len(content))


def test_to_restore_it_again_sends_nothing(router, spooled):
    for expected in ((100, 0), (0, 100), (0, 100)):
        restored = restore(spooled(*range(99), ended=True), bridge=BridgeAddress(port=router.port))
        assert (restored.sent, restored.already) == expected
    assert len(router.messages("x")) == 100
    assert router.duplicates == 0


def test_a_bridge_that_has_the_beginning_gets_the_rest(router, spooled):
    restore(spooled(*range(5, 50)), bridge=BridgeAddress(port=router.port))
    restored = restore(spooled(*range(30, 80)), bridge=BridgeAddress(port=router.port))
    assert (restored.sent, restored.already) == (30, 20)
    assert [message.seq for message in router.messages("x")] == list(range(5, 80))


def test_what_the_experiment_dropped_becomes_a_tombstone(router, spooled):
    restored = restore(spooled(*range(10), *range(20, 30), 35), bridge=BridgeAddress(port=router.port))
    assert router.dropped["x", "main"] == [(10, 19), (30, 34)]
    assert (restored.sent, restored.missing) == (21, 15)


def test_what_the_bridge_does_not_take_stays_in_the_file(router, tmp_path):
    router.largest_message_bytes = 200
    header = SpoolHeader(schema_version=schema.SCHEMA_VERSION, run="x", worker="main", started_unix_nanos=BEGAN)
    one = SpoolFile(tmp_path, header)
    large = schema.Data(run="x", worker="main", seq=3, time_unix_nanos=BEGAN, stream="s", data="x" * 500)
    one.write([(seq, frames_of(metric(seq))) for seq in range(3)])
    one.write([(3, frames_of(large)), (4, frames_of(metric(4)))])
    one.close()
    restored = restore(one.path, bridge=BridgeAddress(port=router.port))
    assert (restored.sent, restored.too_large, restored.removed) == (4, 1, False)
    assert router.dropped["x", "main"] == [(3, 3)]
    assert one.path.exists()
    assert "4 messages sent, 1 are larger than the broker takes" in as_lines(restored)[0]


def test_a_tail_that_was_cut_stays_in_the_file(router, spooled):
    path = spooled(*range(10))
    with path.open("ab") as file:
        file.write(b"half a record")
    restored = restore(path, bridge=BridgeAddress(port=router.port))
    assert (restored.sent, restored.unreadable_bytes, restored.removed) == (10, 13, False)
    assert path.exists()
    assert "the last 13 bytes are no whole message; the file stays" in as_lines(restored)[-1]


def test_what_it_says(spooled, router):
    killed, whole = (
        restore(spooled(*range(9), ended=ended), bridge=BridgeAddress(port=router.port)) for ended in (False, True)
    )
    assert as_lines(killed)[0] == "x, main: 9 messages sent"
    assert as_lines(killed)[1].startswith("  from 2023-11-1")
    assert as_lines(killed)[2:] == [
        "  there is no end of it: its process was killed, and what it published in its last second may be missing",
        "  the bridge has all of it; the file is removed",
    ]
    assert as_lines(whole)[0] == "x, main: 1 messages sent, 9 the bridge had already"
    assert as_lines(whole)[2:] == ["  the bridge has all of it; the file is removed"]


def test_a_file_with_nothing_in_it_goes(router, spooled):
    path = spooled(0)
    with path.open("r+b") as file:
        file.truncate(len(file.readline()))
    assert restore(path, bridge=BridgeAddress(port=router.port)).removed


def test_without_a_bridge_the_file_stays(spooled):
    with Router() as router:
        port = router.port
    path = spooled(*range(10))
    with pytest.raises(ServiceError, match=rf"^no bridge at 127\.0\.0\.1:{port} answered for 0\.3 s"):
        restore(path, bridge=BridgeAddress(port=port), patience_secs=0.3)
    assert path.exists()


def test_a_bridge_that_takes_nothing_is_given_up(router, spooled):
    path = spooled(*range(10))

    def stop_acknowledging(*_):
        router.deaf = True

    with pytest.raises(ServiceError, match=r"^no bridge at 127\.0\.0\.1:\d+ took what it was sent for 0\.3 s"):
        restore(path, bridge=BridgeAddress(port=router.port), patience_secs=0.3, on_progress=stop_acknowledging)
    assert path.exists()
    router.deaf = False
    assert restore(path, bridge=BridgeAddress(port=router.port)).already == 10


def test_a_refusal_is_told(router, spooled):
    router.reject = "it is connected"
    path = spooled(*range(10))
    with pytest.raises(ServiceError, match="the bridge refuses 'x', 'main': it is connected"):
        restore(path, bridge=BridgeAddress(port=router.port))
    assert path.exists()


def test_what_another_process_sends_is_left_to_it(router, spooled):
    path = spooled(*range(10))
    with path.open("rb") as sending:
        fcntl.flock(sending, fcntl.LOCK_EX)
        with pytest.raises(ServiceError, match="another process is sending it right now"):
            restore(path, bridge=BridgeAddress(port=router.port))
    assert restore(path, bridge=BridgeAddress(port=router.port)).sent == 10


def test_stopped_it_keeps_the_file(router, spooled):
    path = spooled(*range(5000))
    stop = threading.Event()
    restored = restore(path, bridge=BridgeAddress(port=router.port), stop=stop, on_progress=lambda *_: stop.set())
    assert restored.was_stopped
    assert path.exists()
    assert not restore(path, bridge=BridgeAddress(port=router.port)).was_stopped
    assert [message.seq for message in router.messages("x")] == list(range(5000))


@pytest.mark.parametrize("content", [None, b"", b"\x89MCAP0\r\n"])
def test_no_spool_is_a_wrong_file(tmp_path, content):
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
        assert not is_spool(path)
    with pytest.raises(ConfigError, match="file"):
        restore(path, bridge=BridgeAddress())


def test_a_spool_is_one(spooled):
    assert is_spool(spooled(0))


def test_a_file_of_another_schema_is_not_sent(spooled):
    with pytest.raises(ConfigError, match="it must be of schema 1; it is of 7"):
        restore(spooled(0, schema_version=7), bridge=BridgeAddress())


def test_a_file_that_is_still_written_is_refused(tmp_path, router):
    b = ZmqBroadcaster(run_id="x", zmq_port=1, strict=True, spool_dir=str(tmp_path))
    while not b.counts.spooled:
        b.publish_metric("n", 0)
    (path,) = tmp_path.glob("*/*.spool")
    with pytest.raises(ServiceError, match=f"process {os.getpid()} still writes it"):
        restore(path, bridge=BridgeAddress(port=router.port))
    b.close()
    assert restore(path, bridge=BridgeAddress(port=router.port)).sent == b.counts.published


def test_memory_stays_small_with_a_large_file(router, tmp_path):
    one = SpoolFile(
        tmp_path, SpoolHeader(schema_version=schema.SCHEMA_VERSION, run="x", worker="main", started_unix_nanos=1)
    )
    for seq in range(64):
        data = schema.Data(run="x", worker="main", seq=seq, time_unix_nanos=seq + 1, stream="s", data="x" * (1 << 20))
        one.write([(seq, frames_of(data))])
    one.close()
    code = f"""if True:
        import resource
        from pathlib import Path
        from monty_mqtt.wire.bridge_address import BridgeAddress
        from monty_mqtt_stack.replay.restore_spool import restore
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert restore(Path({str(one.path)!r}), bridge=BridgeAddress(port={router.port})).removed
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    assert int(done.stdout) < 40 << 10  # KiB
    assert len(router.messages("x")) == 64


def test_recorded_messages_of_several_workers(router):
    frame = schema.Frame(
        run="x", worker="a", seq=3, time_unix_nanos=1, sensor="s", modality="rgba", episode=0, step=0, height=1, width=1
    )
    messages = [
        (frame, [b"rgba"]),
        (metric(7, worker="a"), []),
        (metric(0, worker="b"), []),
        (metric(7, worker="a"), []),
        (metric(9, worker="a"), []),
        (end(1, worker="b"), []),
        (metric(5, worker="late"), []),
    ]
    for _ in range(2):
        restored = {one.worker: one for one in restore_messages(messages, bridge=BridgeAddress(port=router.port))}
        assert [message.seq for message in router.messages("x", "a")] == [7, 9]
        assert [message.seq for message in router.messages("x", "b")] == [0, 1]
        assert [message.seq for message in router.messages("x", "late")] == [5]
        assert {hello.worker: (hello.base, hello.replayed) for hello in router.hellos} == {
            "a": (7, True),
            "b": (0, True),
            "late": (5, True),
        }
    assert (restored["a"].sent, restored["a"].already, restored["b"].ended) == (0, 3, True)
    assert router.bulk["x", "a"][0].buffers == [b"rgba"]
    assert router.dropped["x", "a"] == [(8, 8)]


EXPERIMENT = """
import sys, time
from monty_mqtt import ZmqBroadcaster
b = ZmqBroadcaster(run_id="killed", zmq_port=int(sys.argv[1]), spool_dir=sys.argv[2])
while True:
    b.publish_metric("n", b.counts.published)
    print(b.counts.published, time.monotonic_ns(), flush=True)
    b._outbox.link.wait(0)
"""


@pytest.mark.parametrize("secs", [0.8, 2.0, 3.5])
def test_an_experiment_killed_while_there_is_no_bridge_loses_its_last_second_at_most(tmp_path, secs):
    with Router() as router:
        port = router.port
    log = tmp_path / "published"
    with log.open("w") as out:
        process = subprocess.Popen([sys.executable, "-c", EXPERIMENT, str(port), str(tmp_path / "spool")], stdout=out)
    deadline = time.monotonic() + 20
    while not log.stat().st_size:
        assert time.monotonic() < deadline
    over = threading.Event()
    over.wait(secs)
    killed_at = time.monotonic_ns()
    process.send_signal(signal.SIGKILL)
    assert process.wait(10) == -signal.SIGKILL
    lines = [line.split() for line in log.read_text().splitlines() if line.count(" ") == 1]
    old = [int(count) - 1 for count, nanos in lines if killed_at - int(nanos) > SECOND]
    paths = list((tmp_path / "spool").glob("*/*.spool"))
    with Router() as router:
        restored = [restore(path, bridge=BridgeAddress(port=router.port)) for path in paths]
        seqs = [message.seq for message in router.messages("killed")]
    assert seqs == list(range(len(seqs)))
    assert set(old) <= set(seqs)
    assert len(paths) == 1 or not old
    assert not any(one.ended for one in restored)


def test_an_experiment_killed_while_a_bridge_catches_up_loses_no_more(tmp_path):
    with Router() as router:
        port = router.port
    log = tmp_path / "published"
    with log.open("w") as out:
        process = subprocess.Popen([sys.executable, "-c", EXPERIMENT, str(port), str(tmp_path / "spool")], stdout=out)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(3)
    with Router(port) as router:
        assert router.wait(lambda: len(router.messages("killed")) > 100)
        killed_at = time.monotonic_ns()
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
        lines = [line.split() for line in log.read_text().splitlines() if line.count(" ") == 1]
        old = [int(count) - 1 for count, nanos in lines if killed_at - int(nanos) > SECOND]
        for path in (tmp_path / "spool").glob("*/*.spool"):
            restore(path, bridge=BridgeAddress(port=port))
        assert set(old) <= {message.seq for message in router.messages("killed")}
        assert not router.dropped


def test_reading_a_header_names_a_file_that_is_none(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"x")
    with path.open("rb") as file, pytest.raises(ConfigError):
        spool_format.read_header(file.fileno(), path)
