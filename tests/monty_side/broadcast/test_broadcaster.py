"""Publishing, against a real ROUTER that speaks the protocol: nothing lost, nothing raised, nothing waited for."""

import asyncio
import logging
import math
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from kit.zmq_router import Router

from monty_mqtt import ZmqBroadcaster
from monty_mqtt.broadcast.broadcast_counts import BroadcastCounts
from monty_mqtt.errors import AbortRequested
from monty_mqtt.wire import schema


@pytest.fixture
def lenient(router):
    broadcaster = ZmqBroadcaster(run_id="x", zmq_port=router.port)
    yield broadcaster
    broadcaster.close(flush_secs=0)


def test_a_with_block_tells_the_whole_story(router):
    with ZmqBroadcaster(run_id="x", zmq_port=router.port, strict=True) as b:
        b.publish_metric("loss", 0.5, epoch=1)
    info, running, metric, completed, end = router.messages("x")
    assert (info.experiment, info.schema_version) == ("x", schema.SCHEMA_VERSION)
    assert running.status == "running"
    assert (metric.name, metric.value, metric.metadata) == ("loss", 0.5, {"epoch": 1})
    assert completed.status == "completed"
    assert (end.status, end.dropped, end.errors) == ("completed", 0, 0)
    assert [message.seq for message in router.messages("x")] == [0, 1, 2, 3, 4]
    assert {(message.run, message.worker) for message in router.messages("x")} == {("x", "main")}
    assert b.counts == BroadcastCounts(published=5, acknowledged=5, bridge_seen=True)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            ValueError("no object"),
            {"status": "error", "error_type": "builtins.ValueError", "error_message": "no object"},
        ),
        (KeyboardInterrupt(), {"status": "aborted", "reason": "KeyboardInterrupt"}),
        (AbortRequested("wrong seed"), {"status": "aborted", "reason": "wrong seed"}),
        (SystemExit(0), {"status": "completed"}),
        (SystemExit(128 + signal.SIGTERM), {"status": "aborted", "reason": "SIGTERM"}),
        (SystemExit(3), {"status": "error", "error_type": "builtins.SystemExit", "error_message": "3"}),
    ],
    ids=repr,
)
def test_how_a_with_block_was_left(router, error, expected):
    with pytest.raises(type(error)), ZmqBroadcaster(run_id="x", zmq_port=router.port, strict=True):
        raise error
    *_, status, end = router.messages("x")
    assert {name: getattr(status, name) for name in expected} == expected
    assert end.status == expected["status"]
    assert (status.error_traceback or "").startswith("Traceback") == (expected["status"] == "error")


def test_what_a_user_publishes_arrives(router, b):
    b.publish_metric("loss", np.float32(0.5), phase=np.str_("eval"))
    b.publish_metric("steps", 10**30)
    b.publish_metric("one", np.array([[7]]))
    b.publish_data("mine", {"type": 1, "run": 2, "seq": 3, "kind": 4, "time_unix_nanos": 5})
    b.publish_log("WARNING", "slow", step=3)
    b.publish_state(run="mine", seq=1)
    b.publish_state(seq=2, cls={3, 1, 2})
    assert b.flush(10)
    loss, steps, array, mine, log, first, second = router.messages("x")
    assert (loss.value, loss.metadata) == (0.5, {"phase": "eval"})
    assert steps.value == 1e30
    assert array.value == 7.0
    assert mine.data == {"type": 1, "run": 2, "seq": 3, "kind": 4, "time_unix_nanos": 5}
    assert (log.level, log.message, log.metadata) == ("warning", "slow", {"step": 3})
    assert first.state == {"run": "mine", "seq": 1}
    assert second.state == {"run": "mine", "seq": 2, "cls": [1, 2, 3]}


def test_odd_values_are_carried_not_raised(router, b):
    endless = []
    endless.append(endless)
    b.publish_metric("nan", math.nan)
    b.publish_metric("inf", np.float64("inf"), low=-math.inf)
    b.publish_data("odd", {"cycle": endless, "surrogate": "\ud800", 1: {2}, "object": object, "huge": 10**400})
    b.publish_data("\udc80/+#", None)
    b.publish_log("info", "\ud800")
    assert b.flush(10)
    nan, inf, odd, stream, log = router.messages("x")
    assert (nan.value, inf.value, inf.metadata) == (None, None, {"low": None})
    assert odd.data["cycle"] == ["<cycle>"]
    assert odd.data["surrogate"] == "\\ud800"
    assert stream.stream == "\\udc80/+#"
    assert log.message == "\\ud800"
    assert b.counts.non_finite == 3
    assert b.counts.errors == 0


def test_fields_that_json_cannot_carry_are_made_plain(router, b):
    b.publish(schema.Event, event="odd", fields={"set": {1}, "text": "\ud800", "nan": math.nan})
    assert b.flush(10)
    (event,) = router.messages("x")
    assert event.fields == {"set": [1], "text": "\\ud800", "nan": None}


