"""This module holds the bridge's own counters since its start.

Written by the bridge's thread only; read by `health`.
"""

from __future__ import annotations

import msgspec

__all__ = ["BridgeCounters"]


class BridgeCounters(msgspec.Struct, kw_only=True):
    """BridgeCounters holds how often each thing happened since the start.

    Attributes:
        received: ZMQ messages received, valid or not.
        accepted: Messages accepted in order.
        duplicates: Messages that came again and were acknowledged again.
        gaps: Times that the bridge asked a worker to send again.
        refused: Messages and commands that are not valid in this schema, or come from a sender with another name.
        deferred: Messages not taken because there was no room, and asked for again later.
        foreign: Connections that did not come from a sender of this schema.
        lost: Messages that will never come, although their sender once had them.
        dropped: Messages that senders dropped because their memory was full.
        too_large: Messages, frames and clouds that are larger than the broker accepts.
        bulk_lost: Frames and clouds that did not arrive.
        images_dropped: Frames that were not encoded, because newer ones came first.
        unsent: Frames and clouds not published, because the broker was away.
        published: MQTT messages that the broker acknowledged.
        points: Points of line protocol made.
        misfits: Values left out of the line protocol because they do not fit their field.
        mqtt_connects: Connections made to the broker.
    """

    received: int = 0
    accepted: int = 0
    duplicates: int = 0
    gaps: int = 0
    refused: int = 0
    deferred: int = 0
    foreign: int = 0
    lost: int = 0
    dropped: int = 0
    too_large: int = 0
    bulk_lost: int = 0
    images_dropped: int = 0
    unsent: int = 0
    published: int = 0
    points: int = 0
    misfits: int = 0
    mqtt_connects: int = 0
