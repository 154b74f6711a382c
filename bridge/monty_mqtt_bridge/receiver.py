"""ZMQ side: hello, order, gaps, acknowledgements, who is connected, commands down.

Place in the flow: the first stage. What it accepts goes, in order and once, to a `Sink`; what the broker has taken over
comes back through `settle` and is acknowledged to the experiment. The other half is `monty_mqtt.link`.

Whatever arrives that is no message is counted, named in one line, and changes nothing else.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
import zmq

from monty_mqtt import protocol, schema
from monty_mqtt.errors import ConfigError, DecodeError
from monty_mqtt_bridge import buffers as sizes
from monty_mqtt_bridge.complaints import Complaints
from monty_mqtt_bridge.config import BridgeConfig
from monty_mqtt_bridge.counts import Counts
from monty_mqtt_bridge.monitor import Monitor
from monty_mqtt_bridge.workers import Key, Receipt, Worker

__all__ = ["Receiver", "Sink"]

logger = logging.getLogger(__name__)

_LARGEST_FRAME_BYTES = 64 << 20
"""ZMQ itself ends the connection of whoever sends more."""

_SYNC_EVERY_SECS = 0.1
_UNKNOWN_WANTS = protocol.Sync(next=0)


class Sink(Protocol):
    """Where accepted messages go."""

    def accepted(
        self, worker: Worker, message: schema.Message, payload: bytes, raw: Sequence[bytes], receipt: Receipt | None
    ) -> None:
        """Take a message; `receipt` is None for bulk."""

    def joined(self, worker: Worker, *, anew: bool) -> None:
        """Note that a worker said hello; `anew`: for the first time."""

    def left(self, worker: Worker) -> None:
        """Note that a worker's connection is gone."""


class _Envelope(msgspec.Struct):
    run: str
    worker: str
    seq: int


_envelopes = msgspec.json.Decoder(_Envelope)


