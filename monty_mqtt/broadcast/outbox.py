"""This module numbers messages, keeps them, and opens the link to the bridge when it is first needed.

Called by `broadcaster` under its lock; hands to `send_window` and `bridge_link`.
"""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress
from shlex import quote
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Sequence, Type, Union

from monty_mqtt.broadcast.broadcast_counts import BroadcastCounts
from monty_mqtt.broadcast.link.sender_identity import SenderIdentity
from monty_mqtt.broadcast.send_window import SendWindow
from monty_mqtt.broadcast.spool_policy import SpoolPolicy
from monty_mqtt.wire import schema, zmq_protocol
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt.wire.json_values import plain
from monty_mqtt.wire.vocabulary import BULK_KINDS

if TYPE_CHECKING:
    from monty_mqtt.broadcast.link.bridge_link import BridgeLink
    from monty_mqtt.broadcast.settings import Settings

__all__ = ["Buffer", "Outbox", "Stamps"]

Buffer = Union[bytes, bytearray, memoryview]
"""Raw pixels or points; any other object that `bytes()` accepts works, too."""

_END_BYTES = 4096
_TOKEN_BYTES = 16
_LARGEST_BUFFERS_BYTES = zmq_protocol.LARGEST_FRAME_BYTES - (1 << 20)
"""The rest of the largest frame is for the JSON of a frame or cloud."""

_log = logging.getLogger(__name__)

_KINDS = {cls: (zmq_protocol.head(kind), kind in BULK_KINDS) for kind, cls in schema.KINDS.items()}


class Stamps:
    """Stamps gives nanoseconds since 1970-01-01 UTC, each larger than the one before.

    A machine's clock may be set back in the middle of a run (NTP, a person, a resumed virtual machine); the order of a
    worker's messages must not change with it. While the wall clock is behind the last stamp, time goes on from there at
    the speed of the monotonic clock, so that durations stay right until the wall clock has caught up.

    Attributes:
        wall: Returns the nanoseconds of the wall clock; a test puts its own clock here.
        tick: Returns the nanoseconds of a clock that is never set.
    """

    def __init__(self, wall: Callable[[], int] = time.time_ns, tick: Callable[[], int] = time.monotonic_ns) -> None:
        self.wall = wall
        self.tick = tick
        self._last = 0
        self._last_tick = 0

    def take(self) -> int:
        """Return the next stamp."""
        stamp, tick = self.wall(), self.tick()
        if stamp <= self._last:
            stamp = self._last + max(1, tick - self._last_tick)
        self._last, self._last_tick = stamp, tick
        return stamp


