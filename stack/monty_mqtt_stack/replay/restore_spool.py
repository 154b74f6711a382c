"""Restores runs: sends the messages of an experiment's spool, or recorded ones, to the bridge with their own names.

Called by `monty-mqtt replay FILE`, `spool_uptake` and `restore_recording`; hands to `restore_link`. Run, worker, seqs
and times are those of the original, so restoring again, or a day later, changes nothing.
"""

import fcntl
import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import psutil  # type: ignore[import-untyped]

from monty_mqtt.broadcast.sender_identity import SenderIdentity
from monty_mqtt.errors import ConfigError, ServiceError
from monty_mqtt.wire import schema, spool_format, zmq_protocol
from monty_mqtt.wire.vocabulary import BULK_KINDS
from monty_mqtt_stack.replay.restore_link import Restoring, Stopped
from monty_mqtt_stack.replay.restore_report import Restored

__all__ = ["PATIENCE_SECS", "is_spool", "restore", "restore_messages", "writer_of"]

PATIENCE_SECS = 30.0
"""How long a bridge may accept nothing, in seconds: it may be restarting, or its journal may be behind."""

_Key = tuple[str, str]
_Connect = Callable[[int, Restored], Restoring]
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
    zmq_host: str = "127.0.0.1",
    zmq_port: int = 5555,
    patience_secs: float = PATIENCE_SECS,
    on_progress: _OnProgress = None,
    stop: threading.Event | None = None,
) -> Restored:
    """Send what an experiment left in its spool, and remove the file when the bridge has all of it.

    Args:
        path: The spool file; `is_spool` returns whether it is one.
        zmq_host: Host of the bridge.
        zmq_port: ZMQ port of the bridge.
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
        restored = Restored(run=header.run, worker=header.worker)
        sender = SenderIdentity(
            *(header.run, header.worker, header.started_unix_nanos, zmq_host, zmq_port),
            replayed=True,
            token=header.token,
        )
        connect = partial(Restoring, sender, patience_secs=patience_secs, stop=stop or threading.Event())
        try:
            end = _send(file, connect, restored, on_progress)
        except Stopped:
            restored.was_stopped = True
            return restored
        restored.unreadable_bytes = os.fstat(file.fd).st_size - end
    whole = not (restored.unreadable_bytes or restored.too_large)
    restored.removed = whole and _remove(path.absolute(), header)
    return restored


def restore_messages(
    messages: Iterable[tuple[schema.Message, Sequence[bytes]]],
    *,
    zmq_host: str = "127.0.0.1",
    zmq_port: int = 5555,
    patience_secs: float = PATIENCE_SECS,
    stop: threading.Event | None = None,
) -> list[Restored]:
    """Send recorded messages of any number of workers again, each with its own seq and time; return the reports.

    Args:
        messages: Messages with their buffers; those of one worker in the order of their seqs, its frames and clouds in
            the order of theirs. A message whose seq is not above the last one's counts as one that the bridge had.
        zmq_host: Host of the bridge.
        zmq_port: ZMQ port of the bridge.
        patience_secs: How long the bridge may accept nothing before this gives up, in seconds.
        stop: An event to set to stop.

    Raises:
        ServiceError: No bridge accepts them, or a worker of them is connected and sends its messages itself.
    """
    connect = partial(_connect_recorded, zmq_host, zmq_port, patience_secs, stop or threading.Event())
    with _Workers(connect) as workers:
        try:
            for message, buffers in messages:
                workers.send(message, buffers)
            workers.finish()
        except Stopped:
            for restored in workers.restored.values():
                restored.was_stopped = True
        return list(workers.restored.values())


class _Opened(NamedTuple):
    """Holds a spool file that is being read; `begin` is the offset of its first record."""

    fd: int
    size: int
    header: spool_format.SpoolHeader
    begin: int


class _Workers:
    """Holds the connections of a recording's workers: one for each, from its first message to its end."""

    def __init__(self, connect: Callable[[_Key, int, Restored], Restoring]) -> None:
        self.restored: dict[_Key, Restored] = {}
        self._connect = connect
        self._open: dict[_Key, Restoring] = {}
        self._early: dict[_Key, list[tuple[int, list[bytes]]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for restoring in self._open.values():
            restoring.close()

    def send(self, message: schema.Message, buffers: Sequence[bytes]) -> None:
        """Send a message over its worker's connection."""
        key, kind = (message.run, message.worker), str(message.__struct_config__.tag)
        frames = [zmq_protocol.head(kind), schema.encode(message), *buffers]
        if kind not in BULK_KINDS:
            self._opened(key, message.seq).send(message.seq, frames)
            if kind == "end":
                self._open[key].finish()
                self._open.pop(key).close()
        elif key in self._open:
            self._open[key].send_bulk(message.seq, frames)
        else:  # kept until HELLO can name the first message
            self._early.setdefault(key, []).append((message.seq, frames))

    def finish(self) -> None:
        """Wait until the bridge has accepted everything."""
        for key in list(self._early):
            self._opened(key, 0)
        for restoring in self._open.values():
            restoring.finish()

    def _opened(self, key: _Key, seq: int) -> Restoring:
        if key not in self._open:
            restored = self.restored.setdefault(key, Restored(run=key[0], worker=key[1]))
            self._open[key] = self._connect(key, seq, restored).__enter__()
            for bulk in self._early.pop(key, []):
                self._open[key].send_bulk(*bulk)
        return self._open[key]


def _connect_recorded(
    host: str, port: int, patience_secs: float, stop: threading.Event, key: _Key, seq: int, restored: Restored
) -> Restoring:
    # A recording does not contain when its workers were started: 0 means any sender that the bridge knows by the name.
    return Restoring(
        SenderIdentity(*key, 0, host, port, replayed=True), seq, restored, patience_secs=patience_secs, stop=stop
    )


def _send(file: _Opened, connect: _Connect, restored: Restored, on_progress: _OnProgress) -> int:
    """Send the records of the file; return the offset at which its last whole record ends."""
    records = _records(file)
    first = next(records, None)
    if first is None:
        return file.begin
    end = file.begin
    with connect(first.seq, restored) as restoring:
        for record in chain((first,), records):
            restoring.send(record.seq, record.frames)
            end = record.end
            if on_progress:
                on_progress(end, file.size)
        restoring.finish()
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