def test_errors_are_counted_and_named_once(router, lenient, caplog):
    for _ in range(3):
        lenient.publish_metric("loss", "not a number")
    lenient.publish(schema.Metric, no_such_field=1)
    lenient.publish(int)
    lenient.publish(schema.Frame, [object()], sensor="patch", modality="rgba", episode=0, step=0, height=1, width=1)
    lenient.publish_metric("loss", 1.0)
    assert lenient.flush(10)
    assert [message.value for message in router.messages("x")] == [1.0]
    assert lenient.counts.errors == 6
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "publish_metric('loss'): 'not a number' is no number" in caplog.text


def test_strict_raises_them(b):
    with pytest.raises(TypeError, match="is no number"):
        b.publish_metric("loss", "not a number")
    b.publish_metric("loss", 1.0)
    assert b.counts.errors == 1


def test_with_await_too(router, b):
    async def publish(number):
        await b.publish_metric("loss", number)
        await asyncio.gather(b.publish_data("d", number), b.publish_log("info", "m"), b.publish_state(k=number))
        await asyncio.create_task(b.publish(schema.Event, event="e"))

    async def main():
        await asyncio.gather(*(publish(number) for number in range(4)))

    asyncio.run(main())
    asyncio.run(b.publish_metric("last", 0))
    assert b.flush(10)
    assert len(router.messages("x")) == 4 * 5 + 1


def test_times_grow_though_the_clock_is_set_back(router, b):
    set_by = [0]
    b._outbox.stamps.wall = lambda: time.time_ns() + set_by[0]
    for hours in (0, -1, -24, 0, 1):
        set_by[0] = hours * 3600 * 10**9
        b.publish_metric("loss", hours)
    assert b.flush(10)
    times = [message.time_unix_nanos for message in router.messages("x")]
    assert times == sorted(set(times))
    assert times[3] - times[0] < 60 * 10**9
    assert times[4] - times[0] > 3600 * 10**9


def test_frames_count_in_a_sequence_of_their_own(router, b):
    pixels = np.arange(64, dtype=np.float32).reshape(8, 8)
    head = {"sensor": "patch", "modality": "depth", "episode": 0, "step": 0, "height": 8, "width": 8}
    b.publish_metric("before", 0)
    b.publish(schema.Frame, [pixels], **head)
    b.publish(schema.Frame, [memoryview(pixels)], **head)
    pixels[:] = 0  # the experiment goes on with its buffer
    b.publish(schema.ObjectModel, [b"\0" * 12], learning_module="LM_0", object="mug", count=1)
    assert b.flush(10)
    assert [message.seq for message in router.messages("x")] == [0, 1]
    assert router.taken["x", "main"][1].buffers == [b"\0" * 12]
    first, second = router.bulk["x", "main"]
    assert (first.message.seq, second.message.seq) == (0, 1)
    assert (
        np.frombuffer(first.buffers[0], np.float32).tolist()
        == list(range(64))
        == np.frombuffer(second.buffers[0], "f4").tolist()
    )


def test_frames_are_dropped_and_counted_while_the_bridge_does_not_take_them(router, b):
    router.deaf = True
    head = {"sensor": "patch", "modality": "rgba", "episode": 0, "height": 512, "width": 512}
    for step in range(20):
        b.publish(schema.Frame, [bytes(1 << 20)], step=step, **head)
    b.publish_metric("loss", 0.5)
    assert (b.counts.bulk_published, b.counts.bulk_dropped) == (8, 12)
    router.deaf = False
    assert b.flush(10)
    b.publish(schema.Frame, [bytes(1 << 20)], step=20, **head)
    b.publish_metric("loss", 0.5)
    assert b.flush(10)
    assert [taken.message.seq for taken in router.bulk["x", "main"]] == [*range(8), 20]
    b.close()
    end = router.messages("x")[-1]
    assert (end.bulk_seq, end.bulk_dropped, end.dropped) == (21, 12, 0)


def test_what_is_too_large_for_any_bridge_is_counted_not_sent_and_said_once(router, b, caplog):
    for _ in range(2):
        b.publish_data("huge", "x" * (65 << 20))
    b.publish(schema.Frame, [bytes(65 << 20)], sensor="s", modality="rgba", episode=0, step=0, height=1, width=1)
    b.publish_metric("loss", 0.5)
    assert b.flush(10)
    assert [message.seq for message in router.messages("x")] == [2]
    assert set(router.reasons) == {"too_large"}
    assert router.dropped["x", "main"] == [(0, 0), (1, 1)]
    assert (b.counts.too_large, b.counts.dropped, b.counts.bulk_dropped, b.counts.errors) == (3, 0, 0, 0)
    assert b.counts.acknowledged == 1
    assert [record.getMessage() for record in caplog.records] == [
        "run 'x': messages of more than 9900000 bytes are larger than the bridge can publish; counted, not sent"
    ]
    b.close()
    end = router.messages("x")[-1]
    assert (end.too_large, end.dropped, end.seq) == (3, 0, 3)


