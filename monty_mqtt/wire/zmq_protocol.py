"""This module defines the ZMQ hop: what the experiment (DEALER, connects) and the bridge (ROUTER, binds) send.

Up, multipart: ``v1 <kind>``, JSON, then the raw buffers of the message. Besides the kinds of `schema` there are

- ``hello``   first message of every connection, and after every SYNC (the bridge may have been restarted): the sender's
  identity, `base` = the oldest seq it can still send. Answered by WELCOME or REJECT, each time. After a SYNC the
  sender sends nothing before the WELCOME.
- ``probe``   sent if nothing was acknowledged for 0.5 s although messages were sent: `next` = last sent + 1.
  Answered by ACK or SYNC.
- ``dropped`` replaces the seqs `first` … `last`, which fitted neither the sender's memory nor its spool, or are larger
  than the broker accepts.

Down, one frame: ``v1 <word>``, a space, JSON.

- ``welcome`` {next, bulk_next, largest_message_bytes, published}: the next seq that the bridge wants, the largest
  message that can be published, and the name under which the worker is published, once that is settled
- ``ack``     {next, bulk_next, published}: every seq below `next` is safe; every bulk seq below `bulk_next` has been
  received
- ``sync``    {next}: `next` is missing; send it and everything after it again
- ``reject``  {reason}: stop sending: it is another schema, or a worker to be restored that is connected
- ``command`` a `schema.Command`

The bridge takes a worker's messages strictly in order: `seq` == next is kept, a lower seq is a duplicate (ACK again), a
higher one is refused (SYNC, at most ten a second), because two connections of one experiment may interleave after a
freeze.
"""

from __future__ import annotations

from typing import Any, Dict, List, Type, Union

import msgspec

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire.schema import Command

__all__ = [
    "LARGEST_FRAME_BYTES",
    "LARGEST_MESSAGE_BYTES",
    "Ack",
    "Down",
    "Dropped",
    "Hello",
    "Probe",
    "Reject",
    "Sync",
    "Up",
    "Welcome",
    "decode_down",
    "decode_up",
    "encode_down",
    "encode_up",
    "head",
    "kind_of",
]

LARGEST_FRAME_BYTES = 64 << 20
"""The bridge ends the connection of a sender whose frame is larger."""

LARGEST_MESSAGE_BYTES = 9_900_000
"""The largest message before a bridge has reported its broker's limit: a little less than Mosquitto's setting."""

_PREFIX = b"v1 "
_LONGEST_HEAD = 64


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """Hello introduces a sender. `base`: the oldest seq it can still send; `bulk_base`: the next bulk seq it will send.

    `started_unix_nanos` tells senders apart that use one run and worker, at once or one after another (a script run
    twice with run_id="x"): if it is not 0 and differs from what the bridge knows of this worker, this is another
    sender, whose messages begin at `base`. It is published under a name of its own, `<worker>-2`.

    `replayed`: this is not an experiment but a program that restores what an experiment left in its spool, or a
    recording. Its messages are published as they are; it does not make the worker live again, and its end says nothing.

    `token`: a random text that only the sender knows; it is never published, and the bridge keeps only its digest. Only
    a sender with the same token continues a worker; one with another token is another sender. A replay sends the token
    that is in the spool file. `started_unix_nanos` is 0 only in the replay of a recording, which does not know it, and
    has no token.

    `published`: the worker's name that the bridge sent last, for a bridge that lost its journal; empty before.

    `bridges`: how many bridges the sender may use. If there are several, a message is acknowledged only when the broker
    has it: what a bridge has on its disk alone would be missing, or late, if the sender goes on with another one.

    `elsewhere`: another bridge has acknowledged the messages below this seq, so they are not lost if this one lacks
    them.
    """

    schema_version: int
    run: str
    worker: str
    base: int
    bulk_base: int = 0
    pid: int = 0
    host: str = ""
    started_unix_nanos: int = 0
    replayed: bool = False
    token: str = ""
    published: str = ""
    bridges: int = 1
    elsewhere: int = 0


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """Probe asks for an answer. `next`: one more than the last seq sent."""

    run: str
    worker: str
    next: int
    bulk_next: int = 0


