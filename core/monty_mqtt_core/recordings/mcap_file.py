"""This module writes and reads a recording: an MCAP file (https://mcap.dev) with one channel per MQTT topic.

Called by `record`, which writes, and by `play`, which reads. It is the only user of `mcap`. Topics and payloads go in
and out as they are on MQTT; inside the file

- JSON topics are channels of encoding `json` with the schemas of `json_schemas`,
- frames and images are `foxglove.CompressedImage` and points `foxglove.PointCloud`, in JSON (`foxglove_forms`),
- object models are channels of encoding `ply` without a schema: the PLY file, unchanged.

`log_time` and `publish_time` are the message's own time, `sequence` is its seq. Chunks are compressed with zstd and so
small that a killed recorder loses little. A file that is cut off is readable up to its last whole chunk, and a damaged
file is readable except for its damaged chunks.
"""

import contextlib
import logging
import stat
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple, Self

import msgspec
from mcap.writer import CompressionType, Writer

from monty_mqtt import __version__
from monty_mqtt.errors import ConfigError, DecodeError, ServiceError
from monty_mqtt.wire import topics
from monty_mqtt.wire.schema import SCHEMA_VERSION
from monty_mqtt_core.recordings import json_schemas
from monty_mqtt_core.recordings.foxglove_forms import SCHEMAS, unwrapped, wrapped
from monty_mqtt_core.recordings.mcap_chunks import ChunkMessage
from monty_mqtt_core.recordings.mcap_scan import BEGUN, Beginning, Damage, Scan, damage_told

__all__ = ["Entry", "Reader", "RecordingWriter"]

_LOG = logging.getLogger(__name__)
_MAGIC = b"\x89MCAP0\r\n"
_CHUNK_BYTES = 256 * 1024
_LARGEST_FILE_BYTES = 1 << 38


class Entry(NamedTuple):
    """Entry is one MQTT message of a recording.

    Attributes:
        topic: Topic of the message.
        payload: Payload of the message.
        time_unix_nanos: The message's own time.
        seq: Number of the message.
    """

    topic: str
    payload: bytes
    time_unix_nanos: int
    seq: int


