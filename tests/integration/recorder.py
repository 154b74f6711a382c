"""A bridge that only remembers: a ROUTER that speaks `monty_mqtt.protocol`, for tests of the experiment's side."""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

import zmq

from monty_mqtt import protocol, schema


class Received(NamedTuple):
    """A message and the raw buffers that came with it."""

    message: Any
    buffers: Tuple[bytes, ...]


class Recorder:
    """Binds a free port (or the given one), takes every worker's messages in order and acknowledges them at once."""

    def __init__(self, port: int = 0) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.linger = 0
        self._socket.setsockopt(zmq.IPV6, 0)
        if port:
            self._socket.bind(f"tcp://127.0.0.1:{port}")
            self.port = port
        else:
            self.port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        self.received: List[Received] = []
        self.problems: List[str] = []
        self._next: Dict[Tuple[str, str], int] = {}
        self._bulk_next: Dict[Tuple[str, str], int] = {}
        self._peers: Dict[bytes, Tuple[str, str]] = {}
        self._commands: List[schema.Command] = []
        self._on: List[Tuple[Callable[[Any], bool], schema.Command]] = []
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Recorder:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        self._thread.join(10)
        self._socket.close()
        self._context.term()

    def of(self, kind: type) -> List[Any]:
        """Return the messages of one class, in the order they came."""
        with self._changed:
            return [item.message for item in self.received if isinstance(item.message, kind)]

    def wait_for(self, wanted: Callable[[Any], bool], timeout_secs: float = 60) -> Any:
        """Return the first message that `wanted` accepts."""
        deadline = time.monotonic() + timeout_secs
        with self._changed:
            while True:
                for item in self.received:
                    if wanted(item.message):
                        return item.message
                if not self._changed.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"not received within {timeout_secs} s; {len(self.received)} messages came")

    def command_when(self, wanted: Callable[[Any], bool], command: schema.Command) -> None:
        """Send `command` to the worker whose message is the first that `wanted` accepts."""
        with self._changed:
            self._on.append((wanted, command))

    def _serve(self) -> None:
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        while not self._stopping:
            if poller.poll(20):
                identity, *frames = self._socket.recv_multipart()
                try:
                    self._take(identity, frames)
                except Exception as error:  # noqa: BLE001 - the test reads it
                    self.problems.append(repr(error))

    def _take(self, identity: bytes, frames: List[bytes]) -> None:
        kind = protocol.kind_of(frames[0])
        if kind in ("hello", "probe", "dropped"):
            self._control(identity, protocol.decode_up(kind, frames[1]))
            return
        message = schema.decode(frames[1])
        who = (message.run, message.worker)
        if kind in schema.BULK_KINDS:
            self._bulk_next[who] = message.seq + 1
        elif message.seq != self._next.get(who):
            self._answer(identity, protocol.Sync(next=self._next.get(who, 0)))
            return
        else:
            self._next[who] = message.seq + 1
        self._keep(identity, message, tuple(frames[2:]))
        self._answer(identity, protocol.Ack(next=self._next[who], bulk_next=self._bulk_next.get(who, 0)))

    def _control(self, identity: bytes, word: Any) -> None:
        who = (word.run, word.worker)
        self._peers[identity] = who
        if isinstance(word, protocol.Hello):
            self._next.setdefault(who, word.base)
            self._answer(identity, protocol.Welcome(next=self._next[who], bulk_next=self._bulk_next.get(who, 0)))
            return
        if isinstance(word, protocol.Dropped):
            self.problems.append(f"dropped {word}")
            self._next[who] = max(self._next.get(who, 0), word.last + 1)
        self._answer(identity, protocol.Ack(next=self._next.get(who, 0), bulk_next=self._bulk_next.get(who, 0)))

    def _keep(self, identity: bytes, message: Any, buffers: Tuple[bytes, ...]) -> None:
        with self._changed:
            self.received.append(Received(message, buffers))
            for wanted, command in list(self._on):
                if wanted(message):
                    self._on.remove((wanted, command))
                    self._answer(identity, command)
            self._changed.notify_all()

    def _answer(self, identity: bytes, word: Any) -> None:
        self._socket.send_multipart([identity, protocol.encode_down(word)])

    def end_of(self, worker: str = "main", timeout_secs: float = 60) -> Any:
        """Return the worker's End."""
        return self.wait_for(lambda m: isinstance(m, schema.End) and m.worker == worker, timeout_secs)


def first_problem(recorder: Recorder) -> Optional[str]:
    """Return what went wrong first, for an assertion."""
    return recorder.problems[0] if recorder.problems else None
