"""This module reads a recording that consists of several files as one recording.

Called by `play` and `restore_recording` for every recording, be it a file, or a directory with the parts of a run. The
page begins a new part at each start, and when a part has become large.
"""

import hashlib
import heapq
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from monty_mqtt.errors import ConfigError, DecodeError
from monty_mqtt.wire import topics
from monty_mqtt_core.reading.deduplication import SeenMessages
from monty_mqtt_core.recordings.mcap_file import Entry, Reader
from monty_mqtt_core.recordings.mcap_scan import Beginning, damage_told

__all__ = ["PART_NAME", "Recording", "directory_of", "joined", "part_name"]

_LONGEST_NAME_BYTES = 180
_SUFFIX = ".mcap"
PART_NAME = re.compile(r"\d{8}T\d{6}Z-\d+\.mcap")
"""The form of the names that `part_name` gives."""

_MOST_NAMED = 10


def directory_of(recordings: Path, run: str) -> Path:
    """Return the directory of a run's parts: its name escaped, so that it cannot lead out of `recordings`."""
    name = topics.escape(run)
    encoded = name.encode()
    if len(encoded) > _LONGEST_NAME_BYTES:
        beginning = encoded[:_LONGEST_NAME_BYTES].decode(errors="ignore")
        name = f"{beginning}-{hashlib.sha256(encoded).hexdigest()[:16]}"
    return recordings / name


def part_name(started: str, number: int) -> str:
    """Return the name of a part: start time of its page, UTC as `20261124T093000Z`, and number since then."""
    return f"{started}-{number:04}{_SUFFIX}"


def joined(paths: Iterable[Path]) -> list[tuple[Path, ...]]:
    """Group the paths by recording: parts of one directory together, every other path by itself."""
    parts: dict[Path, list[Path]] = {}
    for path in paths:
        is_part = PART_NAME.fullmatch(path.name) is not None and path.is_file()
        parts.setdefault(path.parent.absolute() if is_part else path, []).append(path)
    return [tuple(dict.fromkeys(group)) for group in parts.values()]


class Recording:
    """Recording is a recording in one file, in a directory of parts, or in given parts.

    Args:
        paths: One file or directory, or several parts of the same. A directory of runs' directories is its only run.

    Raises:
        ConfigError: There is no such file, it is not MCAP, or the directory holds no run, or more than one.
    """

    def __init__(self, *paths: Path) -> None:
        self._is_one_file = len(paths) == 1 and not paths[0].is_dir()
        files = [file for path in paths for file in (_parts_in(path) if path.is_dir() else [path])]
        self._readers = [Reader(file) for file in files]

    @property
    def damages(self) -> list[str]:
        """The damaged places of each file, in words; known when all was read."""
        return [
            f"{reader.path} is damaged: {damage_told(reader.damages)}" for reader in self._readers if reader.damages
        ]

    @property
    def begun(self) -> list[Beginning]:
        """Workers whose recording begins in the middle of their run; known when all was read."""
        return [begun for reader in self._readers for begun in reader.begun]

    def entries(self) -> Iterator[Entry]:
        """Yield the messages in the order of their times; a message that several parts hold comes once."""
        if self._is_one_file:
            yield from self._readers[0].entries()
            return
        seen = SeenMessages()
        iterators = (reader.entries() for reader in self._readers)
        for entry in heapq.merge(*iterators, key=lambda entry: entry.time_unix_nanos):
            if _is_new(seen, entry):
                yield entry


def _parts_in(directory: Path) -> list[Path]:
    if parts := _own_parts(directory):
        return parts
    runs = [path for path in directory.iterdir() if path.is_dir() and _own_parts(path)]
    if len(runs) == 1:
        return _own_parts(runs[0])
    allowed = (
        _one_of(sorted(runs, key=_modified_unix_secs, reverse=True)) if runs else f"a directory with {_SUFFIX} files"
    )
    raise ConfigError("recording", str(directory), allowed)


def _own_parts(directory: Path) -> list[Path]:
    # A name that begins with a dot is a part that is just being closed, before it gets its name. A pipe is not a part.
    named = (file for file in directory.glob(f"*{_SUFFIX}") if not file.name.startswith("."))
    return sorted(file for file in named if file.is_file())


def _modified_unix_secs(directory: Path) -> float:
    return directory.stat().st_mtime


def _one_of(runs: Sequence[Path]) -> str:
    named = ", ".join(run.name for run in runs[:_MOST_NAMED])
    older = f" and {len(runs) - _MOST_NAMED} older ones" if len(runs) > _MOST_NAMED else ""
    newest = runs[0]
    where = f"one run's directory, such as {newest}, or {newest.parent}/* for all"
    return f"{where}; the {len(runs)} runs in it: {named}{older}"


def _is_new(seen: SeenMessages, entry: Entry) -> bool:
    try:
        parsed = topics.parse(entry.topic)
    except DecodeError:
        return True  # the reader counts it
    return seen.is_new(parsed, entry.seq, entry.time_unix_nanos, entry.payload, is_retained=False)
