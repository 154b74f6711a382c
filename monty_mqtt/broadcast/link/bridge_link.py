"""This module talks to the bridge over one DEALER socket.

Called by `outbox`, whose `send_window` holds the messages; `pump` sends them, reads the answers and repeats what a
restarted or thawed bridge misses. If the experiment was given several bridges, it goes on with the next one when its
own is silent. It is the experiment's half of `zmq_protocol`. Not thread-safe: the broadcaster's lock guards it.

It never blocks and has no thread (ZMQ's own carries the bytes). Intervals are of the monotonic clock.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Callable, Deque, Dict, List, Optional, Sequence, Type

import zmq

from monty_mqtt.broadcast.link.access import Access
from monty_mqtt.broadcast.link.bridge_choice import BridgeChoice
from monty_mqtt.broadcast.link.bulk_window import BulkWindow
from monty_mqtt.broadcast.link.dealer import Dealer, somebody_listens
from monty_mqtt.broadcast.link.repeat_timer import RepeatTimer
from monty_mqtt.broadcast.link.sender_identity import SenderIdentity
from monty_mqtt.broadcast.send_window import SendWindow
from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import zmq_protocol
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt.wire.schema import Command

__all__ = ["BridgeLink"]

_UNDER_WAY_BYTES = 8 << 20
"""Most bytes of messages that are sent and not acknowledged. ZMQ keeps its own copy of what it cannot pass on (SNDHWM
is 0: so its I/O thread can go on during a long step), and while the bridge is frozen that copy must not grow."""

_UNWELCOMED_BYTES = 1 << 20
"""The same before the first answer: enough for a process that ends at once, little to repeat to a late bridge."""

_SENDS_A_CALL = 64
"""Most messages that one call sends. Without this bound one call that follows an outage took 0.7 s."""

_READS_A_CALL = 256
_READ_EVERY_SECS = 0.001
"""Shortest time between two reads. A look costs 2.4 us; a bridge acknowledges after 0.2 s, 64 messages or 256 KiB."""

_SYNC_GAP_SECS = 0.1
"""The bridge sends SYNC at most ten times a second; all SYNCs of one burst are answered by one HELLO."""


class BridgeLink:
    """BridgeLink is the connection of one worker; it is made in the process that uses it.

    Args:
        sender: Identity and address that the link sends with.
        window: The messages to send.

    Attributes:
        sender: As given.
        welcomed_by: The bridge that last sent a WELCOME; None before the first.
        seen: Whether a bridge ever answered.
        wanted: The seq that the last WELCOME asked for; None before the first.
        closed: Whether the link is closed.
        can_send_more: Whether the last call stopped only because it had sent as many messages as one call may.
        published: The name under which the bridge publishes this worker; empty before the bridge has sent it.
        refused: The reason that the bridge gave for refusing this worker; None if it has not refused.
        access: Whether something may be sent to this bridge.
        acknowledged: Number of messages that the bridge has taken over.
        errors: Number of invalid answers.
        heard_at: When the bridge last sent a valid answer, monotonic seconds; 0 before.
        commands: Commands that the bridge has passed on and that no caller has taken yet.
        bulk: The frames and clouds that are not acknowledged.
        wait: Waits so many seconds at most for an answer; needs no lock.
    """

    def __init__(self, sender: SenderIdentity, window: SendWindow) -> None:
        self.seen = self.closed = self.can_send_more = False
        self.wanted: Optional[int] = None
        self.published = ""
        self.refused: Optional[str] = None
        self.acknowledged = self.errors = self._hello_next = self._hello_bulk = self._bulk_probed = 0
        self.commands: Deque[Command] = deque()
        self.bulk = BulkWindow()
        self.sender = sender
        self.welcomed_by: Optional[BridgeAddress] = None
        self.access = Access()
        self._choice = BridgeChoice(sender)
        self._timer = RepeatTimer()
        self._window = window
        self._limit = min(_UNWELCOMED_BYTES, window.bound_bytes // 2)
        self._welcomed = self._paused = self._asking = False
        self.heard_at = self._read_at = self._hello_at = 0.0
        self._hear: Dict[Type[object], Callable[..., None]] = {
            zmq_protocol.Welcome: self._hear_welcome,
            zmq_protocol.Ack: self._hear_ack,
            zmq_protocol.Sync: self._hear_sync,
            zmq_protocol.Reject: self._hear_reject,
            Command: self._hear_command,
        }
        self._dealer = Dealer()
        self.wait = self._dealer.wait
        self._connect()

    @property
    def bridge(self) -> BridgeAddress:
        """The bridge that it is connected to, or tries to reach."""
        return self._choice.bridge

    def pump(self, *, look: bool = False) -> bool:
        """Read answers, send what is due and up to 64 unsent messages; return whether it read. `look` makes it read."""
        now = time.monotonic()
        self.can_send_more = False
        if self.access.waits(now):
            self._dealer.receive()  # what is left there, or `wait` would return at once
            return False
        if self.access.shut_out:
            self._try_next()
        try:
            return self._pump(now, look=look)
        except zmq.Again:  # its pipe has no bound, so ZMQ has given it up: the bridge, or this object, ended it
            self.access.turned_away(now, self.bridge)
            return True

    def _pump(self, now: float, *, look: bool) -> bool:
        looks = look or now >= self._read_at
        if looks:
            self._read_at = now + _READ_EVERY_SECS
            self._read(now)
            if now >= self._timer.due_at and self.refused is None:
                self._repeat(now)
        if self._window.next_unsent < self._window.next_seq and not self._paused and self.refused is None:
            self._send_unsent(now)
        return looks

    def ask(self) -> None:
        """Pump, and send a PROBE for a sign of life even if nothing is unacknowledged, at the usual intervals."""
        if not self.closed:
            self._asking = True
            try:
                self.pump(look=True)
            finally:
                self._asking = False

    def bulk_has_room(self) -> bool:
        """Return whether a frame or cloud can be sent now; if not, count it as dropped."""
        return self.bulk.has_room(is_open=self.refused is None and not self.access.shut_out)

    def send_bulk(self, frames: Sequence[bytes]) -> None:
        """Send a frame or cloud whose seq is `bulk.next`, no copy is kept."""
        if not self.bulk:
            self._timer.begin(time.monotonic())
        self._send(frames)
        self.bulk.add(sum(map(len, frames)))

    def somebody_listens(self) -> bool:
        """Return whether a program accepts a plain connection at one of the bridges' addresses."""
        return not self.access.shut_out and any(map(somebody_listens, self.sender.bridges))

    def close(self) -> None:
        """Close at once; messages that ZMQ has not passed on yet are lost. May be called twice."""
        self.closed = True
        self._dealer.close()

    def reconnect(self) -> None:
        """Connect anew, because the socket may hold half a message, or is given up."""
        self.access.begin_again()
        self._window.rewind(self._window.base)
        self._welcomed = False
        self._connect()

    def abandoned(self) -> List[object]:
        """Return the objects that a forked child must keep and never use, because the parent's I/O thread owns them."""
        return [self._dealer]

    def _try_next(self) -> None:
        self._choice.go_on(self._window.base)
        self._timer.quicken()
        self.reconnect()

    def _connect(self) -> None:
        self._dealer.connect(self.bridge)
        self._send = self._dealer.send
        self._say_hello(time.monotonic())

    def _send_unsent(self, now: float) -> None:
        window = self._window
        if window.next_unsent == window.base:
            self._timer.begin(now)
        for _ in range(_SENDS_A_CALL):
            if window.next_unsent == window.next_seq:
                return
            entry = window.peek()
            if window.sent_bytes and window.sent_bytes + entry.size > self._limit:
                return
            self._send(entry.frames or self.sender.tombstone(entry.first, entry.last, entry.reason))
            window.mark_sent(entry)
        self.can_send_more = True

    def _read(self, now: float) -> None:
        for _ in range(_READS_A_CALL):
            received = self._dealer.receive()
            if received is None or not self._believes(received[1], now):
                return
            try:
                answer = zmq_protocol.decode_down(received[0])
            except DecodeError:
                self.errors += 1
            else:
                self.heard_at, self._choice.unanswered = now, 0
                self._hear[type(answer)](answer, now)

    def _repeat(self, now: float) -> None:
        if self._choice.is_silent(welcomed=self._welcomed):
            self._try_next()
        elif not self._welcomed:
            self._say_hello(now)
        elif self._window.is_under_way or self.bulk or self._asking:
            self._probe(now)

    def _believes(self, descriptor: int, now: float) -> bool:
        """Return whether an answer of this connection is the bridge's own; disconnect from another user's program."""
        if self.access.may_believe(self.bridge, descriptor, now):
            return True
        if self.access.shut_out:
            self._dealer.disconnect()
        return False

    def _may_send(self, now: float) -> bool:
        """Return whether no other user's program listens there; if one does, disconnect: it gets nothing more."""
        if self.access.may_send(self.bridge, now):
            return True
        self._dealer.disconnect()
        return False

    def _say_hello(self, now: float) -> None:
        if not self._may_send(now):
            return
        self._hello_at = now
        self._hello_next = self._window.next_unsent
        self._hello_bulk = self.bulk.next
        self._send(self.sender.hello(self._window.base, self.bulk.next, self.published, self._choice.elsewhere))
        self._asked(now)

    def _probe(self, now: float) -> None:
        if not self._may_send(now):
            return
        self._bulk_probed = self.bulk.next
        self._send(self.sender.probe(self._window.next_unsent, self.bulk.next))
        self._asked(now)

    def _asked(self, now: float) -> None:
        self._choice.unanswered += 1
        self._timer.sent(now)

    def _hear_welcome(self, welcome: zmq_protocol.Welcome, now: float) -> None:
        self.seen = True
        self.welcomed_by = self.bridge
        self.wanted = welcome.next
        self.published = welcome.published or self.published
        self._welcomed = True
        self._paused = False
        self.refused = None
        self._limit = min(_UNDER_WAY_BYTES, self._window.bound_bytes // 2)
        self._window.largest_bytes = welcome.largest_message_bytes or self._window.largest_bytes
        self.acknowledged += self._window.acknowledge(welcome.next)
        # What was sent behind that HELLO on the same pipe is on its way; anything else is sent again, which does no
        # harm.
        if welcome.next != self._hello_next:
            self._window.rewind(welcome.next)
        self.bulk.free(max(welcome.bulk_next, self._hello_bulk))
        self._timer.answered(now)

    def _hear_ack(self, ack: zmq_protocol.Ack, now: float) -> None:
        self.seen = True
        self.published = ack.published or self.published
        freed = self._window.acknowledge(ack.next)
        self.acknowledged += freed
        # This answer follows a probe: every frame sent before the probe has arrived by now, or never will.
        freed_bulk = self.bulk.free(max(ack.bulk_next, self._bulk_probed))
        if freed or freed_bulk or self._asking:
            self._timer.answered(now)

    def _hear_sync(self, _sync: zmq_protocol.Sync, now: float) -> None:
        """Send HELLO again, as the bridge may have forgotten us; send nothing until WELCOME says where to go on."""
        self.seen = True
        if self.refused is not None:  # the SYNC answers messages that were sent before the refusal arrived
            return
        self._paused = True
        self._timer.quicken()
        if self._welcomed or now - self._hello_at >= _SYNC_GAP_SECS:
            self._welcomed = False
            self._say_hello(now)

    def _hear_reject(self, reject: zmq_protocol.Reject, _now: float) -> None:
        self.seen = True
        self.refused = reject.reason
        self._welcomed = False

    def _hear_command(self, command: Command, _now: float) -> None:
        self.seen = True
        self.commands.append(command)
