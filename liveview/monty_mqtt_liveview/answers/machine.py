"""Describes what workers' processes and their hosts use. Used by `addresses`."""

from __future__ import annotations

from typing import TypedDict

__all__ = ["MachineHead", "UseCourse"]


class MachineHead(TypedDict):
    """What a worker's process and its host last used; null is what the system does not tell.

    Attributes:
        worker: Name of the worker.
        host: Name of the machine that it runs on.
        time_unix_millis: When it was measured.
        cpu_percent: Processor time of the process, percent of one processor.
        memory_bytes: Memory of the process that is in RAM.
        threads: Number of its threads.
        gpu_memory_bytes: Memory that PyTorch holds for it on all GPUs.
        load: Load average of the host over a minute.
        cpus: Number of its processors.
        gpu_percent: How busy its GPUs are, the mean of them.
        disk_free_bytes: Free room on the disk with Monty's results.
        disk_total_bytes: Size of that disk.
    """

    worker: str
    host: str | None
    time_unix_millis: int | None
    cpu_percent: float | None
    memory_bytes: int | None
    threads: int | None
    gpu_memory_bytes: int | None
    load: float | None
    cpus: int | None
    gpu_percent: float | None
    disk_free_bytes: int | None
    disk_total_bytes: int | None


class UseCourse(TypedDict):
    """One field of `MachineHead` over time.

    Attributes:
        times_unix_millis: Times of the values, ascending.
        values: The values, as many.
        is_whole: Whether every value is there; else the least and the greatest of every part are.
    """

    times_unix_millis: list[int]
    values: list[float]
    is_whole: bool
