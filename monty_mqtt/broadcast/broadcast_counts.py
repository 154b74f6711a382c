"""What became of a worker's messages, in numbers.

Place in the flow: `broadcaster.counts`; the run's summary and the `end` message are made of it.
"""

from __future__ import annotations

import msgspec

__all__ = ["Counts"]


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """One moment's numbers.

    Attributes:
        published: Messages that got a seq, frames and clouds not among them.
        acknowledged: Messages the bridge has taken over.
        unacknowledged: Messages still held here.
        dropped: Messages that fitted neither memory nor the spool, or came after the end.
        too_large: Messages, frames and clouds that are larger than the broker takes, and were not sent.
        spooled: Messages that were written into the spool file, for want of a bridge.
        bulk_published: Frames and clouds that were sent.
        bulk_dropped: Frames and clouds that were not, because the bridge was away or slow.
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
