"""Restores what an experiment left in its spool: sends its messages to the bridge with their own names.

Called by `monty-mqtt replay FILE` and `spool_uptake`; hands to `restore_link`. Run, worker, seqs
and times are those of the original, so restoring again, or a day later, changes nothing.
"""

import fcntl
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import psutil  # type: ignore[import-untyped]

from monty_mqtt.broadcast.link.sender_identity import SenderIdentity
from monty_mqtt.errors import ConfigError, ServiceError
from monty_mqtt.wire import schema, spool_format
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt_stack.replay.restore_link import PATIENCE_SECS, RestoreLink, RestoreStopped
from monty_mqtt_stack.replay.restore_report import RestoreReport

__all__ = ["is_spool", "restore", "writer_of"]

_Connect = Callable[[SenderIdentity, int, RestoreReport], RestoreLink]
_OnProgress = Callable[[int, int], object] | None


def is_spool(path: Path) -> bool:
    """Return whether a file is a spool; for a directory, False.

    Raises:
        ConfigError: It cannot be read, or is a pipe or a device, which would never end.
    """
    if path.is_dir():
        return False
    if path.exists() and not path.is_file():
        raise ConfigError("file", str(path), "a regular file")
    try:
        with path.open("rb") as file:
            return file.read(len(spool_format.MAGIC)) == spool_format.MAGIC
    except OSError as error:
        raise _unreadable(path, error) from None


def writer_of(path: Path) -> int:
    """Return the id of the process on this machine that still writes a spool; 0 if it has ended, or is not known.

    Raises:
        ConfigError: It is not a spool file, or cannot be read.
    """
    with _opened(path) as file:
        return _writer_of(path, file.header)


def restore(
    path: Path,
    *,
    bridge: BridgeAddress,
    patience_secs: float = PATIENCE_SECS,
    on_progress: _OnProgress = None,
    stop: threading.Event | None = None,
) -> RestoreReport:
    """Send what an experiment left in its spool, and remove the file when the bridge has all of it.

    Args:
        path: The spool file; `is_spool` returns whether it is one.
        bridge: Where the bridge is.
        patience_secs: How long the bridge may accept nothing before this gives up, in seconds; the file then stays.
        on_progress: Called after each message with the bytes of the file sent so far, and with its size in bytes.
        stop: An event to set to stop; the file then stays.

    Raises:
        ConfigError: It is not a spool file, or cannot be read.
        ServiceError: The experiment still writes it, another process sends it now, or no bridge accepts it.
    """
    with _opened(path) as file:
        header = file.header
        if header.schema_version != schema.SCHEMA_VERSION:
            allowed = (
                f"of schema {schema.SCHEMA_VERSION}; it is of {header.schema_version}, as another version writes it"
            )
            raise ConfigError("file", str(path), allowed)
        _refuse_while_it_is_written(path, header)
        _hold(file.fd, path)
        report = RestoreReport(run=header.run, worker=header.worker)
        sender = SenderIdentity(
            *(header.run, header.worker, header.started_unix_nanos, (bridge,)),
            replayed=True,
            token=header.token,
        )
        connect = partial(RestoreLink, patience_secs=patience_secs, stop=stop or threading.Event())
        try:
            end = _send(file, sender, connect, report, on_progress)
        except RestoreStopped:
            report.was_stopped = True
            return report
        report.unreadable_bytes = os.fstat(file.fd).st_size - end
    whole = not (report.unreadable_bytes or report.too_large)
    report.removed = whole and _remove(path.absolute(), header)
    return report


class _Opened(NamedTuple):
    """Holds a spool file that is being read; `begin` is the offset of its first record."""

    fd: int
    size: int
    header: spool_format.SpoolHeader
    begin: int


def _send(
    file: _Opened, sender: SenderIdentity, connect: _Connect, report: RestoreReport, on_progress: _OnProgress
) -> int:
    """Send the records of the file; return the offset at which its last whole record ends."""
    records = _records(file)
    first = next(records, None)
    if first is None:
        return file.begin
    end = file.begin
    if file.header.bridges > 1:
        sender = sender._replace(elsewhere=first.seq)
    with connect(sender, first.seq, report) as link:
        for record in chain((first,), records):
            link.send(record.seq, record.frames)
            end = record.end
            if on_progress:
                on_progress(end, file.size)
        link.finish()
    return end


@contextmanager
def _opened(path: Path) -> Iterator[_Opened]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # opening a pipe would wait for a writer
    except OSError as error:
        raise _unreadable(path, error) from None
    try:
        header, begin = spool_format.read_header(fd, path)
        yield _Opened(fd, os.fstat(fd).st_size, header, begin)
    except OSError as error:
        raise _unreadable(path, error) from None
    finally:
        os.close(fd)


def _records(file: _Opened) -> Iterator[spool_format.SpoolRecord]:
    offset = file.begin
    while records := spool_format.read_records(file.fd, offset):
        yield from records
        offset = records[-1].end


def _refuse_while_it_is_written(path: Path, header: spool_format.SpoolHeader) -> None:
    """Raise an error while the experiment lives: it still writes the file, and sends the messages itself."""
    if pid := _writer_of(path, header):
        raise ServiceError(
            f"{path}: process {pid} still writes it, and sends it itself once a bridge is there; "
            "restore it when that process has ended"
        )


def _hold(fd: int, path: Path) -> None:
    """Lock the file, so that no other process on this machine sends it too."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ServiceError(f"{path}: another process is sending it right now") from None
    except OSError:  # a file system without locks: if it is sent twice, the bridge skips the second
        return
    if not os.fstat(fd).st_nlink:
        raise ServiceError(f"{path}: another process has just sent and removed it")


def _writer_of(path: Path, header: spool_format.SpoolHeader) -> int:
    if header.host == socket.gethostname():  # on another machine only its bridge knows whether it is connected
        with suppress(psutil.Error, OSError):
            for file in psutil.Process(header.pid).open_files():
                if Path(file.path) == path.resolve() and getattr(file, "mode", "") != "r":
                    return header.pid
    return 0


def _remove(path: Path, header: spool_format.SpoolHeader) -> bool:
    """Remove the file, and the run's directory if it is empty then; return whether the file is gone."""
    with suppress(OSError):
        path.unlink()
        if path.parent.name == spool_format.path_of(path, header).parent.name:  # else the directory is not ours
            path.parent.rmdir()
    return not path.exists()


def _unreadable(path: Path, error: OSError) -> ConfigError:
    return ConfigError("file", str(path), f"a readable file ({error.strerror})")