def test_what_is_too_large_says_the_bridge_also_of_what_was_taken_before_it_came(tmp_path):
    with Router() as router:
        port = router.port
    b = ZmqBroadcaster(run_id="x", zmq_port=port, strict=True, spool_dir=str(tmp_path))
    sizes = [100, 2_000_000, 100, 9_000_000, 2_000_000, 100]
    for size in sizes:
        b.publish_data("d", "x" * size)
    while not b.counts.spooled:
        b.pump()
    router = Router(port)
    router.largest_message_bytes = 1_500_000
    with router:
        assert b.flush(20)
        b.publish_data("d", "x" * 2_000_000)
        b.close()
    assert [message.seq for message in router.messages("x")] == [0, 2, 5, 7]
    assert router.dropped["x", "main"] == [(seq, seq) for seq in (1, 3, 4, 6)]
    assert set(router.reasons) == {"too_large"}
    assert b.counts.too_large == 4


def test_beyond_the_window_the_oldest_leave_a_counted_tombstone(router):
    b = ZmqBroadcaster(run_id="x", zmq_port=router.port, strict=True, window_bytes=128 << 10, spool_mib=0)
    router.deaf = True
    for number in range(1000):
        b.publish_data("d", "x" * 1000)
        b.publish_metric("number", number)
    assert b.counts.dropped > 1000
    assert b.counts.published == 2000 == b.counts.unacknowledged + b.counts.dropped
    router.deaf = False
    b.close()
    taken = {message.seq for message in router.messages("x")}
    gone = {seq for first, last in router.dropped["x", "main"] for seq in range(first, last + 1)}
    assert taken | gone == set(range(2001))
    assert not taken & gone
    assert len(gone) == b.counts.dropped == router.messages("x")[-1].dropped
    assert router.messages("x")[-2].value == 999


def test_a_refusal_stops_sending_and_is_said_once(router, caplog):
    router.reject = "this bridge speaks schema 7"
    b = ZmqBroadcaster(run_id="x", zmq_port=router.port, strict=True)
    b.publish_metric("loss", 0.5)
    assert router.wait(lambda: bool(router.hellos))
    assert not b.flush(10)
    for _ in range(100):
        b.publish_metric("loss", 0.5)
    started = time.monotonic()
    b.close()
    assert time.monotonic() - started < 1
    assert [record.message for record in caplog.records if "refuses run" in record.message] == [
        f"the bridge at tcp://127.0.0.1:{router.port} refuses run 'x': this bridge speaks schema 7"
    ]
    assert (b.counts.dropped, b.counts.unacknowledged) == (0, 102)
    assert "102 messages wait in a file, because the bridge refuses them; send them with: " in caplog.text
    assert len(router.hellos) == 1


def test_commands_come_once(router, b):
    b.publish_metric("loss", 0.5)
    assert b.flush(10)
    abort = schema.Command(id="c-1", command="abort", reason="wrong seed")
    for command in (abort, abort, schema.Command(id="c-2", command="pause")):
        router.say(command, "x")
    commands = []
    deadline = time.monotonic() + 10
    while len(commands) < 2 and time.monotonic() < deadline:
        b._outbox.link.wait(0.05)
        b._outbox.link._read_at = 0.0
        commands += b.take_commands()
    assert commands == [abort, schema.Command(id="c-2", command="pause")]
    assert b.take_commands() == []


def test_a_bridge_is_asked_for_a_sign_of_life_while_nothing_else_is_said(router, b):
    b.publish_metric("a", 1)
    assert b.flush(10)
    quiet_since = b.listen(0.0)
    deadline = time.monotonic() + 10
    while b.listen(0.25) == quiet_since:
        assert time.monotonic() < deadline
    router.deaf = True
    heard_at = b.listen(0.0)
    probes = len(router.probes)
    while len(router.probes) < probes + 2:
        b.listen(0.25)
        assert time.monotonic() < deadline
    assert b.listen(0.0) - heard_at < 1.0, "a deaf one does not count as there"


def test_a_short_process_waits_for_a_bridge_that_listens_and_is_slow(router, tmp_path):
    router.deaf = True
    threading.Timer(1.7, setattr, (router, "deaf", False)).start()
    with ZmqBroadcaster(run_id="x", zmq_port=router.port, spool_dir=str(tmp_path)) as b:
        b.publish_metric("a", 1)
    assert isinstance(router.messages("x")[-1], schema.End)
    assert list(tmp_path.rglob("*.spool")) == []


