"""This benchmark measures what the reports of the machine take, against psutil's way to the same values.

usage: python -m benchmarks machine

An experiment reads and publishes a report every 2 s, in a thread that no step waits for. Here both ways take turns in a
thread, without a bridge, so what is published goes into the spool; the mean for each step includes that.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from typing import Any, Callable, Dict, List

import psutil

from benchmarks.publish import at_least, at_most
from monty_mqtt import ZmqBroadcaster
from monty_mqtt.monitor.machine import MachineUse
from monty_mqtt.wire import schema

__all__ = ["rows"]

Row = Dict[str, Any]
EVERY_SECS = 2.0
STEPS_PER_SEC = 25
MOST_MICROS = 20


def rows(*, quick: bool = False) -> List[Row]:
    """Return the figures of a report, and print nothing."""
    process, use = psutil.Process(), MachineUse(".")
    with tempfile.TemporaryDirectory() as spool, ZmqBroadcaster(run="x", zmq_port=1, spool_dir=spool) as broadcaster:
        ways: Dict[str, Callable[[], Any]] = {
            "ours": use.fields,
            "published": lambda: broadcaster.publish(schema.Machine, **use.fields()),
            "psutil": lambda: by_psutil(process),
        }
        taken = take_turns(ways, 50 if quick else 2000)
    micros = {name: statistics.median(nanos) / 1e3 for name, nanos in taken.items()}
    report = statistics.fmean(taken["published"]) / 1e3
    return [
        at_most("reading what process and host use: median", micros["ours"], "µs", None),
        at_most("reading and publishing it: median", micros["published"], "µs", None),
        at_most(
            f"the same for each step, mean, {STEPS_PER_SEC} steps/s",
            report / (EVERY_SECS * STEPS_PER_SEC),
            "µs",
            MOST_MICROS,
        ),
        at_least("psutil / ours", micros["psutil"] / micros["ours"], 1),
    ]


def take_turns(ways: Dict[str, Callable[[], Any]], turns: int) -> Dict[str, List[int]]:
    """Return how long each way took each time, nanoseconds."""
    taken: Dict[str, List[int]] = {name: [] for name in ways}
    for _ in range(turns):
        for name, way in ways.items():
            began = time.perf_counter_ns()
            way()
            taken[name].append(time.perf_counter_ns() - began)
    return taken


def by_psutil(process: psutil.Process) -> List[Any]:
    """Return the same values, read by psutil."""
    with process.oneshot():
        of_process = [process.cpu_percent(), process.memory_info().rss, process.num_threads()]
    return [*of_process, os.getloadavg(), os.cpu_count(), shutil.disk_usage(".")]
