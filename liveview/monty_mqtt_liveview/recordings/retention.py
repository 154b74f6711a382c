"""Decides which recordings must be removed: those beyond the limits of size and age. Pure.

Called by `run_store` once a minute, which then removes what `to_remove` names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

__all__ = ["PartOnDisk", "Retention", "RunOnDisk", "to_remove"]

_GIB = 1 << 30
_DAY_SECS = 86_400.0


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """Limits what may be kept; 0 means no limit.

    Attributes:
        most_bytes: Size of all recordings together, in bytes.
        most_days: Days since the last message of a finished run was recorded.
        most_memory_bytes: Memory for the steps of all runs, in bytes; steps beyond it are read from disk when needed.
    """

    most_bytes: int = 20 * _GIB
    most_days: float = 90.0
    most_memory_bytes: int = _GIB


class PartOnDisk(NamedTuple):
    """Describes one file (part) of a recording on disk."""

    path: Path
    size_bytes: int
    modified_unix_secs: float


class RunOnDisk(NamedTuple):
    """Describes a run's recording: its parts, oldest first."""

    directory: Path
    is_live: bool
    parts: Sequence[PartOnDisk]

    @property
    def newest_unix_secs(self) -> float:
        """When the newest part was last written, in seconds since 1970; 0 without parts."""
        return max((part.modified_unix_secs for part in self.parts), default=0.0)


def to_remove(runs: Sequence[RunOnDisk], limits: Retention, now_unix_secs: float) -> list[tuple[Path, str]]:
    """Return the directories of runs, and single parts, that must be removed, each with the reason.

    Finished runs are removed first, the oldest before the others; then the older parts of live runs, never the newest.
    """
    old = [run for run in runs if not run.is_live and _is_too_old(run, limits, now_unix_secs)]
    removed = [(run.directory, f"it is older than {limits.most_days:g} days") for run in old]
    rest = [run for run in runs if run not in old]
    why = f"all recordings together are larger than {limits.most_bytes / _GIB:.3g} GiB"
    return removed + [(path, why) for path in (_beyond(rest, limits.most_bytes) if limits.most_bytes else ())]


def _beyond(runs: Sequence[RunOnDisk], most_bytes: int) -> Iterator[Path]:
    size = sum(part.size_bytes for run in runs for part in run.parts)
    for path, size_bytes in _in_turn(runs):
        if size <= most_bytes:
            return
        size -= size_bytes
        yield path


def _is_too_old(run: RunOnDisk, limits: Retention, now_unix_secs: float) -> bool:
    return bool(limits.most_days) and now_unix_secs - run.newest_unix_secs > limits.most_days * _DAY_SECS


def _in_turn(runs: Sequence[RunOnDisk]) -> Iterator[tuple[Path, int]]:
    for run in sorted((run for run in runs if not run.is_live), key=lambda run: run.newest_unix_secs):
        yield run.directory, sum(part.size_bytes for part in run.parts)
    of_live = (part for run in runs if run.is_live for part in run.parts[:-1])
    for part in sorted(of_live, key=lambda part: part.modified_unix_secs):
        yield part.path, part.size_bytes
