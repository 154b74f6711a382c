"""The directory through which a parallel run's parent learns what its workers finished."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest

from monty_mqtt.monitor.worker_tally import WorkerTally
from monty_mqtt.wire.mode_sum import Finished

EPISODE = Finished("eval", 20, "correct", 1)


@pytest.fixture
def tally():
    tally = WorkerTally.begin()
    yield tally
    tally.remove()


def add_many(path, count):
    for number in range(count):
        WorkerTally(path).add(EPISODE._replace(steps=number))


def test_what_is_added_is_read_once_and_in_order(tally):
    assert tally.news() == []
    WorkerTally(tally.path).add(EPISODE)
    WorkerTally(tally.path).add(Finished("train", 3, None, None))
    assert tally.news() == [EPISODE, Finished("train", 3, None, None)]
    assert tally.news() == []
    tally.add(EPISODE)
    assert tally.news() == [EPISODE]


def test_half_a_line_is_left_for_the_next_time(tally):
    with Path(tally.path, "episodes").open("ab") as file:
        file.write(b'["eval", 20, "corr')
        file.flush()
        assert tally.news() == []
        file.write(b'ect", 1]\n')
    assert tally.news() == [EPISODE]


def test_processes_add_at_the_same_time(tally):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=add_many, args=(tally.path, 300)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    steps = [episode.steps for episode in tally.news()]
    assert sorted(steps) == sorted([*range(300), *range(300)])


def test_closed_is_seen_by_everybody(tally):
    assert not WorkerTally(tally.path).is_closed
    tally.close()
    assert WorkerTally(tally.path).is_closed


def test_a_worker_whose_parent_is_gone_makes_no_new_file(tally):
    tally.close()
    tally.remove()
    tally.remove()
    assert not tally.is_closed
    with pytest.raises(FileNotFoundError):
        WorkerTally(tally.path).add(EPISODE)


def test_who_runs_a_batch_is_known(tally):
    assert tally.process_of(3) is None
    WorkerTally(tally.path).take(3)
    assert tally.process_of(3) == os.getpid()
