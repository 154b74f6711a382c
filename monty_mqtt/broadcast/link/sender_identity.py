"""This module says which worker sends, to which bridges, and how it introduces itself to them.

Made by `outbox`, one per process and worker; used by `bridge_link`.
"""

from __future__ import annotations

import os
import socket
from typing import List, NamedTuple, Tuple

from monty_mqtt.wire import zmq_protocol
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt.wire.schema import SCHEMA_VERSION
from monty_mqtt.wire.spool_format import SpoolHeader

__all__ = ["SenderIdentity"]


class SenderIdentity(NamedTuple):
    """SenderIdentity is one worker in one process.

    `started_unix_nanos` tells apart two processes that use the same names one after the other; `token` proves to the
    bridge that a HELLO comes from the same process. `replayed` marks messages that are restored and not happening now.
    `elsewhere` is the seq below which other bridges have acknowledged everything at the start.
    """

    run: str
    worker: str
    started_unix_nanos: int
    bridges: Tuple[BridgeAddress, ...]
    replayed: bool = False
    token: str = ""
    elsewhere: int = 0

    def __repr__(self) -> str:  # without the token: a secret is in no log
        addresses = ",".join(map(str, self.bridges))
        return f"SenderIdentity({self.run!r}, {self.worker!r}, {self.started_unix_nanos}, {addresses!r})"

    def header(self) -> SpoolHeader:
        """Return the header of this sender's spool file."""
        return SpoolHeader(
            schema_version=SCHEMA_VERSION,
            run=self.run,
            worker=self.worker,
            started_unix_nanos=self.started_unix_nanos,
            pid=os.getpid(),
            host=socket.gethostname(),
            token=self.token,
            bridges=len(self.bridges),
        )

    def hello(self, base: int, bulk_base: int, published: str, elsewhere: int = 0) -> List[bytes]:
        """Return the frames of a HELLO.

        Args:
            base: The oldest seq that can still be sent.
            bulk_base: The next seq of a frame or cloud.
            published: The name under which the bridge publishes this worker; empty before it is known.
            elsewhere: The seq below which another bridge has acknowledged everything.
        """
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
            bridges=len(self.bridges),
            elsewhere=elsewhere,
        )
        return zmq_protocol.encode_up(hello)

    def probe(self, next_seq: int, bulk_next: int) -> List[bytes]:
        """Return the frames of a PROBE."""
        return zmq_protocol.encode_up(
            zmq_protocol.Probe(run=self.run, worker=self.worker, next=next_seq, bulk_next=bulk_next)
        )

    def tombstone(self, first: int, last: int, reason: str) -> List[bytes]:
        """Return the frames of a DROPPED for the seqs `first` to `last`."""
        dropped = zmq_protocol.Dropped(run=self.run, worker=self.worker, first=first, last=last, reason=reason)
        return zmq_protocol.encode_up(dropped)
