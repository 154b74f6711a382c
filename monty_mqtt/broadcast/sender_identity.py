"""Who sends, where to, and how it introduces itself.

Place in the flow: `outbox` makes one per process and worker; `bridge_link` speaks with its words.
"""

from __future__ import annotations

import os
import socket
from typing import List, NamedTuple

from monty_mqtt.broadcast.spool_file import Header
from monty_mqtt.wire import zmq_protocol
from monty_mqtt.wire.schema import SCHEMA_VERSION

__all__ = ["Sender"]

_CONNECT_SECS = 0.25
"""How long the kernel may take to say whether anybody listens. For this machine it knows at once; the time is for a
host that does not answer to what it does not like."""


class Sender(NamedTuple):
    """One worker in one process.

    `started_unix_nanos` tells apart two that use the same names one after the other, `token` proves to the bridge that
    a hello is from the same one. `replayed`: what it sends does not happen now, somebody restores it.
    """

    run: str
    worker: str
    started_unix_nanos: int
    host: str
    port: int
    replayed: bool = False
    token: str = ""

    def __repr__(self) -> str:  # without the token: a secret is in no log
        return f"Sender({self.run!r}, {self.worker!r}, {self.started_unix_nanos}, {self.endpoint!r})"

    @property
    def endpoint(self) -> str:
        """The bridge's address as ZMQ wants it."""
        return f"tcp://[{self.host}]:{self.port}" if ":" in self.host else f"tcp://{self.host}:{self.port}"

    def header(self) -> Header:
        """Return what its spool file says of it."""
        return Header(
            schema_version=SCHEMA_VERSION,
            run=self.run,
            worker=self.worker,
            started_unix_nanos=self.started_unix_nanos,
            pid=os.getpid(),
            host=socket.gethostname(),
            token=self.token,
        )

    def hello(self, base: int, bulk_base: int, published: str) -> List[bytes]:
        """Return the frames of a HELLO; `published`: the name that a bridge said it publishes this worker under."""
        hello = zmq_protocol.Hello(
            schema_version=SCHEMA_VERSION,
            run=self.run,
            worker=self.worker,
            base=base,
            bulk_base=bulk_base,
            pid=os.getpid(),
            host=socket.gethostname(),
            started_unix_nanos=self.started_unix_nanos,
            replayed=self.replayed,
            token=self.token,
            published=published,
        )
        return zmq_protocol.encode_up(hello)

    def probe(self, next_seq: int, bulk_next: int) -> List[bytes]:
        """Return the frames of a PROBE."""
        return zmq_protocol.encode_up(
            zmq_protocol.Probe(run=self.run, worker=self.worker, next=next_seq, bulk_next=bulk_next)
        )

    def tombstone(self, first: int, last: int, reason: str) -> List[bytes]:
        """Return the frames of a DROPPED."""
        dropped = zmq_protocol.Dropped(run=self.run, worker=self.worker, first=first, last=last, reason=reason)
        return zmq_protocol.encode_up(dropped)

    def somebody_listens(self) -> bool:
        """Return whether a plain TCP connection to the bridge's port is taken."""
        try:
            socket.create_connection((self.host, self.port), timeout=_CONNECT_SECS).close()
        except OSError:
            return False
        return True
