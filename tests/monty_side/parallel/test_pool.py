"""The pool of Monty's parallel runner: as upstream's, but it can end before its time."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
from kit.machine.child_process import until

from monty_mqtt.errors import MontyMqttError
from monty_mqtt.monitor.worker_tally import WorkerTally
from monty_mqtt.parallel.pool import Spawning
from monty_mqtt.wire.mode_sum import Finished


@pytest.fixture
def tally():
    tally = WorkerTally.begin()
    yield tally
    tally.remove()


@pytest.fixture
def pool(tally):
    context = Spawning(tally).get_context("spawn")
    with context.Pool(2, maxtasksperchild=1) as pool:
        yield pool


def twice(number):
    return 2 * number, os.getpid()


def told(given):
    """Note that it ran; the fourth says that nothing else is to begin."""
    path, number = given
    WorkerTally(path).add(Finished("eval", number, None, None))
    if number == 3:
        WorkerTally(path).close()
    return number


def fails(number):
    if number in (1, 2):
        raise ValueError(number)
    return number


def test_everything_is_run_in_order_and_in_as_many_processes_as_upstream(pool):
    work = list(range(20))
    results = pool.map(twice, work)
    assert [result for result, _ in results] == list(range(0, 40, 2))
    assert work == list(range(20))
    with multiprocessing.get_context("spawn").Pool(2, maxtasksperchild=1) as theirs:
        expected = theirs.map(twice, work)
    assert len({pid for _, pid in results}) == len({pid for _, pid in expected}) == 7


def test_what_was_not_begun_leaves_the_list(pool, tally):
    work = [(tally.path, number) for number in range(40)]
    results = pool.map(told, work)
    ran = sorted(episode.steps for episode in tally.news())
    assert sorted(results) == ran == [number for _, number in work]
    assert {0, 3} <= set(ran)
    assert len(ran) < 20, "five in a batch, at most three batches had been handed out"


def test_the_first_is_run_although_nothing_is_to_begin(pool, tally):
    tally.close()
    work = [(tally.path, number) for number in range(8)]
    assert pool.map(told, work) == [0]
    assert work == [(tally.path, 0)]


def test_failure_is_raised_when_the_others_are_done(pool):
    with pytest.raises(ValueError, match=r"1|2"):
        pool.map(fails, list(range(6)))


def is_killed(number):
    if number in (2, 7):
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def all_are_killed(_):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_is_killed_takes_its_batch_along_and_no_other(pool, tally, caplog):
    work = list(range(16))
    assert pool.map(is_killed, work) == [0, 1, 4, 5, *range(8, 16)]
    assert work == [0, 1, 4, 5, *range(8, 16)]
    assert tally.lost == 4
    assert caplog.text.count("2 experiments ended with their process") == 2


def test_where_all_are_killed_it_is_an_error(pool):
    with pytest.raises(MontyMqttError, match="every experiment ended with its process"):
        pool.map(all_are_killed, [1])


def ends_by_no_signal(started):
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    Path(started).touch()
    time.sleep(300)


def test_a_process_that_ends_by_no_signal_is_killed(tally, tmp_path, monkeypatch):
    monkeypatch.setattr("monty_mqtt.parallel.pool._END_SECS", 1.0)
    started = tmp_path / "started"
    with Spawning(tally).get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        pool.apply_async(ends_by_no_signal, [str(started)])
        until(started.exists, 60)
    assert multiprocessing.active_children() == []


def test_nothing_to_do_is_done_at_once(pool):
    assert pool.map(twice, []) == []


def test_everything_else_is_multiprocessings_own(tally):
    spawning = Spawning(tally)
    assert spawning.cpu_count is multiprocessing.cpu_count
    assert spawning.get_context("spawn").get_start_method() == "spawn"
    with spawning.get_context("spawn").Pool(1) as pool:
        assert [result for result, _ in pool.imap(twice, [1, 2])] == [2, 4]
