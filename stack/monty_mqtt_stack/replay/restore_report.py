"""Counts restored messages, and reports the counts in sentences. Pure.

Filled by `restore_link`; printed by `monty-mqtt replay`.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from monty_mqtt.wire import zmq_protocol

__all__ = ["RestoreReport", "as_lines"]

_END = zmq_protocol.head("end")
_NANOS = 1e9


class RestoreReport(msgspec.Struct, kw_only=True):
    """Counts what was done with one worker's messages.

    Attributes:
        run: Id of the run.
        worker: Name of the worker.
        sent: Messages that were sent now, without frames and clouds.
        already: Messages that the bridge had before.
        missing: Messages between the first and the last that are missing from the file.
        too_large: Messages that the bridge refuses, because they are larger than its broker allows.
        first_unix_nanos: Time of the first message, ns since 1970; 0 if there is none.
        last_unix_nanos: Time of the last message, ns since 1970; 0 if there is none.
        ended: Whether the worker's `end` message is included.
        unreadable_bytes: Bytes after the last whole message of the file.
        removed: Whether the file was removed because the bridge has all of it.
        was_stopped: Whether it was stopped before the bridge had everything.
    """

    run: str
    worker: str
    sent: int = 0
    already: int = 0
    missing: int = 0
    too_large: int = 0
    first_unix_nanos: int = 0
    last_unix_nanos: int = 0
    ended: bool = False
    unreadable_bytes: int = 0
    removed: bool = False
    was_stopped: bool = False

    def note(self, frames: Sequence[bytes]) -> None:
        """Update times and `ended` from the frames of a message."""
        stamp = _stamps.decode(frames[1]).time_unix_nanos
        self.first_unix_nanos = self.first_unix_nanos or stamp
        self.last_unix_nanos = max(self.last_unix_nanos, stamp)
        self.ended = self.ended or frames[0] == _END


class _Stamp(msgspec.Struct):
    time_unix_nanos: int


_stamps = msgspec.json.Decoder(_Stamp)


def as_lines(report: RestoreReport, *, is_recording: bool = False) -> list[str]:
    """Return the report as lines of text; `is_recording` says whether it is about a recording or a spool."""
    lines = [f"{report.run}, {report.worker}: {_counts(report)}"]
    if report.last_unix_nanos:
        lines.append(f"  from {_local(report.first_unix_nanos)} to {_local(report.last_unix_nanos)}")
    if report.was_stopped:
        lines.append("  stopped before all was sent; the same command goes on from there")
    elif not report.ended and is_recording:
        lines.append("  the recording does not have its end")
    elif not report.ended:
        lines.append(
            "  there is no end of it: its process was killed, and what it published in its last second may be missing"
        )
    if report.unreadable_bytes:
        lines.append(f"  the last {report.unreadable_bytes:,} bytes are no whole message; the file stays")
    if report.too_large and not is_recording:
        lines.append("  the file stays: not all of it could be sent")
    if report.removed:
        lines.append("  the bridge has all of it; the file is removed")
    return lines


def _counts(report: RestoreReport) -> str:
    counts = {
        "the bridge had already": report.already,
        "between them are lost": report.missing,
        "are larger than the broker takes": report.too_large,
    }
    more = (f", {count:,} {description}" for description, count in counts.items() if count)
    return f"{report.sent:,} messages sent{''.join(more)}"


def _local(unix_nanos: int) -> str:
    return datetime.fromtimestamp(unix_nanos / _NANOS).astimezone().isoformat(sep=" ", timespec="milliseconds")
