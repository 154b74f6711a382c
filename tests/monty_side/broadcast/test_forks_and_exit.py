"""Threads, tasks, spawned and forked processes at once, on this Python and 3.8: nothing lost, no crash, no hang."""

import concurrent.futures
import copy
import multiprocessing
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from kit.machine.python38 import python38

from monty_mqtt import ZmqBroadcaster
from monty_mqtt.broadcast import forks_and_exit
from monty_mqtt.wire import schema

LOAD = str(Path(__file__).parents[2] / "kit" / "programs" / "publish_load.py")
ROUNDS, COUNT = 10, 100


def values_by_worker(router, run="x"):
    taken = {worker: router.messages(run, worker) for key, worker in list(router.taken) if key == run}
    return {worker: [m.value for m in messages if isinstance(m, schema.Metric)] for worker, messages in taken.items()}


def assert_nothing_lost(router):
    for number in range(ROUNDS):
        workers = {worker for run, worker in router.taken if run == f"load-{number}"}
        assert len(workers) == 9, workers
        for worker in workers:
            messages = router.messages(f"load-{number}", worker)
            assert [message.seq for message in messages] == list(range(len(messages)))
            assert isinstance(messages[-1], schema.End)
            assert messages[-1].dropped == messages[-1].errors == 0
            times = [message.time_unix_nanos for message in messages]
            assert times == sorted(set(times))
        main = router.messages(f"load-{number}")
        assert len(main) == 12 * COUNT + 4
        for name in [f"thread-{i}" for i in range(8)]:
            mine = [m.value for m in main if isinstance(m, schema.Metric) and m.name == name]
            assert mine == list(range(0, COUNT, 4))  # of one thread, in its order
        others = [len(router.messages(f"load-{number}", worker)) for worker in workers - {"main"}]
        assert others == [COUNT + 1] * 8
    assert not router.dropped