class Receiver:
    """The bound ROUTER socket. Lives in one thread.

    Args:
        config: Where to bind.
        sink: Where accepted messages go.
        counts: Where to count.
        clock: Monotonic seconds.

    Raises:
        ConfigError: The address cannot be bound.

    Attributes:
        socket: What to poll for messages.
        monitor: Its `socket` is what to poll for connections.
        port: TCP port it is bound to.
        full: Whether messages are refused for want of room; HELLO and PROBE are answered all the same.
        workers: All that ever said hello.
    """

    def __init__(
        self, config: BridgeConfig, sink: Sink, counts: Counts, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sink = sink
        self._counts = counts
        self._clock = clock
        self._complaints = Complaints(logger, clock)
        self.workers: dict[Key, Worker] = {}
        self.full = False
        self._routes: dict[bytes, Worker] = {}
        self._descriptors: dict[int, bytes] = {}
        self._strangers: set[int] = set()
        self._stranger_sync_after = 0.0
        self._foreign = 0
        self._dirty: set[Worker] = set()
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = self._context.socket(zmq.ROUTER)
        self.monitor = Monitor(self.socket)
        try:
            self.port = _bind(self.socket, config)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the socket; may be called twice."""
        self.monitor.close()
        self.socket.close(linger=0)
        self._context.term()

    def receive(self, most: int) -> None:
        """Take in at most so many messages, without waiting."""
        for _ in range(most):
            try:
                first = self.socket.recv(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            frames = self.socket.recv_multipart(zmq.NOBLOCK) if first.more else []
            self._counts.received += 1
            try:
                self._take(first.bytes, first.get(zmq.SRCFD), frames)
            except DecodeError as error:
                self._counts.refused += 1
                self._complaints.say("malformed", "refused a ZMQ message: %s", error)

    def watch(self) -> None:
        """Learn which connections came and went."""
        for event in self.monitor.events():
            if event.what == "accepted":
                self._strangers.add(event.descriptor)
            elif event.what == "gone":
                self._gone(event.descriptor)
            else:
                self._foreign += 1
                self._counts.foreign += 1
                self._complaints.say("foreign", "closed a connection on the ZMQ port: it does not speak ZMQ")

    def settle(self, receipt: Receipt) -> None:
        """Note that the broker has one of the MQTT messages that a message became."""
        receipt.open -= 1
        if not receipt.open:
            self._dirty.add(receipt.worker)

    @property
    def ack_due(self) -> bool:
        """Whether somebody may have to be told something."""
        return bool(self._dirty)

    def acknowledge(self) -> None:
        """Tell each worker what is safe, where that changed or it asked."""
        dirty, self._dirty = self._dirty, set()
        for worker in dirty:
            safe = worker.safe()
            if worker.repeat_ack or safe != worker.acked or worker.bulk_next != worker.bulk_acked:
                worker.repeat_ack = False
                worker.acked, worker.bulk_acked = safe, worker.bulk_next
                self._say(worker.route, protocol.Ack(next=safe, bulk_next=worker.bulk_next))

    def resume(self) -> None:
        """There is room again: ask for what was refused."""
        self.full = False
        for worker in self.workers.values():
            if worker.refused:
                worker.refused = False
                self._sync(worker)

    def send_command(self, worker: Worker, command: schema.Command) -> bool:
        """Pass a command down; return whether the worker has a connection to take it."""
        return self._say(worker.route, command)

    def _take(self, route: bytes, descriptor: int, frames: list[bytes]) -> None:
        if len(frames) < 2:  # noqa: PLR2004 - a head and a body at least
            raise DecodeError(f"{len(frames)} frames where a head and a body belong")
        kind = protocol.kind_of(frames[0])
        if kind == "hello":
            self._hello(route, descriptor, protocol.decode_up(kind, frames[1]))  # type: ignore[arg-type]
            return
        worker = self._routes.get(route)
        if worker is None:
            self._stranger(route)
        elif kind in schema.KINDS:
            self._message(worker, kind, frames[1], frames[2:])
        else:
            self._control(worker, protocol.decode_up(kind, frames[1]))

    def _hello(self, route: bytes, descriptor: int, hello: protocol.Hello) -> None:
        if hello.schema_version != schema.SCHEMA_VERSION:
            reason = f"this bridge speaks schema {schema.SCHEMA_VERSION}, you {hello.schema_version}: update the older"
            self._say(route, protocol.Reject(reason=reason))
            raise DecodeError(f"hello of {hello.run[:64]!r}, {hello.worker[:64]!r}: {reason}")
        if min(hello.base, hello.bulk_base) < 0:
            raise DecodeError("hello: base is negative")
        # Descriptors are used again: whatever happened to this number before must be known before it gets a new owner.
        self.watch()
        worker, anew = self._identify(hello)
        self._strangers.discard(descriptor)
        self._routes[route] = worker
        self._descriptors[descriptor] = route
        worker.route = route
        # What is accepted but not yet with the broker would die with this process, so the sender must keep it: `next`
        # is what is safe. What it repeats of the rest is a duplicate here.
        worker.acked, worker.bulk_acked = worker.safe(), worker.bulk_next
        self._say(route, protocol.Welcome(next=worker.acked, bulk_next=worker.bulk_next))
        self._sink.joined(worker, anew=anew)

    def _identify(self, hello: protocol.Hello) -> tuple[Worker, bool]:
        key = (hello.run, hello.worker)
        worker = self.workers.get(key)
        if worker is None or not worker.is_again(hello):
            self.workers[key] = worker = Worker(hello)
            return worker, True
        if hello.base > worker.next:
            self._lost(worker, hello.base - worker.next)
            worker.next = hello.base
        return worker, False

    def _stranger(self, route: bytes) -> None:
        """Data without a hello: this bridge was started later than that connection. SYNC makes it say hello."""
        now = self._clock()
        if now >= self._stranger_sync_after:
            self._stranger_sync_after = now + _SYNC_EVERY_SECS / 10
            self._counts.gaps += 1
            self._say(route, _UNKNOWN_WANTS)

    def _control(self, worker: Worker, said: protocol.Up) -> None:
        if (said.run, said.worker) != worker.key:
            raise DecodeError(f"{said.run[:64]!r}, {said.worker[:64]!r} on a connection of {worker.key}")
        if isinstance(said, protocol.Probe):
            if said.next > worker.next and not self.full:
                self._sync(worker)
            else:
                self._repeat_ack(worker)
        elif isinstance(said, protocol.Dropped):
            self._tombstone(worker, said)

    def _tombstone(self, worker: Worker, dropped: protocol.Dropped) -> None:
        if dropped.first > worker.next:
            self._sync(worker)
        elif dropped.last < worker.next:
            self._repeat_ack(worker)
        else:
            count = dropped.last + 1 - worker.next
            worker.next += count
            worker.dropped += count
            self._counts.dropped += count
            self._complaints.say("dropped", "%s, %s dropped %d messages: its memory was full", *worker.key, count)
            self._dirty.add(worker)

    def _message(self, worker: Worker, kind: str, payload: bytes, raw: list[bytes]) -> None:
        try:
            message = _decode(kind, payload, raw)
        except DecodeError as error:
            self._skip(worker, kind, payload)
            raise DecodeError(f"{worker.key[0][:64]!r}, {worker.key[1][:64]!r}, {kind}: {error}") from None
        if (message.run, message.worker) != worker.key:
            raise DecodeError(f"{message.run[:64]!r}, {message.worker[:64]!r} on a connection of {worker.key}")
        if kind in schema.BULK_KINDS:
            self._bulk(worker, message, payload, raw)
        elif self._is_next(worker, message.seq):
            self._counts.accepted += 1
            worker.ended = kind == "end"
            self._sink.accepted(worker, message, payload, raw, worker.accept())
            self._dirty.add(worker)

    def _is_next(self, worker: Worker, seq: int) -> bool:
        if seq < worker.next:
            self._counts.duplicates += 1
            self._repeat_ack(worker)
        elif self.full:
            worker.refused = True
        elif seq > worker.next:
            self._sync(worker)
        else:
            return True
        return False

    def _bulk(self, worker: Worker, message: schema.Message, payload: bytes, raw: list[bytes]) -> None:
        missing = message.seq - worker.bulk_next
        if missing < 0:
            self._counts.duplicates += 1
            return
        self._counts.bulk_lost += missing
        worker.bulk_next = message.seq + 1
        self._dirty.add(worker)
        self._sink.accepted(worker, message, payload, raw, None)

    def _skip(self, worker: Worker, kind: str, payload: bytes) -> None:
        """Go on behind a message that is no good but next in order: it would be no better the second time."""
        try:
            envelope = _envelopes.decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return
        is_next = (envelope.run, envelope.worker, envelope.seq) == (*worker.key, worker.next)
        if is_next and kind not in schema.BULK_KINDS and not self.full:
            worker.next += 1
            self._lost(worker, 1)
            self._dirty.add(worker)

    def _lost(self, worker: Worker, count: int) -> None:
        worker.lost += count
        self._counts.lost += count
        logger.error("%s, %s: %d messages are lost (seq from %d)", *worker.key, count, worker.next)

    def _repeat_ack(self, worker: Worker) -> None:
        worker.repeat_ack = True
        self._dirty.add(worker)

    def _sync(self, worker: Worker) -> None:
        now = self._clock()
        if now >= worker.sync_after:
            worker.sync_after = now + _SYNC_EVERY_SECS
            self._counts.gaps += 1
            self._say(worker.route, protocol.Sync(next=worker.next))

    def _say(self, route: bytes | None, answer: protocol.Down) -> bool:
        if route is None:
            return False
        try:
            self.socket.send_multipart([route, protocol.encode_down(answer)], zmq.NOBLOCK)
        except (zmq.Again, zmq.ZMQError):  # it is gone, or does not read; it will ask again
            return False
        return True

    def _gone(self, descriptor: int) -> None:
        route = self._descriptors.pop(descriptor, None)
        worker = self._routes.pop(route, None) if route is not None else None
        if descriptor in self._strangers:
            self._stranger_gone(descriptor)
        elif worker is not None and worker.route == route:
            worker.route = None
            if not worker.ended:
                text = (
                    "%s, %s: connection closed without an end: the process is gone or frozen, or sent more than %d MiB"
                )
                self._complaints.say("closed", text, *worker.key, _LARGEST_FRAME_BYTES >> 20)
            self._sink.left(worker)

    def _stranger_gone(self, descriptor: int) -> None:
        self._strangers.discard(descriptor)
        if self._foreign:
            self._foreign -= 1
            return
        self._counts.foreign += 1
        text = "a connection on the ZMQ port closed without a hello: no sender of this schema, or more than %d MiB"
        self._complaints.say("stranger", text, _LARGEST_FRAME_BYTES >> 20)


def _decode(kind: str, payload: bytes, raw: Sequence[bytes]) -> schema.Message:
    message: schema.Message = schema.decode(payload)
    if message.__struct_config__.tag != kind:
        raise DecodeError(f"{kind} in the head, {message.__struct_config__.tag} in the body")
    if message.seq < 0:
        raise DecodeError(f"seq {message.seq} is negative")
    sizes.check(message, raw)
    return message


def _bind(router: zmq.Socket[bytes], config: BridgeConfig) -> int:
    host = f"[{config.zmq_host}]" if ":" in config.zmq_host else config.zmq_host
    for option, value in (
        (zmq.RCVHWM, 1000),
        (zmq.LINGER, 0),
        (zmq.HEARTBEAT_IVL, 1000),
        (zmq.HEARTBEAT_TIMEOUT, 3000),
        (zmq.ROUTER_MANDATORY, 1),
        (zmq.MAXMSGSIZE, _LARGEST_FRAME_BYTES),
        (zmq.IPV6, int(":" in host)),
    ):
        router.set(option, value)
    try:
        if config.zmq_port:
            router.bind(f"tcp://{host}:{config.zmq_port}")
        else:
            router.bind(f"tcp://{host}:*")
    except zmq.ZMQError as error:
        allowed = f"an address and port that can be bound ({error.strerror})"
        raise ConfigError("zmq_port", f"{host}:{config.zmq_port}", allowed) from None
    return int(bytes(router.get(zmq.LAST_ENDPOINT)).rstrip(b"\0").rpartition(b":")[2])
