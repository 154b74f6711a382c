"""This module reports what a worker's process and its host use, every 2 s, from a thread of its own.

Started and stopped by `monitored_run`. No step waits for it: a file system that hangs holds up the thread only. It
imports nothing for it; what this system does not tell is left out.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from contextlib import suppress
from typing import Any, Callable, Dict

from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster
from monty_mqtt.monitor.error_guard import ErrorGuard
from monty_mqtt.wire.schema import HostUse, Machine, ProcessUse

__all__ = ["MachineReports", "MachineUse"]

_EVERY_SECS = 2.0
_STOP_SECS = 1.0
_OF_PROCESS = "/proc/self/stat"
_THREADS, _RESIDENT_PAGES = 17, 21
"""Places behind the name of the program, from 0: `num_threads` and `rss` of proc(5)."""


class MachineUse:
    """MachineUse reads what this process and its host use now.

    Args:
        directory: A directory on the disk whose room is reported.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._cpu_secs, self._at = time.process_time(), time.monotonic()

    def fields(self) -> Dict[str, Any]:
        """Return the fields of a Machine message, as far as this system tells them."""
        process = {"cpu_percent": self._cpu_percent(), **_told(_of_process), **_told(_of_gpus)}
        host = {**_told(_of_host), **_told(_use_of_gpus), **_told(self._of_disk)}
        return {"process": ProcessUse(**process), "host": HostUse(**host)}

    def _cpu_percent(self) -> float:
        cpu_secs, at = time.process_time(), time.monotonic()
        used, passed = cpu_secs - self._cpu_secs, at - self._at
        self._cpu_secs, self._at = cpu_secs, at
        return 100 * used / max(passed, 1e-3)

    def _of_disk(self) -> Dict[str, Any]:
        usage = shutil.disk_usage(self._directory)
        return {"disk_free_bytes": usage.free, "disk_total_bytes": usage.total}


class MachineReports:
    """MachineReports publishes a Machine message every 2 s, from `start` to `stop`.

    Args:
        broadcaster: Publishes it.
        guard: Counts errors.
        directory: A directory on the disk whose room is reported.
    """

    def __init__(self, broadcaster: ZmqBroadcaster, guard: ErrorGuard, directory: str) -> None:
        self._broadcaster, self._guard, self._directory = broadcaster, guard, directory
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="monty-mqtt machine", daemon=True)

    def start(self) -> None:
        """Begin; the first message comes after 2 s."""
        if self._broadcaster.enabled:
            self._thread.start()

    def stop(self) -> None:
        """End, within a second; may be called twice."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECS)

    def _run(self) -> None:
        use = MachineUse(self._directory)
        while not self._stopped.wait(_EVERY_SECS):
            with self._guard:
                fields = use.fields()
                if not self._stopped.is_set():
                    self._broadcaster.publish(Machine, **fields)


def _told(read: Callable[[], Dict[str, Any]]) -> Dict[str, Any]:
    with suppress(OSError, ValueError, IndexError, AttributeError, ImportError, RuntimeError):
        return read()
    return {}


def _of_process() -> Dict[str, Any]:
    with open(_OF_PROCESS, "rb") as file:  # noqa: PTH123 - a Path takes three times as long
        words = file.read().rpartition(b")")[2].split()
    return {"threads": int(words[_THREADS]), "memory_bytes": int(words[_RESIDENT_PAGES]) * os.sysconf("SC_PAGE_SIZE")}


def _of_host() -> Dict[str, Any]:
    return {"cpus": os.cpu_count(), "load": os.getloadavg()[0]}


def _of_gpus() -> Dict[str, Any]:
    """Return the GPU memory that PyTorch holds, if the experiment has loaded it and uses a GPU."""
    cuda = _cuda()
    return {"gpu_memory_bytes": sum(cuda.memory_reserved(gpu) for gpu in range(cuda.device_count()))} if cuda else {}


def _use_of_gpus() -> Dict[str, Any]:
    """Return how busy these GPUs are; NVML says so, if PyTorch finds it."""
    cuda = _cuda()
    if cuda is None:
        return {}
    use = [cuda.utilization(gpu) for gpu in range(cuda.device_count())]
    return {"gpu_percent": sum(use) / len(use)} if use else {}


def _cuda() -> Any:
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    return cuda if cuda is not None and cuda.is_initialized() else None
