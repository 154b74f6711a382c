"""This module defines the counts of what became of a worker's messages.

Returned by `broadcaster.counts`; the run's summary and the `end` message are made of it.
"""

from __future__ import annotations

import msgspec

__all__ = ["BroadcastCounts"]


class BroadcastCounts(msgspec.Struct, frozen=True, kw_only=True):
    """BroadcastCounts holds the numbers of one moment.

    Attributes:
        published: Messages that got a seq; frames and clouds are counted apart.
        acknowledged: Messages that the bridge has taken over.
        unacknowledged: Messages that this process still holds.
        dropped: Messages that fitted neither memory nor the spool, or came after the end.
        too_large: Messages, frames and clouds that were not sent because they are larger than the broker accepts.
        spooled: Messages that were written into the spool file, because no bridge took them.
        bulk_published: Frames and clouds that were sent.
        bulk_dropped: Frames and clouds that were not sent, because the bridge was away or slow.
        errors: Telemetry errors that were counted instead of raised.
        non_finite: NaN and infinite numbers that became null in the user's calls.
        bridge_seen: Whether a bridge ever answered.
    """

    published: int = 0
    acknowledged: int = 0
    unacknowledged: int = 0
    dropped: int = 0
    too_large: int = 0
    spooled: int = 0
    bulk_published: int = 0
    bulk_dropped: int = 0
    errors: int = 0
    non_finite: int = 0
    bridge_seen: bool = False