class Dropped(msgspec.Struct, frozen=True, kw_only=True):
    """Dropped reports that the seqs `first` to `last`, both included, will never come.

    `reason`: `memory` (neither memory nor spool had room) or `too_large` (the broker accepts no such message).
    """

    run: str
    worker: str
    first: int
    last: int
    reason: str = "memory"


class Welcome(msgspec.Struct, frozen=True, kw_only=True):
    """Welcome answers a Hello. `next`: the next seq wanted; `bulk_next`: the next bulk seq expected.

    `largest_message_bytes`: head, JSON and buffers together; for a larger message DROPPED is sent. 0: not reported.
    `published`: the name under which the worker is published; empty while no message of it was taken.
    """

    next: int
    bulk_next: int = 0
    largest_message_bytes: int = 0
    published: str = ""


class Ack(msgspec.Struct, frozen=True, kw_only=True):
    """Ack reports: every seq below `next` is safe, every bulk seq below `bulk_next` received; `published` as above."""

    next: int
    bulk_next: int = 0
    published: str = ""


class Sync(msgspec.Struct, frozen=True, kw_only=True):
    """Sync reports that `next` is missing: send it and everything after it again."""

    next: int


class Reject(msgspec.Struct, frozen=True, kw_only=True):
    """Reject refuses this sender; `reason` is one line for a person."""

    reason: str


Up = Union[Hello, Probe, Dropped]
Down = Union[Welcome, Ack, Sync, Reject, Command]

_UP: Dict[str, Type[Any]] = {"hello": Hello, "probe": Probe, "dropped": Dropped}
_DOWN: Dict[str, Type[Any]] = {"welcome": Welcome, "ack": Ack, "sync": Sync, "reject": Reject, "command": Command}
_UP_WORDS = {cls: word for word, cls in _UP.items()}
_DOWN_WORDS = {cls: word for word, cls in _DOWN.items()}
_encoder = msgspec.json.Encoder()
_decoders = {word: msgspec.json.Decoder(cls) for word, cls in {**_UP, **_DOWN}.items()}


def head(kind: str) -> bytes:
    """Return the first frame of an upstream message of this kind."""
    return _PREFIX + kind.encode()


def kind_of(first_frame: bytes) -> str:
    """Return the kind that the first frame of an upstream message names.

    Raises:
        DecodeError: The frame is not `v1 <kind>`.
    """
    if not first_frame.startswith(_PREFIX) or len(first_frame) > _LONGEST_HEAD:
        raise DecodeError(f"not 'v1 <kind>': {first_frame[:32]!r}")
    return first_frame[len(_PREFIX) :].decode("ascii", "replace")


def decode_up(kind: str, payload: bytes) -> Up:
    """Return the control message (`hello`, `probe`, `dropped`) that `payload` holds.

    Raises:
        DecodeError: The payload is not valid for that kind.
    """
    if kind not in _UP:
        raise DecodeError(f"unknown kind {kind!r}")
    return _decode(kind, payload)  # type: ignore[no-any-return]


def encode_up(message: Up) -> List[bytes]:
    """Return the frames of a control message."""
    return [head(_UP_WORDS[type(message)]), _encoder.encode(message)]


def encode_down(answer: Down) -> bytes:
    """Return the only frame of an answer of the bridge to an experiment."""
    return _PREFIX + _DOWN_WORDS[type(answer)].encode() + b" " + _encoder.encode(answer)


def decode_down(frame: bytes) -> Down:
    """Return the answer of the bridge that a frame holds.

    Raises:
        DecodeError: The frame is not valid in this protocol.
    """
    prefix, word, payload = [*frame.split(b" ", 2), b"", b""][:3]
    if prefix + b" " != _PREFIX or word.decode("ascii", "replace") not in _DOWN:
        raise DecodeError(f"not a word of this protocol: {frame[:32]!r}")
    return _decode(word.decode(), payload)  # type: ignore[no-any-return]


def _decode(word: str, payload: bytes) -> Any:
    try:
        return _decoders[word].decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"{word}: {error}") from None