@pytest.mark.timeout(300)  # 90 processes: on a machine where 30 others compute, three of ten rounds took a minute
def test_everything_at_once_ten_times(router):
    command = [sys.executable, "-W", "error::ResourceWarning", LOAD, str(router.port), str(ROUNDS), str(COUNT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert_nothing_lost(router)


@pytest.mark.timeout(300)
def test_everything_at_once_ten_times_on_python_3_8(router):
    load = (LOAD, str(router.port), str(ROUNDS), str(COUNT))
    python38().run("-W", "error::ResourceWarning", *load, timeout_secs=280)
    assert_nothing_lost(router)


def test_installing_on_python_3_8_adds_two_packages_beside_ours():
    assert python38().added == {"monty-mqtt", "msgspec", "pyzmq"}


def test_the_same_calls_on_python_3_8(router):
    code = f"""if True:
        import asyncio, math, pickle
        from monty_mqtt import ZmqBroadcaster
        async def main(b):
            await b.publish_metric("loss", 0.5, epoch=1)
            data = {{"type": {{2, 1}}, "run": 10**30}}
            await asyncio.gather(b.publish_data("d", data), b.publish_log("info", "\\udc80"))
            await asyncio.wait_for(b.publish_state(phase="warm-up"), 1)
            await asyncio.create_task(b.publish_metric("nan", math.nan))
        with ZmqBroadcaster(run_id="x", zmq_port={router.port}, strict=True) as b:
            asyncio.run(main(b))
            asyncio.run(b.publish_metric("last", 1))
            assert pickle.loads(pickle.dumps(b)) is b
    """
    python38().run("-c", code)
    _info, _running, loss, data, log, state, nan, last, _completed, _end = router.messages("x")
    assert (loss.value, loss.metadata, nan.value, last.value) == (0.5, {"epoch": 1}, None, 1.0)
    assert (data.data, log.message, state.state) == ({"type": [1, 2], "run": 1e30}, "\\udc80", {"phase": "warm-up"})


IMPORTS = """
import logging, math, os, sys
from monty_mqtt import ZmqBroadcaster
from monty_mqtt.wire import schema

logging.disable()
port, spool_dir = int(sys.argv[1]), sys.argv[2]
b = ZmqBroadcaster(run_id="imports", zmq_port=port, spool_dir=spool_dir)
before = set(sys.modules)
frame = {"sensor": "s", "modality": "rgba", "episode": 0, "step": 0, "height": 1, "width": 1}

def live(b):
    b.publish_metric("n", 1)
    b.publish_metric("nan", math.nan)
    b.publish_metric("bad", "no number")
    b.publish_data("d", {"set": {1, 2}, "large": 10**30, "object": object()})
    b.publish_log("info", "text", more=object())
    b.publish_state(a=1)
    b.publish(schema.Frame, [bytes(4)], **frame)
    b.take_commands()
    b.listen(0.01)
    b.flush(0.7)
    b.publish_data("large", "x" * (9 << 20))

try:
    with b:
        live(b)
        child = os.fork()
        if not child:
            live(b)
            b.close()
            print("child:", sorted(set(sys.modules) - before), flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        raise ValueError("error")
except ValueError:
    print("parent:", sorted(set(sys.modules) - before))
"""


@pytest.mark.parametrize("bridge", [True, False], ids=["with a bridge", "without one"])
def test_nothing_is_imported_after_the_constructor(router, tmp_path, bridge):
    arguments = ("-c", IMPORTS, str(router.port if bridge else 1), str(tmp_path / "spool"))
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "child: []\nparent: []\n"
    assert python38().run(*arguments) == done.stdout


FORKED_IN_AN_IMPORT = """
import os, signal, sys, threading
from monty_mqtt import ZmqBroadcaster

b = ZmqBroadcaster(run_id="x", zmq_port=int(sys.argv[1]))
importing, forked = threading.Event(), threading.Event()

class Slow:
    def find_spec(self, *_):
        importing.set()
        forked.wait(20)

sys.meta_path.insert(0, Slow())
first = threading.Thread(target=b.publish_metric, args=("first", 1))
first.start()
while first.is_alive() and not importing.is_set():
    first.join(0.01)
child = os.fork()
if not child:
    signal.alarm(10)
    b.publish_metric("child", 1)
    b.close()
    os._exit(0)
_, status = os.waitpid(child, 0)
forked.set()
first.join()
b.close()
sys.exit(status)
"""


def test_a_child_that_is_forked_while_another_thread_makes_the_first_publish(router):
    command = [sys.executable, "-c", FORKED_IN_AN_IMPORT, str(router.port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    (child,) = (worker for _, worker in router.taken if worker != "main")
    assert values_by_worker(router) == {"main": [1.0], child: [1.0]}


def test_forked_while_other_threads_publish(router, b):
    over = threading.Event()

    def publish():
        number = 0
        while not over.wait(0.0005):
            b.publish_metric("thread", number)
            number += 1

    threads = [threading.Thread(target=publish) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        pid = os.fork()
        if pid == 0:
            signal.alarm(20)  # a child that hangs must not hang the test
            b.publish_metric("child", os.getpid())
            b.close()
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
    over.set()
    for thread in threads:
        thread.join()
    assert b.flush(20)
    values = values_by_worker(router)
    main = values.pop("main")
    assert len(main) == b.counts.published == b.counts.acknowledged
    assert values == {f"main-{pids[0]:.0f}": [pids[0]] for pids in values.values()}
    assert len(values) == 10


def test_a_forked_child_starts_anew(router, b):
    b.publish_metric("before", 0)
    b.publish_state(a=1)
    context = multiprocessing.get_context("fork")
    parent, child = context.Pipe()

    def look():
        child.send((b.worker, b.counts.published, b.enabled))
        b.publish_state(b=2)

    process = context.Process(target=look)
    process.start()
    worker = f"main-{process.pid}"
    assert parent.recv() == (worker, 0, True)
    process.join(20)
    assert process.exitcode == 0
    state, end = router.messages("x", worker)
    assert (state.seq, state.state) == (0, {"b": 2})
    assert isinstance(end, schema.End)
    assert (b.worker, b.counts.published) == ("main", 2)


def test_a_grandchild_is_named_after_the_first_worker(router, b):
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        grandchild = os.fork()
        if grandchild == 0:
            b.publish_metric("grandchild", os.getpid())
            b.close()
            os._exit(0)
        os._exit(os.waitpid(grandchild, 0)[1])
    assert os.waitpid(pid, 0)[1] == 0
    ((worker, values),) = values_by_worker(router).items()
    assert worker == f"main-{values[0]:.0f}"


def test_a_closed_broadcaster_stays_closed_in_a_child(router, b):
    b.publish_metric("loss", 0)
    b.close()
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        b.publish_metric("child", 1)
        os._exit(b.counts.dropped != 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert set(values_by_worker(router)) == {"main"}


def test_a_disabled_broadcaster_travels_too():
    b = pickle.loads(pickle.dumps(ZmqBroadcaster(run_id="x", enabled=False)))
    assert (b.run, b.enabled) == ("x", False)
    b.publish_metric("loss", 0.5)


def test_a_pool_gets_the_broadcaster_with_every_task_and_counts_on(router, b):
    tasks = [("task", number) for number in range(40)]
    with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        for done in [pool.submit(b.publish_metric, *task) for task in tasks]:
            done.result(60)
    values = values_by_worker(router)
    assert sorted(value for worker in values.values() for value in worker) == list(range(40))
    assert all(re.fullmatch(r"main-\d+", worker) for worker in values)
    assert len(values) <= 2


def test_a_multiprocessing_pool_that_is_closed_loses_nothing(router, b):
    with multiprocessing.get_context("fork").Pool(2) as pool:
        pool.starmap(b.publish_metric, [("task", number) for number in range(40)])
        pool.close()
        pool.join()
    assert sorted(value for worker in values_by_worker(router).values() for value in worker) == list(range(40))


def test_in_its_own_process_a_copy_is_the_same(b):
    assert pickle.loads(pickle.dumps(b)) is b
    assert copy.deepcopy(b) is b


def test_a_broadcaster_nobody_refers_to_any_more_still_delivers(router):
    ZmqBroadcaster(run_id="x", zmq_port=router.port, strict=True).publish_metric("loss", 1)
    (held,) = forks_and_exit._held.values()
    held.close()
    assert values_by_worker(router) == {"main": [1.0]}
    assert not forks_and_exit._held


@pytest.mark.parametrize(
    ("ending", "code", "status"),
    [
        ("", 0, "completed"),
        ("raise ValueError('x')", 1, "error"),
        ("raise SystemExit(3)", 3, "completed"),
        ("raise KeyboardInterrupt", -2, "error"),
    ],
)
def test_a_process_that_ends_without_close_hands_over_what_it_has(router, ending, code, status):
    script = f"""if True:
        from monty_mqtt import ZmqBroadcaster
        b = ZmqBroadcaster(run_id="x", zmq_port={router.port}, strict=True)
        for number in range(100):
            b.publish_metric("number", number)
        {ending}
    """
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, check=False)
    assert done.returncode == code
    assert values_by_worker(router) == {"main": list(range(100))}
    assert router.messages("x")[-1].status == status


def test_a_killed_process_loses_nothing_it_had_handed_over(router):
    script = f"""if True:
        import os, signal
        from monty_mqtt import ZmqBroadcaster
        b = ZmqBroadcaster(run_id="x", zmq_port={router.port}, strict=True)
        for number in range(100):
            b.publish_metric("number", number)
        b.flush(20)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    assert subprocess.run([sys.executable, "-c", script], timeout=60, check=False).returncode == -9
    assert values_by_worker(router) == {"main": list(range(100))}


def named(broadcaster, pipe):
    broadcaster.publish_metric("loss", 1)
    broadcaster.close()
    pipe.send((broadcaster.run, broadcaster.worker))
    pipe.close()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_child_belongs_to_the_run_of_the_name_that_its_parent_was_given(router, method):
    b = ZmqBroadcaster(run="analysis", zmq_port=router.port, strict=True)
    mine, its = multiprocessing.Pipe()
    child = multiprocessing.get_context(method).Process(target=named, args=(b, its))
    child.start()
    assert mine.poll(30)
    run, worker = mine.recv()
    child.join(30)
    assert (run, worker) == (b.run, f"main-{child.pid}")
    assert values_by_worker(router, b.run) == {worker: [1]}
    b.close()