class RecordingWriter:
    """RecordingWriter writes a recording inside its `with` block; the file is whole after it, and readable before.

    Args:
        path: The file, which does not exist yet.
        chunk_bytes: Uncompressed size at which a chunk is compressed and written.

    Raises:
        ConfigError: The file exists, or cannot be written there.
        ServiceError: In any method: the disk is full, or gone. What was flushed before stays readable.
    """

    def __init__(self, path: Path, *, chunk_bytes: int = _CHUNK_BYTES) -> None:
        try:
            self._file: IO[bytes] = path.open("xb")
        except FileExistsError:
            raise ConfigError("recording", str(path), "a file that does not exist yet") from None
        except OSError as error:
            raise ConfigError("recording", str(path), f"a file that can be written ({error.strerror})") from None
        self._path = path
        self._has_failed = False
        self._writer = Writer(self._file, chunk_size=chunk_bytes, compression=CompressionType.ZSTD)
        self._schemas: dict[str, int] = {}
        self._channels: dict[str, tuple[int, str]] = {}
        try:
            self._start()
        except ServiceError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def size_bytes(self) -> int:
        """Size of the file so far, bytes."""
        return self._path.stat().st_size

    @property
    def topics(self) -> dict[int, str]:
        """Topic by channel, of all messages written so far."""
        return {channel_id: topic for topic, (channel_id, _) in self._channels.items()}

    @property
    def channel_count(self) -> int:
        """Number of topics so far."""
        return len(self._channels)

    def write(self, entry: Entry) -> None:
        """Add one MQTT message.

        Raises:
            DecodeError: The topic is not one of this schema, or points have no header.
        """
        with self._telling():
            channel_id, _ = self._channels.get(entry.topic) or self._add_channel(entry.topic)
            self._writer.add_message(
                channel_id=channel_id,
                log_time=entry.time_unix_nanos,
                publish_time=entry.time_unix_nanos,
                sequence=entry.seq & 0xFFFFFFFF,
                data=wrapped(*entry[:3]),
            )

    def note_beginning(self, begun: Beginning) -> None:
        """Record that the recording of a worker begins in the middle of its run."""
        with self._telling():
            self._writer.add_metadata(BEGUN, begun.as_metadata())

    def flush(self) -> None:
        """Write the messages that are in memory, so that a reader can see them."""
        with self._telling():
            self._writer.flush()  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Write the rest and the index. May be called twice."""
        if self._file.closed:
            return
        try:
            if not self._has_failed:
                with self._telling():
                    self._writer.finish()  # type: ignore[no-untyped-call]
                    self._file.flush()
        finally:
            with contextlib.suppress(OSError):  # the error was already raised
                self._file.close()

    def _start(self) -> None:
        with self._telling():
            self._writer.start(library=f"monty-mqtt {__version__}")
            self._writer.add_metadata("monty_mqtt", {"schema_version": str(SCHEMA_VERSION), "version": __version__})
            self._writer.flush()  # type: ignore[no-untyped-call]

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._has_failed = True
            text = f"recording {self._path} ends here: {error.strerror}; what was written before can be read"
            raise ServiceError(text) from None

    def _add_channel(self, topic: str) -> tuple[int, str]:
        kind = topics.parse(topic).kind
        encoding = "ply" if kind == "object_model" else "json"
        schema_id = 0 if kind == "object_model" else self._schema_id(kind)
        channel_id = self._writer.register_channel(topic, encoding, schema_id, {"kind": kind})
        self._channels[topic] = (channel_id, kind)
        return channel_id, kind

    def _schema_id(self, kind: str) -> int:
        if kind not in self._schemas:
            known = SCHEMAS.get(kind)
            name = known["title"] if known else json_schemas.schema_name(kind)
            content = known or json_schemas.of_kind(kind)
            self._schemas[kind] = self._writer.register_schema(name, "jsonschema", msgspec.json.encode(content))
        return self._schemas[kind]


class Reader:
    """Reader reads a recording.

    Args:
        path: The file.

    Attributes:
        path: As given.
        is_whole: Whether the file was closed properly; otherwise it is read as far as it goes.
        skipped: Number of messages that are not of this schema, or not readable.
        damages: Places that could not be read; known when all was read.
        begun: Workers whose recording begins in the middle of their run; known when all was read.

    Raises:
        ConfigError: There is no such file, it is not a regular file, or it is not MCAP.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            status = path.stat()
            size = status.st_size
            if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):  # a pipe would never end
                raise ConfigError("recording", str(path), "a regular file")
            if size > _LARGEST_FILE_BYTES:
                raise ConfigError("recording", str(path), f"a file of at most {_LARGEST_FILE_BYTES >> 30} GiB")
            with path.open("rb") as file:
                start = file.read(len(_MAGIC))
                file.seek(max(0, size - len(_MAGIC)))
                end = file.read()
        except OSError as error:
            raise ConfigError("recording", str(path), f"a readable file ({error.strerror})") from None
        if start != _MAGIC:
            raise ConfigError("recording", str(path), "an MCAP file")
        self.is_whole = end == _MAGIC and size > 2 * len(_MAGIC)
        self.skipped = 0
        self.damages: list[Damage] = []
        self.begun: list[Beginning] = []

    def entries(self) -> Iterator[Entry]:
        """Yield the messages in the order of their times; damaged places are left out, with one warning."""
        with self.path.open("rb") as file:
            scan = Scan(file, is_whole=self.is_whole)
            count = 0
            for message in scan.messages():
                for entry in self._entry(message):
                    count += 1
                    yield entry
        self.damages = scan.damages
        self.begun = scan.begun
        if self.damages:
            _LOG.warning("recording %s is damaged: %s", self.path, damage_told(self.damages))
        elif not self.is_whole:
            _LOG.warning("recording %s was cut off; it is read up to message %d", self.path, count)

    def _entry(self, message: ChunkMessage) -> Iterator[Entry]:
        try:
            payload = unwrapped(message.topic, message.data)
            yield Entry(message.topic, payload, message.time_unix_nanos, message.seq)
        except DecodeError as error:
            if not self.skipped:
                _LOG.warning("recording %s holds messages that are not read, such as %s", self.path, error)
            self.skipped += 1
