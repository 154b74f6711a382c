"""This module decides under which name a worker is published, and writes that name into its messages.

Called by `acceptance` before it takes a worker's first message, and for each message it passes on. Otherwise two
senders of one run with one name, one after the other or at once, would be mixed in one curve and one log.
"""

from __future__ import annotations

from itertools import chain, count

import msgspec

from monty_mqtt_bridge.receive.sender import Key, Sender
from monty_mqtt_bridge.receive.senders import Senders

__all__ = ["renamed", "settle"]

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


def settle(sender: Sender, senders: Senders) -> None:
    """Give a worker the name that it is published under.

    It is the worker's own name if no other worker has, or had, that; otherwise the first free one of `<worker>-2`,
    `<worker>-3`, … A name that another bridge gave the worker stays, unless another experiment has it here. A recording
    holds what was published, so it has its name already.
    """
    run, own = sender.own_key
    if not sender.is_recording:
        numbered = (f"{own}-{number}" for number in count(2))
        free = (name for name in chain([own], numbered) if not _is_had((run, name), senders))
        is_claimed = bool(sender.claim) and all(other.is_recording for other in senders.had((run, sender.claim)))
        sender.key = (run, sender.claim if is_claimed else next(free))
    sender.is_named = True
    senders.add(sender)


def renamed(payload: bytes, worker: str) -> bytes:
    """Return a message's JSON with another worker's name, and otherwise as it was sent."""
    fields = _fields.decode(payload)
    fields["worker"] = msgspec.Raw(msgspec.json.encode(worker))
    return msgspec.json.encode(fields)


def _is_had(key: Key, senders: Senders) -> bool:
    return key in senders.retained or bool(senders.had(key))
