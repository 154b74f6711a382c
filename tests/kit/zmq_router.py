"""Plays only the ZMQ half of a bridge, written against `zmq_protocol`: the broadcaster's tests connect to it.

In a thread: `with Router() as router: …`. As a process that can be frozen and killed:
`python tests/kit/zmq_router.py --log FILE [--port N]` prints its port, and writes every accepted message to FILE as one
line of JSON before it acknowledges the message. After a restart it remembers nothing, like a bridge without a journal.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

import zmq

from monty_mqtt.wire import schema, zmq_protocol
from monty_mqtt.wire.vocabulary import BULK_KINDS

Key = Tuple[str, str]


class Taken(NamedTuple):
    message: Any
    buffers: List[bytes]


class Worker:
    def __init__(self, hello: zmq_protocol.Hello) -> None:
        self.started = hello.started_unix_nanos
        self.next = hello.base
        self.bulk_next = hello.bulk_base
        self.synced_at = 0.0
        self.acked: Tuple[int, int] = (-1, -1)


class Router:
    def __init__(self, port: int = 0, on_taken: Optional[Callable[[Key, Taken], None]] = None) -> None:
        self.reject: Optional[str] = None
        self.deaf = False
        self.frozen = False
        self.largest_message_bytes = 0
        self.reasons: List[str] = []
        self.hellos: List[zmq_protocol.Hello] = []
        self.probes: List[zmq_protocol.Probe] = []
        self.taken: Dict[Key, List[Taken]] = defaultdict(list)
        self.bulk: Dict[Key, List[Taken]] = defaultdict(list)
        self.dropped: Dict[Key, List[Tuple[int, int]]] = defaultdict(list)
        self.duplicates = 0
        self.refused = 0
        self.port = port
        self._on_taken = on_taken or (lambda _key, _taken: None)
        self._workers: Dict[Key, Worker] = {}
        self._routes: Dict[Key, bytes] = {}
        self._down: List[Tuple[Key, bytes]] = []
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self.serve, daemon=True)

    def __enter__(self) -> Router:  # noqa: PYI034 - Self needs Python 3.11
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def serve(self) -> None:
        context = zmq.Context()
        socket = context.socket(zmq.ROUTER)
        for option, value in (
            (zmq.RCVHWM, 1000),
            (zmq.LINGER, 0),
            (zmq.HEARTBEAT_IVL, 1000),
            (zmq.HEARTBEAT_TIMEOUT, 3000),
        ):
            socket.set(option, value)
        self.port = bind(socket, self.port)
        self._ready.set()
        acks_at = 0.0
        while not self._stop.is_set():
            if self.frozen:
                self._stop.wait(0.01)
                continue
            if socket.poll(10):
                self._drain(socket)
            if time.monotonic() >= acks_at:
                acks_at = time.monotonic() + 0.02
                self._acknowledge(socket)
        socket.close(0)
        context.term()

    def say(self, answer: zmq_protocol.Down, run: str, worker: str = "main") -> None:
        self._down.append(((run, worker), zmq_protocol.encode_down(answer)))

    def wait(self, condition: Callable[[], bool], secs: float = 20.0) -> bool:
        """Wait until `condition` holds; it is checked whenever a message has arrived."""
        with self._changed:
            return self._changed.wait_for(condition, secs)

    def messages(self, run: str, worker: str = "main") -> List[Any]:
        return [taken.message for taken in list(self.taken[run, worker])]

    def _drain(self, socket: zmq.Socket[bytes]) -> None:
        with self._changed:
            for _ in range(1000):
                try:
                    route, first, *rest = socket.recv_multipart(zmq.NOBLOCK)
                except zmq.Again:
                    break
                self._hear(socket, route, zmq_protocol.kind_of(first), rest)
            self._changed.notify_all()

    def _hear(self, socket: zmq.Socket[bytes], route: bytes, kind: str, rest: List[bytes]) -> None:
        if kind == "hello":
            self._greet(socket, route, zmq_protocol.decode_up(kind, rest[0]))
            return
        if kind in ("probe", "dropped"):
            message: Any = zmq_protocol.decode_up(kind, rest[0])
        else:
            message = schema.decode(rest[0])
        key = (message.run, message.worker)
        if key not in self._workers:
            self.refused += 1
            socket.send_multipart([route, zmq_protocol.encode_down(zmq_protocol.Sync(next=0))])
            return
        self._routes[key] = route
        worker = self._workers[key]
        if kind == "probe":
            self._answer_probe(socket, route, worker, message)
        elif kind == "dropped":
            self._take_dropped(socket, route, worker, message)
        elif kind in BULK_KINDS:
            worker.bulk_next = max(worker.bulk_next, message.seq + 1)
            self.bulk[key].append(Taken(message, rest[1:]))
        else:
            self._take(socket, route, worker, Taken(message, rest[1:]))

    def _greet(self, socket: zmq.Socket[bytes], route: bytes, hello: zmq_protocol.Hello) -> None:
        self.hellos.append(hello)
        if self.reject is not None:
            socket.send_multipart([route, zmq_protocol.encode_down(zmq_protocol.Reject(reason=self.reject))])
            return
        key = (hello.run, hello.worker)
        worker = self._workers.get(key)
        if worker is None or worker.started != hello.started_unix_nanos:
            worker = self._workers[key] = Worker(hello)
        worker.next = max(worker.next, hello.base)
        worker.bulk_next = max(worker.bulk_next, hello.bulk_base)
        self._routes[key] = route
        if not self.deaf:
            largest = self.largest_message_bytes
            welcome = zmq_protocol.Welcome(next=worker.next, bulk_next=worker.bulk_next, largest_message_bytes=largest)
            socket.send_multipart([route, zmq_protocol.encode_down(welcome)])

    def _answer_probe(self, socket: zmq.Socket[bytes], route: bytes, worker: Worker, probe: zmq_protocol.Probe) -> None:
        self.probes.append(probe)
        worker.bulk_next = max(worker.bulk_next, probe.bulk_next)
        if probe.next > worker.next:
            self._sync(socket, route, worker)
        else:
            worker.acked = (-1, -1)

    def _take_dropped(
        self, socket: zmq.Socket[bytes], route: bytes, worker: Worker, gone: zmq_protocol.Dropped
    ) -> None:
        if gone.first > worker.next:
            self._sync(socket, route, worker)
        elif gone.last >= worker.next:
            self.dropped[gone.run, gone.worker].append((worker.next, gone.last))
            self.reasons.append(gone.reason)
            worker.next = gone.last + 1

    def _take(self, socket: zmq.Socket[bytes], route: bytes, worker: Worker, taken: Taken) -> None:
        seq = taken.message.seq
        if seq > worker.next:
            self._sync(socket, route, worker)
        elif seq < worker.next:
            self.duplicates += 1
            worker.acked = (-1, -1)
        else:
            key = (taken.message.run, taken.message.worker)
            worker.next += 1
            self.taken[key].append(taken)
            self._on_taken(key, taken)

    def _sync(self, socket: zmq.Socket[bytes], route: bytes, worker: Worker) -> None:
        self.refused += 1
        if time.monotonic() - worker.synced_at >= 0.1:
            worker.synced_at = time.monotonic()
            socket.send_multipart([route, zmq_protocol.encode_down(zmq_protocol.Sync(next=worker.next))])

    def _acknowledge(self, socket: zmq.Socket[bytes]) -> None:
        while self._down:
            key, frame = self._down.pop(0)
            socket.send_multipart([self._routes[key], frame])
        for key, worker in self._workers.items():
            now = (worker.next, worker.bulk_next)
            if now != worker.acked and not self.deaf:
                worker.acked = now
                ack = zmq_protocol.encode_down(zmq_protocol.Ack(next=worker.next, bulk_next=worker.bulk_next))
                socket.send_multipart([self._routes[key], ack])


def bind(socket: zmq.Socket[bytes], port: int) -> int:
    """Bind the socket; wait if the port of a killed router is still taken for a moment."""
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.bind(f"tcp://127.0.0.1:{port or '*'}")
            return int(socket.get_string(zmq.LAST_ENDPOINT).rpartition(":")[2])
        except zmq.ZMQError:  # noqa: PERF203 - waits for the port
            if time.monotonic() > deadline:
                raise


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", default="")
    options = parser.parse_args()
    if options.log:
        with Path(options.log).open("a", encoding="utf-8", buffering=1) as log:

            def write(key: Key, taken: Taken) -> None:
                message = taken.message
                log.write(
                    json.dumps([*key, message.seq, type(message).__name__, getattr(message, "value", None)]) + "\n"
                )

            run(Router(options.port, write))
    else:
        run(Router(options.port))


def run(router: Router) -> None:
    with router:
        print(router.port, flush=True)  # noqa: T201 - its whole interface
        sys.stdin.read()  # until its parent closes the pipe, or dies


if __name__ == "__main__":
    main()