class Outbox:
    """Outbox holds one worker's messages, from seq 0. It is not thread-safe.

    Args:
        settings: The broadcaster's settings.
        worker: The worker's name in this process.
        on_open: Called once the socket is open.
        afterwards: Runs the call that it is given as soon as the lock is free.

    Attributes:
        link: The connection to the bridge; None until the first message.
        stamps: Source of the messages' times.
        window: Messages that the bridge has not taken over yet.
        spooling: Decides which of them go into the spool file.
        non_finite: NaN and infinite numbers that became null in the user's calls.
        ended: Whether the End message was published; later messages are only counted.
    """

    def __init__(
        self, settings: Settings, worker: str, on_open: Callable[[], None], afterwards: Callable[..., None]
    ) -> None:
        self.worker = worker
        self.link: Optional[BridgeLink] = None
        self.stamps = Stamps()
        self.non_finite = 0
        self.ended = False
        self._on_open = on_open
        self._afterwards = afterwards
        self._run = settings.run
        if settings.enabled:
            # Import now and not with the first message: a child that is forked in the middle of an import waits for
            # ever for that import's end. A disabled broadcaster skips it: importing zmq takes 40 ms.
            from monty_mqtt.broadcast.link.bridge_link import BridgeLink  # noqa: PLC0415

            self._make_link = BridgeLink
        self._sender = SenderIdentity(
            *(settings.run, worker, self.stamps.take(), settings.bridges),
            token=os.urandom(_TOKEN_BYTES).hex(),
        )
        self.spooling = SpoolPolicy(
            settings.spool_dir,
            self._sender.header(),
            bound_bytes=settings.spool_mib << 20,
            window_bytes=settings.window_bytes,
            afterwards=afterwards,
        )
        self.window = SendWindow(settings.window_bytes, self.spooling.spool)
        self._bulk_published = 0
        self._too_late = 0
        self._bulk_too_large = 0
        self._welcomed_by: Optional[BridgeAddress] = None
        self._said_refused = self._said_shut_out = self._said_too_large = self._said_renamed = False

    def take(self, kind: Type[schema.Message], buffers: Sequence[Buffer], fields: Dict[str, Any]) -> None:
        """Number a message, keep it, and send what can be sent."""
        if self.ended:
            self._too_late += 1
            return
        link = self.link or self._open()
        head, is_bulk = _KINDS[kind]
        if is_bulk:
            self._take_bulk(link, head, kind, buffers, fields)
        else:
            # A tuple: the garbage collector stops tracking it; to look at a hundred thousand lists takes it 30 ms.
            self.window.append((head, self._encoded(kind, self.window.next_seq, fields), *map(bytes, buffers)))
        self.pump()

    def pump(self) -> None:
        """Read answers, send what is due, and spool the messages that have waited too long."""
        link = self.link
        if link is not None and not link.closed and (link.pump() or self.spooling.is_pressing(self.window)):
            self._settle(link)

    def look(self) -> None:
        """Pump, and read answers even if the last read was a moment ago."""
        if self.link is not None and not self.link.closed:
            self.link.pump(look=True)
            self._settle(self.link)

    def ask(self) -> None:
        """Read answers, and probe for a sign of life even if nothing is unacknowledged."""
        if self.link is not None and not self.link.closed:
            self.link.ask()
            self._settle(self.link)

    def end(self, status: str, errors: int) -> None:
        """Publish the End message, unless nothing was ever published; `errors` is the caller's own count."""
        if self.link is not None and not self.ended:
            self.window.make_room(_END_BYTES)  # before the dropped messages are counted
            counts = self.counts(errors)
            fields = {
                "status": status,
                "dropped": counts.dropped,
                "too_large": counts.too_large,
                "bulk_seq": self.link.bulk.next,
                "bulk_dropped": counts.bulk_dropped,
                "errors": counts.errors,
                "non_finite": counts.non_finite,
            }
            self.take(schema.End, (), fields)
        self.ended = True

    def shut(self) -> None:
        """Put what is left into the spool, close, and log where it is."""
        link = self.link
        if link is None or link.closed:
            return
        lost = self.spooling.finish(self.window)
        kept = self.window.waiting - lost
        link.close()
        if kept:
            text = "run %r: %d messages wait in a file, because %s; send them with: monty-mqtt replay %s"
            self._afterwards(_log.warning, text, self._run, kept, _why(link), quote(str(self.spooling.spool.path)))
        if lost:
            level = _log.error if link.seen else _log.warning
            self._afterwards(level, "run %r: %d messages are lost: %s", self._run, lost, _why(link))

    def mend(self) -> None:
        """Repair what Ctrl+C may have interrupted: half a message on the socket, half a step in the window."""
        self.window.mend()
        if self.link is not None and not self.link.closed:
            self.link.reconnect()

    def abandoned(self) -> List[object]:
        """Leave the parent's spool, in a forked child; return the objects that the child must keep and never use."""
        with suppress(OSError):
            self.spooling.spool.close()
        return self.link.abandoned() if self.link else []

    def counts(self, errors: int) -> BroadcastCounts:
        """Return the counts of what became of the messages so far; `errors` is the caller's own count."""
        link, window = self.link, self.window
        acknowledged = link.acknowledged if link else 0
        return BroadcastCounts(
            published=window.next_seq,
            acknowledged=acknowledged,
            unacknowledged=window.next_seq - window.dropped - window.too_large - acknowledged,
            dropped=window.dropped + self._too_late,
            too_large=window.too_large + self._bulk_too_large,
            bulk_published=self._bulk_published,
            bulk_dropped=link.bulk.dropped if link else 0,
            errors=errors + self.spooling.errors + (link.errors if link else 0),
            spooled=self.spooling.written,
            non_finite=self.non_finite,
            bridge_seen=link is not None and link.seen,
        )

    def _settle(self, link: BridgeLink) -> None:
        window = self.window
        if self.spooling.is_due(window):
            self.spooling.step(window)
        if window.held_bytes > window.bound_bytes:
            window.make_room()
        if window.too_large:
            self._say_too_large(window.largest_bytes)
        self._say_what_changed(link)

    def _say_what_changed(self, link: BridgeLink) -> None:
        if link.published not in ("", self.worker) and not self._said_renamed:
            self._said_renamed = True
            text = "run %r has had a worker %r before: this one is published as worker %r"
            self._afterwards(_log.warning, text, self._run, self.worker, link.published)
        if link.welcomed_by is not self._welcomed_by:
            if self._welcomed_by is not None and link.welcomed_by is not None:
                text = "run %r goes on with the bridge at %s: that at %s does not answer"
                addresses = (link.welcomed_by.endpoint, self._welcomed_by.endpoint)
                self._afterwards(_log.warning, text, self._run, *addresses)
            self._welcomed_by = link.welcomed_by
        if link.refused is not None and not self._said_refused:
            self._said_refused = True
            text = "the bridge at %s refuses run %r: %s"
            self._afterwards(_log.warning, text, link.bridge.endpoint, self._run, link.refused)
        if link.access.shut_out and not self._said_shut_out:
            self._said_shut_out = True
            text = "nothing of run %r is sent to %s: %s"
            self._afterwards(_log.warning, text, self._run, link.bridge.endpoint, link.access.shut_out)

    def _open(self) -> BridgeLink:
        self.link = self._make_link(self._sender, self.window)
        self._on_open()
        return self.link

    def _take_bulk(
        self,
        link: BridgeLink,
        head: bytes,
        kind: Type[schema.Message],
        buffers: Sequence[Buffer],
        fields: Dict[str, Any],
    ) -> None:
        if sum(map(len, buffers)) > _LARGEST_BUFFERS_BYTES:
            self._bulk_too_large += 1
            self._say_too_large(_LARGEST_BUFFERS_BYTES)
        elif link.bulk_has_room():
            link.send_bulk([head, self._encoded(kind, link.bulk.next, fields), *map(bytes, buffers)])
            self._bulk_published += 1

    def _say_too_large(self, most_bytes: int) -> None:
        if not self._said_too_large:
            self._said_too_large = True
            text = "run %r: messages of more than %d bytes are larger than the bridge can publish; counted, not sent"
            self._afterwards(_log.error, text, self._run, most_bytes)

    def _encoded(self, kind: Type[schema.Message], seq: int, fields: Dict[str, Any]) -> bytes:
        stamp = self.stamps.take()
        try:
            return schema.encode(kind(run=self._run, worker=self.worker, seq=seq, time_unix_nanos=stamp, **fields))
        except (TypeError, ValueError, OverflowError, RecursionError):
            fields, non_finite = plain(fields)
            self.non_finite += non_finite
            return schema.encode(kind(run=self._run, worker=self.worker, seq=seq, time_unix_nanos=stamp, **fields))


def _why(link: BridgeLink) -> str:
    if link.refused is not None:
        return "the bridge refuses them"
    if link.access.shut_out:
        return link.access.shut_out
    if link.seen:
        return "the bridge did not take them in time"
    endpoints = " or ".join(bridge.endpoint for bridge in link.sender.bridges)
    return f"there is no bridge at {endpoints}{' that this key opens' if link.bridge.server_key else ''}"
