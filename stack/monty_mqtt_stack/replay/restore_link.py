"""Sends one worker's messages to the bridge again, with their own seqs.

Called by `restore_spool` and `restore_recording`. Speaks the experiment's side of
`monty_mqtt.wire.zmq_protocol`, with `replayed` in its HELLO, so that the bridge does not take it for the experiment
itself. What the bridge has already is not sent, or the bridge recognises it by its seq: so no message is published
twice, however often it is restored.
"""

import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from monty_mqtt.broadcast.link.bridge_link import BridgeLink
from monty_mqtt.broadcast.link.sender_identity import SenderIdentity
from monty_mqtt.broadcast.send_window import SendWindow
from monty_mqtt.errors import ServiceError
from monty_mqtt_stack.replay.restore_report import RestoreReport

__all__ = ["PATIENCE_SECS", "RestoreLink", "RestoreStopped"]

PATIENCE_SECS = 30.0
"""How long a bridge may accept nothing, in seconds: it may be restarting, or its journal may be behind."""

_WINDOW_BYTES = 160 << 20
"""Room for the largest message and as much again; `_AHEAD_BYTES` bounds how much of it is used."""

_AHEAD_BYTES = 4 << 20
_WAIT_SECS = 0.02


class RestoreStopped(Exception):  # noqa: N818 - not an error: the user asked for it
    """Raised when the user has asked to stop."""


class RestoreLink:
    """Holds one connection to the bridge, from `__enter__` to `__exit__`.

    Args:
        sender: Identity of the original sender, with `replayed`.
        first_seq: The first seq that will be sent.
        report: Report in which the messages are counted.
        patience_secs: How long the bridge may accept nothing before this gives up, in seconds.
        stop: An event to set to stop.

    Raises:
        ServiceError: No bridge answers, or it refuses.
        Stopped: `stop` was set.
    """

    def __init__(
        self,
        sender: SenderIdentity,
        first_seq: int,
        report: RestoreReport,
        *,
        patience_secs: float,
        stop: threading.Event,
    ) -> None:
        self._report = report
        self._patience_secs = patience_secs
        self._stop = stop
        self._window = SendWindow(_WINDOW_BYTES, first_seq=first_seq)
        self._link = BridgeLink(sender, self._window)

    def __enter__(self) -> Self:
        try:
            self._wait_while(lambda: self._link.wanted is None)
        except BaseException:
            self.close()
            raise
        wanted = self._link.wanted or 0
        if wanted > self._window.next_seq:
            self._window.skip_to(wanted)
            self._window.acknowledge(wanted)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; may be called twice."""
        self._link.close()

    def send(self, seq: int, frames: Sequence[bytes]) -> None:
        """Send a message; if its seq is not above the last one's, or the bridge has it already, only count it.

        Raises:
            ServiceError: The bridge refuses it, or has accepted nothing for too long.
            Stopped: `stop` was set.
        """
        window, report = self._window, self._report
        report.note(frames)
        if seq < window.next_seq:
            report.already += 1
            return
        if seq > window.next_seq:
            report.missing += seq - window.next_seq
            window.skip_to(seq)
        window.append(frames)
        report.sent += 1
        self._link.pump()
        if window.held_bytes > _AHEAD_BYTES:
            self._wait_while(lambda: window.held_bytes > _AHEAD_BYTES // 2)

    def send_bulk(self, seq: int, frames: Sequence[bytes]) -> None:
        """Send a frame or a cloud.

        Raises:
            ServiceError: The bridge refuses it, or has accepted nothing for too long.
            Stopped: `stop` was set.
        """
        self._wait_while(lambda: self._link.bulk.size > _AHEAD_BYTES)
        self._link.bulk.next = seq
        self._link.send_bulk(frames)

    def finish(self) -> None:
        """Wait until the bridge has accepted everything.

        Raises:
            ServiceError: The bridge refuses it, or has accepted nothing for too long.
            Stopped: `stop` was set.
        """
        self._wait_while(lambda: len(self._window) > 0 or self._link.bulk.size > 0)
        self._report.too_large = self._window.too_large
        self._report.sent -= self._window.too_large

    def _wait_while(self, condition: Callable[[], bool]) -> None:
        link = self._link
        progressed_at, before = time.monotonic(), self._progress()
        link.pump(look=True)
        while condition():
            self._look_out()
            if not link.can_send_more:
                link.wait(_WAIT_SECS)
            link.pump(look=True)
            now = self._progress()
            if now != before:
                progressed_at, before = time.monotonic(), now
            elif time.monotonic() - progressed_at > self._patience_secs:
                raise ServiceError(self._why_given_up())

    def _progress(self) -> tuple[object, ...]:
        return self._window.base, self._link.bulk.size, self._link.wanted

    def _look_out(self) -> None:
        link = self._link
        if link.refused is not None:
            raise ServiceError(f"the bridge refuses {link.sender.run!r}, {link.sender.worker!r}: {link.refused}")
        if link.access.shut_out:
            raise ServiceError(f"nothing is sent to the bridge at {link.bridge.place}: {link.access.shut_out}")
        if self._stop.is_set():
            raise RestoreStopped

    def _why_given_up(self) -> str:
        link = self._link
        missed = "answered" if link.wanted is None else "took what it was sent"
        return f"no bridge at {link.bridge.place} {missed} for {self._patience_secs:g} s"