def test_listening_wakes_up_when_the_bridge_speaks(router, b):
    b.publish_metric("a", 1)
    assert b.flush(10)
    began = time.monotonic()
    router.say(schema.Command(id="1", command="pause"), "x")
    commands = b.take_commands()
    while not commands:
        b.listen(5.0)
        commands = b.take_commands()
    assert time.monotonic() - began < 2.0
    assert commands[0].id == "1"


def test_listening_to_nobody_is_bounded():
    b = ZmqBroadcaster(run_id="x", zmq_port=1, strict=True)
    assert b.listen(0.01) == 0.0
    b.publish_metric("a", 1)
    assert b.listen(0.01) == 0.0
    b.close()
    assert b.listen(0.01) == 0.0


def test_a_script_that_is_run_again_under_its_name_is_heard_again(router):
    for number in range(3):
        with ZmqBroadcaster(run_id="x", zmq_port=router.port, strict=True) as b:
            b.publish_metric("number", number)
        assert b.counts.acknowledged == 5
    assert [message.value for message in router.messages("x") if isinstance(message, schema.Metric)] == [0, 1, 2]


def test_after_close_messages_are_counted_only(router, b, caplog):
    b.publish_metric("loss", 0.5)
    b.close("aborted")
    b.close()
    b.publish_metric("loss", 0.5)
    b.publish_data("d", 1)
    b.pump()
    assert b.take_commands() == []
    assert b.flush(1)
    assert (b.counts.dropped, b.counts.published) == (2, 2)
    assert [type(message).__name__ for message in router.messages("x")] == ["Metric", "End"]
    assert router.messages("x")[-1].status == "aborted"
    assert not caplog.records


def test_a_broadcaster_that_publishes_nothing_opens_nothing(router):
    b = ZmqBroadcaster(run_id="x", zmq_port=router.port, strict=True)
    b.pump()
    assert b.flush(1)
    b.close()
    b.publish_metric("loss", 0.5)
    assert b._outbox.link is None


def test_disabled_does_nothing_at_all():
    code = """if True:
        import asyncio, sys, threading
        from monty_mqtt import ZmqBroadcaster
        from monty_mqtt.wire import schema
        with ZmqBroadcaster(run_id="x", enabled=False) as b:
            asyncio.run(b.publish_metric("loss", "x"))
            asyncio.run(b.publish_state(a=1))
            b.publish_data("d", 1)
            b.publish_log("info", "m")
            b.publish(schema.Metric, nonsense=1)
            b.pump()
            assert b.flush(0) and b.take_commands() == []
        assert b.counts == type(b.counts)(), b.counts
        assert "zmq" not in sys.modules and threading.active_count() == 1
    """
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)


def test_importing_the_package_imports_neither_zmq_nor_msgspec():
    code = "import sys, monty_mqtt; assert not {'zmq', 'msgspec', 'asyncio', 'multiprocessing'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_without_a_bridge_nothing_is_waited_for(caplog):
    with Router() as router:
        port = router.port  # free again below
    costs = []
    for _ in range(20):
        started = time.perf_counter()
        with ZmqBroadcaster(run_id="x", zmq_port=port, strict=True) as b:
            for number in range(50):
                b.publish_metric("loss", number)
        costs.append(time.perf_counter() - started)
    assert sorted(costs)[10] < 0.05, costs
    assert (b.counts.bridge_seen, b.counts.unacknowledged) == (False, 54)
    assert caplog.records[-1].levelno == logging.WARNING
    assert caplog.records[-1].message == (
        f"run 'x': 54 messages wait in a file, because there is no bridge at tcp://127.0.0.1:{port}; "
        f"send them with: monty-mqtt replay {b._outbox.spooling.spool.path}"
    )


def test_a_bridge_that_is_there_gets_all_of_a_very_short_process(router):
    code = f"""if True:
        from monty_mqtt import ZmqBroadcaster
        ZmqBroadcaster(run_id="x", zmq_port={router.port}, strict=True).publish_metric("loss", 1)
    """
    for count in range(1, 6):
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
        assert [type(message).__name__ for message in router.messages("x")] == ["Metric", "End"] * count


def test_a_bridge_that_speaks_nonsense_is_counted_not_believed(router, b):
    b.publish_metric("loss", 0.5)
    assert b.flush(10)
    for nonsense in (b"", b"v1 ack", b"\xff" * 100, b'v1 ack {"next": "all"}', b"v2 welcome {}"):
        router._down.append((("x", "main"), nonsense))
    deadline = time.monotonic() + 10
    while b.counts.errors < 5 and time.monotonic() < deadline:
        b._outbox.link.wait(0.05)
        b.flush(0)
    b.publish_metric("loss", 0.5)
    assert b.flush(10)
    assert b.counts.errors == 5
