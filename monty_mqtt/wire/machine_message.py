"""This module defines the message about what a worker and its host use.

Exported by `schema`, from which all programs import.
"""

from __future__ import annotations

from typing import Optional

from monty_mqtt.wire.message_pieces import MessagePiece
from monty_mqtt.wire.run_messages import Message

__all__ = ["HostUse", "Machine", "ProcessUse"]


class ProcessUse(MessagePiece, frozen=True, kw_only=True):
    """ProcessUse is what a worker's process uses of its machine.

    Attributes:
        cpu_percent: Processor time since the last such message, percent of one processor.
        memory_bytes: Its memory that is in RAM; Linux only.
        threads: Number of its threads; Linux only.
        gpu_memory_bytes: Memory that PyTorch holds for it on all GPUs; only where it has a GPU in use.
    """

    cpu_percent: Optional[float] = None
    memory_bytes: Optional[int] = None
    threads: Optional[int] = None
    gpu_memory_bytes: Optional[int] = None


class HostUse(MessagePiece, frozen=True, kw_only=True):
    """HostUse is how busy and how full a host is.

    Attributes:
        load: Its load average over a minute.
        cpus: Number of its processors.
        gpu_percent: How busy the GPUs that PyTorch sees are, the mean of them; only where NVML says so.
        disk_free_bytes: Free room on the disk with Monty's results, for this user.
        disk_total_bytes: Size of that disk.
    """

    load: Optional[float] = None
    cpus: Optional[int] = None
    gpu_percent: Optional[float] = None
    disk_free_bytes: Optional[int] = None
    disk_total_bytes: Optional[int] = None


class Machine(Message, frozen=True, kw_only=True, tag="machine"):
    """Machine is what the worker's process and its host use, every 2 s. What the system does not tell is absent.

    Attributes:
        process: What the process uses.
        host: What the host has left.
    """

    process: ProcessUse = ProcessUse()
    host: HostUse = HostUse()
