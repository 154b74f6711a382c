"""This module puts loads on everything that `monty-mqtt up` starts, and measures delays, growth, processors and disks.

usage: python -m benchmarks capacity

Each load has 25 steps a second and worker. The delay is from the hook's `publish()` to a subscriber of the first
worker. A load is carried if the 99th percentile of it is at most 250 ms, what is not acknowledged does not grow, and
everything is in InfluxDB within 5 s after the last step. Workers, subscriber and all services share the same cores.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

import msgspec
import psutil

from benchmarks.bridge import Listener, row
from benchmarks.capacity import hook_curve
from benchmarks.capacity.workers import STEPS_PER_SEC, Load, Taken
from benchmarks.history import Chain, up
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.processes import programs

__all__ = ["rows"]

Row = Dict[str, Any]
LOADS = (
    *(Load(workers, 5, 4) for workers in (1, 10, 20, 50, 200)),
    *(Load(10, modules, 4) for modules in (1, 32)),
    *(Load(10, 5, objects) for objects in (77, 500)),
    Load(1, 32, 500),
    *(Load(workers, 5, 4, frames=True) for workers in (1, 10)),
)
QUICK_LOADS = (Load(2, 2, 4), Load(1, 2, 4, frames=True))
MOST_P99_MILLIS = 250.0
MOST_BEHIND_SECS = 0.25
MOST_GROWTH = 1.5
SETTLE_SECS = 5.0
PATIENCE_SECS = 120.0
MILLION = 1_000_000


class Usage(NamedTuple):
    """Usage is what the services had used at a moment: processor seconds by name, bytes over loopback and on disk."""

    cpu_secs: Dict[str, float]
    loopback_bytes: int
    disk_bytes: Dict[str, int]


def rows(*, quick: bool = False) -> List[Row]:
    """Return the figures; without Telegraf and influxd only those of the hook."""
    missing = [name for name in ("telegraf", "influxd") if programs.find(name).path is None]
    if missing:
        print(f"not measured: {', '.join(missing)} not installed; `make services` builds them")
        return hook_curve.rows(quick=quick)
    figures: List[Row] = []
    for load in QUICK_LOADS if quick else LOADS:
        with tempfile.TemporaryDirectory() as where, up(StateDir(Path(where))) as chain:
            figures += carried(chain, load, secs=2.0 if quick else 8.0)
    return figures + hook_curve.rows(quick=quick)


def carried(chain: Chain, load: Load, secs: float) -> List[Row]:
    """Put a load on the services; return its figures."""
    with Listener(chain.services["broker"], f"monty/v1/{load.run}-0/w0/step") as listener:
        before = usage(chain)
        port = str(chain.services["bridge"].port)
        words = (
            sys.executable,
            "-m",
            "benchmarks.capacity.workers",
            msgspec.json.encode(load).decode(),
            port,
            str(secs),
        )
        done = subprocess.run(words, check=True, capture_output=True, timeout=PATIENCE_SECS + 5 * secs)
        taken = msgspec.json.decode(done.stdout, type=Taken)
        settled_secs = until_stored(chain, load, taken.steps)
        after = usage(chain)
    delays = sorted((at - sent) / 1e6 for sent, at in listener.arrived.items())
    p99 = delays[int(len(delays) * 0.99)] if delays else float("inf")
    per_sec = load.workers * STEPS_PER_SEC
    grows = taken.after >= max(per_sec * MOST_BEHIND_SECS, MOST_GROWTH * taken.before) or not taken.flushed
    keeps_up = taken.secs < 1.1 * secs + 1 and not grows and settled_secs <= SETTLE_SECS
    met = p99 <= MOST_P99_MILLIS and keeps_up
    return [
        row(f"{load.name}: publish() to subscriber, p99", p99, "ms", f"<= {MOST_P99_MILLIS:g}, no growth", met=met),
        row("  not acknowledged, median of the last third", taken.after, "messages", "", met=None),
        row(
            "  in InfluxDB after the last step",
            settled_secs,
            "s",
            f"<= {SETTLE_SECS:g}",
            met=settled_secs <= SETTLE_SECS,
        ),
        *per_step(before, after, taken),
    ]


def per_step(before: Usage, after: Usage, taken: Taken) -> List[Row]:
    """Return what a step took of each program, of the network and of the disk."""
    cpu = {"workers": taken.cpu_secs, **{name: after.cpu_secs[name] - secs for name, secs in before.cpu_secs.items()}}
    kept = {name: after.disk_bytes[name] - size for name, size in before.disk_bytes.items()}
    return [
        *(
            row(f"  {name}, processor time a step", 1e6 * secs / taken.steps, "µs", "", met=None)
            for name, secs in cpu.items()
        ),
        row("  a step as JSON", taken.step_bytes / 1e3, "kB", "", met=None),
        row(
            "  over loopback a step",
            (after.loopback_bytes - before.loopback_bytes) / taken.steps / 1e3,
            "kB",
            "",
            met=None,
        ),
        *(
            row(f"  {name} on disk, a million steps", size * MILLION / taken.steps / 1e9, "GB", "", met=None)
            for name, size in kept.items()
        ),
    ]


def until_stored(chain: Chain, load: Load, steps: int) -> float:
    """Return the seconds until InfluxDB has every step of a load; at most the patience."""
    began = time.monotonic()
    counted = f"SELECT count(total_step) FROM step WHERE run =~ /^{load.run}-/ AND learning_module = ''"
    while chain.number(counted) < steps and time.monotonic() < began + PATIENCE_SECS:
        time.sleep(0.1)
    return time.monotonic() - began


def usage(chain: Chain) -> Usage:
    """Return what was used so far."""
    cpu = {name: used_secs(endpoint.pid) for name, endpoint in chain.services.items()}
    disk = {name: size_bytes(chain.state.path / name) for name in ("recordings", "influxdb")}
    return Usage(cpu, psutil.net_io_counters(pernic=True)["lo"].bytes_sent, disk)


def used_secs(pid: int) -> float:
    """Return the processor seconds of a process."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def size_bytes(folder: Path) -> int:
    """Return what all files of a folder take on the disk: InfluxDB reserves more than it has written."""
    return sum(512 * path.stat().st_blocks for path in folder.rglob("*") if path.is_file())
