"""This module is the ZMQ side of the bridge: it owns the socket and the connections, and sends answers and commands.

Called by `bridge` as the first stage; hands to `acceptance`. The other half is `monty_mqtt.broadcast.link.bridge_link`.

An invalid message is counted, named in one line, and changes nothing else.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import cast

import zmq

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema, zmq_protocol
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt_bridge.counters import BridgeCounters
from monty_mqtt_bridge.rate_limited_log import RateLimitedLog
from monty_mqtt_bridge.receive import local_users
from monty_mqtt_bridge.receive.acceptance import SYNC_EVERY_SECS, Acceptance, Sink
from monty_mqtt_bridge.receive.connections import ConnectionMonitor, cut_off, descriptor_of
from monty_mqtt_bridge.receive.hello_check import HelloError, check, check_replay
from monty_mqtt_bridge.receive.invited_clients import InvitedClients
from monty_mqtt_bridge.receive.listening_socket import bind
from monty_mqtt_bridge.receive.sender import Sender, label
from monty_mqtt_bridge.receive.senders import Senders
from monty_mqtt_bridge.settings import BridgeConfig
from monty_mqtt_core.settings import ports

__all__ = ["Router"]

logger = logging.getLogger(__name__)

_LINGER_MILLIS = 200
_BYTES_A_TURN = 4 << 20
_HEAD_AND_BODY = 2


class Router:
    """Router is the bound ROUTER socket. It lives in one thread.

    Args:
        config: Address to bind, and where its keys are.
        sink: Takes the accepted messages.
        senders: The workers that sent a HELLO so far.
        counts: The bridge's counters.
        clock: Monotonic seconds.

    Raises:
        ConfigError: The address cannot be bound, or the keys cannot be read.

    Attributes:
        acceptance: Tracks what was accepted.
        socket: Socket to poll for messages.
        monitor: Monitor whose `socket` is to be polled for connections.
        address: How programs of this machine reach it.
    """

    def __init__(
        self,
        config: BridgeConfig,
        sink: Sink,
        senders: Senders,
        counts: BridgeCounters,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sink, self._counts, self._clock = sink, counts, clock
        self._log = RateLimitedLog(logger, clock)
        self._largest_message_bytes = config.largest_message_bytes
        self._any_user = config.container or config.zmq_users == "any"
        self.acceptance = Acceptance(sink, senders, counts, self._log, clock, self.say)
        self._routes: dict[bytes, Sender] = {}
        self._descriptors: dict[int, bytes] = {}
        self._strangers: set[int] = set()
        self._leaving: set[bytes] = set()
        self._stranger_sync_after = 0.0
        self._foreign = 0
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._invited: InvitedClients | None = None
        self.socket = self._context.socket(zmq.ROUTER)
        self.monitor = ConnectionMonitor(self.socket)
        try:
            if config.zmq_keys:
                self._invited = InvitedClients(self._context, config.zmq_keys, clock)
                self._invited.encrypt(self.socket)
            port = bind(self.socket, config)
            server_key = self._invited.server_key if self._invited else ""
            self.address = BridgeAddress(ports.reached_at(config.zmq_host), port, server_key, config.client_key_file)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the socket. May be called twice. The last acknowledgements get a moment to leave."""
        self.monitor.close()
        self.socket.close(linger=_LINGER_MILLIS)
        if self._invited:
            self._invited.close()
        self._context.term()

    @property
    def leaving(self) -> bool:
        """Whether a connection is gone whose messages may still wait here."""
        return bool(self._leaving)

    def receive(self, most: int, most_bytes: int = _BYTES_A_TURN) -> None:
        """Receive at most `most` messages, without waiting; stop when they have `most_bytes` together.

        ZMQ delivers from one connection after the other, so no sender waits for more than one message of each other
        sender.
        """
        for _ in range(most):
            if most_bytes <= 0:
                return
            try:
                first = self.socket.recv(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                self._left()
                return
            frames = self.socket.recv_multipart(zmq.NOBLOCK, copy=False) if first.more else []
            self._counts.received += 1
            most_bytes -= sum(map(len, frames))
            try:
                self._take(first, frames)
            except DecodeError as error:
                if isinstance(error, HelloError):
                    self._turn_away(first.bytes, error.answer)
                self._counts.refused += 1
                self._log.say("malformed", "refused a ZMQ message: %s", error)

    def watch(self) -> None:
        """Read which connections came and went."""
        for event in self.monitor.events():
            if event.kind == "accepted":
                self._strangers.add(event.descriptor)
            elif event.kind == "gone":
                self._gone(event.descriptor)
            elif event.kind == "uninvited":
                self._counts.foreign += 1
                self._log.say("uninvited", "a client was turned away: its key is not invited (`monty-mqtt invite`)")
            else:
                self._foreign += 1
                self._counts.foreign += 1
                self._log.note(
                    "foreign", "a connection on the ZMQ port was no ZMQ, or not encrypted: a port probe, or bad bytes"
                )

    def cut_off_the_revoked(self) -> None:
        """Close the connections of clients whose invitation was revoked; to be called in each turn of the loop."""
        for descriptor in self._invited.revoked() if self._invited else ():
            self._cut_off(descriptor)

    def _cut_off(self, descriptor: int) -> None:
        cut_off(descriptor, self.address.port)
        sender = self._routes.pop(self._descriptors.pop(descriptor, b""), None)
        if sender is not None:
            self._log.say("revoked", "%s: cut off, its key was revoked", label(*sender.key))
            self._part(sender)

    def say(self, sender: Sender, answer: zmq_protocol.Down) -> bool:
        """Send an answer or a command; return whether the worker has a connection to take it."""
        return sender.route is not None and self._send(sender.route, answer)

    def _take(self, first: zmq.Frame, frames: list[zmq.Frame]) -> None:
        if len(frames) < _HEAD_AND_BODY:
            raise DecodeError(f"{len(frames)} frames where a head and a body belong")
        kind, body = zmq_protocol.kind_of(frames[0].bytes), frames[1].bytes
        route = first.bytes
        signal = None if kind in schema.KINDS else zmq_protocol.decode_up(kind, body)
        if isinstance(signal, zmq_protocol.Hello):
            descriptor = descriptor_of(first)
            self._let_in(first, descriptor)
            self._hello(route, descriptor, signal)
            return
        sender = self._routes.get(route)
        if sender is None:
            self._stranger(route)
            return
        self._known(route, sender)
        if signal is None:
            self.acceptance.message(sender, kind, body, [_raw(frame, kind) for frame in frames[2:]])
        else:
            self.acceptance.control(sender, signal)

    def _let_in(self, first: zmq.Frame, descriptor: int) -> None:
        if self._invited:
            reason = "a client whose key was revoked"
            is_welcome = self._invited.admit(descriptor, str(first.get("User-Id")))
        else:
            reason = "a process of another user; MONTY_MQTT_BRIDGE_ZMQ_USERS=any lets all users send"
            is_welcome = self._any_user or local_users.may_send(descriptor)
        if not is_welcome:
            self._cut_off(descriptor)
            raise DecodeError(f"hello of {reason}")

    def _known(self, route: bytes, sender: Sender) -> None:
        """Note that a worker speaks on this connection."""
        if sender.route is None:  # a second connection of the worker came, and went again
            sender.route, sender.gone_at = route, None
            self._joined(sender, begins=sender.begins)

    def _joined(self, sender: Sender, *, begins: bool) -> None:
        for command in self._sink.joined(sender, begins=begins):
            self.say(sender, command)

    def _hello(self, route: bytes, descriptor: int, hello: zmq_protocol.Hello) -> None:
        check(hello)
        # Descriptors are reused: earlier events of this number must be handled before it gets a new owner.
        self.watch()
        self._strangers.discard(descriptor)
        check_replay(hello, self.acceptance.senders, self._leaving)
        sender, begins = self.acceptance.identify(hello)
        self._forsaken(route, sender)
        self._routes[route] = sender
        self._descriptors[descriptor] = route
        sender.route, sender.gone_at = route, None
        # What is accepted but not yet in the journal would be lost with this process, so the sender must keep it:
        # `next` is what is safe. Messages that it repeats beyond that are duplicates here.
        sender.acked, sender.bulk_acked = sender.acknowledgeable, sender.bulk_next
        welcome = zmq_protocol.Welcome(
            next=sender.acked,
            bulk_next=sender.bulk_next,
            largest_message_bytes=self._largest_message_bytes,
            published=sender.published,
        )
        self.say(sender, welcome)
        self._joined(sender, begins=begins)

    def _turn_away(self, route: bytes, answer: zmq_protocol.Reject) -> None:
        sender = self._routes.pop(route, None)
        if sender is not None and sender.route == route:
            self._part(sender)
        self._send(route, answer)

    def _forsaken(self, route: bytes, sender: Sender) -> None:
        """Release the worker that used this connection before, under another name; no event would report its end."""
        before = self._routes.get(route)
        if before is not None and before is not sender and before.route == route:
            self._part(before)

    def _stranger(self, route: bytes) -> None:
        """Answer data without a HELLO: the bridge was started after that connection. SYNC makes it send one."""
        now = self._clock()
        if now >= self._stranger_sync_after:
            self._stranger_sync_after = now + SYNC_EVERY_SECS / 10
            self._counts.gaps += 1
            self._send(route, zmq_protocol.Sync(next=0))

    def _send(self, route: bytes, answer: zmq_protocol.Down) -> bool:
        try:
            self.socket.send_multipart([route, zmq_protocol.encode_down(answer)], zmq.NOBLOCK)
        except zmq.ZMQError:  # the connection is gone, or its client does not read; it will ask again
            return False
        return True

    def _gone(self, descriptor: int) -> None:
        route = self._descriptors.pop(descriptor, None)
        if self._invited:
            self._invited.gone(descriptor)
        if descriptor in self._strangers:
            self._stranger_gone(descriptor)
        elif route is not None:
            self._leaving.add(route)  # the messages that it sent before wait in the socket, and are taken first

    def _left(self) -> None:
        """Release the connections that are gone, because none of their messages waits any more."""
        while self._leaving:
            route = self._leaving.pop()
            sender = self._routes.pop(route, None)
            if sender is None or sender.route != route:
                continue
            if not sender.ended and not sender.restoring:
                text = "%s: connection closed without an end: the process is gone or frozen, or sent more than %d MiB"
                self._log.say("closed", text, label(*sender.key), zmq_protocol.LARGEST_FRAME_BYTES >> 20)
            self._part(sender)

    def _part(self, sender: Sender) -> None:
        sender.route, sender.gone_at = None, self._clock()
        self._sink.left(sender)
        if sender.begins:  # a worker that only sent a HELLO need not be remembered
            self.acceptance.senders.forget(sender)

    def _stranger_gone(self, descriptor: int) -> None:
        self._strangers.discard(descriptor)
        if self._foreign:
            self._foreign -= 1
            return
        self._counts.foreign += 1
        text = "a connection on the ZMQ port closed without a hello: no sender of this schema, or more than %d MiB"
        self._log.say("stranger", text, zmq_protocol.LARGEST_FRAME_BYTES >> 20)


def _raw(frame: zmq.Frame, kind: str) -> bytes:
    """Return a buffer. Pixels are not copied, because copying 50 MB would delay every sender; they read like bytes."""
    return cast("bytes", frame.buffer) if kind == "frame" else frame.bytes
