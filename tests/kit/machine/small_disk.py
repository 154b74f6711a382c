"""Mounts a small disk, which is soon full."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kit.machine.missing import is_missing


@contextmanager
def small_disk(where: Path, size_mib: int) -> Iterator[Path]:
    """Mount a disk of this size on a new directory; without the right to mount, skip the test (under CI: fail)."""
    where.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(where)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        is_missing(f"not run: no right to mount a small disk here ({done.stderr.strip()})")
    yield where
    subprocess.run(["umount", "--lazy", str(where)], check=True)
