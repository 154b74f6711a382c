"""This module counts the messages in the spools of experiments whose connection is gone.

Called by `pipeline` once a second, which publishes the count in the worker's status. A thread of its own reads the
files, because a spool may have 2 GiB. The experiment, the program of `uptake_program`, or `replay` sends the messages.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from monty_mqtt.errors import ConfigError
from monty_mqtt.wire import schema, spool_format
from monty_mqtt_bridge.receive.sender import Key, Sender

__all__ = ["LeftBehind"]


class _Spool(NamedTuple):
    key: Key
    own_key: Key
    started_unix_nanos: int
    next: int


class LeftBehind:
    """LeftBehind counts the messages in spools, until `close`.

    Args:
        directory: Directory of the spools of this machine's experiments; if empty, nothing is counted.
    """

    def __init__(self, directory: str) -> None:
        self._directory = Path(directory) if directory else None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="spools")
        self._counting: Future[dict[Key, int]] | None = None
        self._known: dict[_Spool, tuple[tuple[int, int], int]] = {}
        self._closed = False

    def look(self, senders: Sequence[Sender]) -> dict[Key, int]:
        """Return what was counted since the last call, and begin to count for these workers; this never waits."""
        if self._counting is not None and not self._counting.done():
            return {}
        counted = self._counting.result() if self._counting else {}
        spools = [_Spool(sender.key, sender.own_key, sender.started_unix_nanos, sender.next) for sender in senders]
        self._counting = self._pool.submit(self._count, spools) if spools and self._directory else None
        return counted

    def close(self) -> None:
        """Stop counting. May be called twice."""
        self._closed = True
        self._pool.shutdown()

    def _count(self, spools: Sequence[_Spool]) -> dict[Key, int]:
        self._known = {spool: self._known[spool] for spool in spools if spool in self._known}
        return {spool.key: self._count_one(spool) for spool in spools}

    def _count_one(self, spool: _Spool) -> int:
        run, worker = spool.own_key
        header = spool_format.SpoolHeader(
            schema_version=schema.SCHEMA_VERSION, run=run, worker=worker, started_unix_nanos=spool.started_unix_nanos
        )
        with suppress(OSError, ConfigError):  # there is no file, or it is being made
            path = spool_format.path_of(self._directory or Path(), header)
            fd = os.open(path, os.O_RDONLY)
            try:
                stat = os.fstat(fd)
                state = (stat.st_size, stat.st_mtime_ns)
                if spool not in self._known or self._known[spool][0] != state:
                    self._known[spool] = state, self._messages(fd, path, spool.next)
                return self._known[spool][1]
            finally:
                os.close(fd)
        return 0

    def _messages(self, fd: int, path: Path, first_seq: int) -> int:
        _, offset = spool_format.read_header(fd, path)
        count = 0
        while not self._closed and (records := spool_format.read_records(fd, offset)):
            count += sum(record.seq >= first_seq for record in records)
            offset = records[-1].end
        return count
