"""This module holds messages that are published and not yet acknowledged, in bounded memory. It does no I/O.

Called by `outbox`, which appends, by `bridge_link`, which sends from it, and by `spool_policy`, which copies from it
into the spool file.

Every seq from `base` to `next_seq` - 1 is in memory, or in the spool, or lost. The oldest unsent messages leave memory
first: those in the spool are read back when it is their turn; those that exceed the bound are lost, and a tombstone
replaces them, so that the bridge learns that these seqs will never come and does not wait for ever. Sent messages stay
in memory, because dropping them would free nothing of what is still to be sent.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Dict, Iterable, List, Optional, Protocol, Sequence, Tuple

import msgspec

from monty_mqtt.wire.zmq_protocol import LARGEST_MESSAGE_BYTES

__all__ = ["Numbered", "SendWindow", "SpooledMessages", "WindowEntry"]

_ENTRY_BYTES = 300
"""Bytes that Python needs for a message beside its frames (dictionary, list, headers of the byte strings), CPython
3.8 to 3.13."""

_BEYOND = float("inf")

Numbered = Tuple[int, Sequence[bytes]]
"""A seq and the frames of its message."""


class SpooledMessages(Protocol):
    """SpooledMessages holds messages that have left memory: the spool.

    Attributes:
        last: The greatest seq in it; -1 while it is empty. It received its messages in this order.
    """

    @property
    def last(self) -> int:
        """The greatest seq in the store; -1 while it is empty."""

    def first_from(self, seq: int) -> Optional[Numbered]:
        """Return the first message in the store whose seq is not below this; None if there is none."""


class WindowEntry(msgspec.Struct, frozen=True):
    """WindowEntry is the seqs `first` to `last`: one message, or, if `frames` is None, a tombstone with its reason."""

    first: int
    last: int
    frames: Optional[Sequence[bytes]]
    size: int
    reason: str = "memory"


class _NoStore:
    last = -1

    def first_from(self, _seq: int) -> Optional[Numbered]:
        return None


class SeqRanges:
    """SeqRanges holds seqs in long runs: ascending `(first, last)`, ends included, that neither overlap nor touch."""

    def __init__(self) -> None:
        self._ranges: List[Tuple[int, int]] = []

    def __len__(self) -> int:
        """Return how many numbers are in the set."""
        return sum(last - first + 1 for first, last in self._ranges)

    def add(self, first: int, last: int) -> int:
        """Add the numbers `first` to `last`; return how many of them are new."""
        ranges = self._ranges
        begin = bisect_left(ranges, (first, first))
        if begin and ranges[begin - 1][1] >= first - 1:
            begin -= 1
        end = begin
        while end < len(ranges) and ranges[end][0] <= last + 1:
            end += 1
        merged = ranges[begin:end]
        if merged:
            first, last = min(first, merged[0][0]), max(last, merged[-1][1])
        ranges[begin:end] = [(first, last)]
        return last - first + 1 - sum(end - start + 1 for start, end in merged)

    def last_of(self, number: int) -> Optional[int]:
        """Return the last number of the range that holds `number`; None if no range does."""
        at = bisect_right(self._ranges, (number, _BEYOND)) - 1
        return self._ranges[at][1] if at >= 0 and self._ranges[at][1] >= number else None

    def first_after(self, number: int) -> Optional[int]:
        """Return the first number of the next range that begins above `number`; None if there is none."""
        at = bisect_right(self._ranges, (number, _BEYOND))
        return self._ranges[at][0] if at < len(self._ranges) else None

    def forget_below(self, number: int) -> int:
        """Remove every number below `number`; return how many were removed."""
        before, ranges = len(self), self._ranges
        while ranges and ranges[0][1] < number:
            del ranges[0]
        if ranges and ranges[0][0] < number:
            ranges[0] = (number, ranges[0][1])
        return before - len(self)


class SendWindow:
    """SendWindow holds the messages from the oldest that is not acknowledged to the newest.

    Args:
        bound_bytes: Most bytes of memory for frames and bookkeeping.
        store: Holds further messages, on disk.
        first_seq: Seq of the first message.

    Attributes:
        bound_bytes: As given.
        largest_bytes: Most bytes that the broker accepts; a larger message becomes a tombstone.
        base: The oldest seq that can still be sent, or is a tombstone.
        next_unsent: The seq after the last one sent.
        next_seq: Seq of the next message.
        sent_bytes: Bytes of the messages that were sent and are not acknowledged.
        held_bytes: Bytes of all messages in memory.
        dropped: Messages that became tombstones because there was no room.
        too_large: Messages that became tombstones because they are larger than `largest_bytes`.
    """

    def __init__(self, bound_bytes: int, store: Optional[SpooledMessages] = None, first_seq: int = 0) -> None:
        self.bound_bytes = bound_bytes
        self.largest_bytes = LARGEST_MESSAGE_BYTES
        self.base = self.next_unsent = self.next_seq = first_seq
        self.sent_bytes = 0
        self.held_bytes = 0
        self.dropped = self.too_large = 0
        self._store = store or _NoStore()
        self._messages: Dict[int, Tuple[Sequence[bytes], int]] = {}
        self._lost = SeqRanges()
        self._too_large = SeqRanges()
        self._kept_from = first_seq

    def __len__(self) -> int:
        """Return the number of seqs that are not acknowledged."""
        return self.next_seq - self.base

    @property
    def waiting(self) -> int:
        """Number of messages that are not acknowledged, including those in the spool."""
        return len(self) - len(self._lost)

    @property
    def is_under_way(self) -> bool:
        """Whether a message was sent that is not acknowledged yet."""
        return self.next_unsent > self.base

    def append(self, frames: Sequence[bytes]) -> None:
        """Give the next seq to a message and keep it. The caller keeps the bound with `make_room`."""
        size = _size(frames)
        seq = self.next_seq
        self.next_seq = seq + 1
        if size - _ENTRY_BYTES > self.largest_bytes:
            self._refuse(seq)
        elif size > self.bound_bytes:
            self._lose(seq, seq)
        else:
            self._messages[seq] = (frames, size)
            self.held_bytes += size

    def skip_to(self, seq: int) -> None:
        """Give the next message this seq, which is above `next_seq`; the seqs between will never come."""
        first, self.next_seq = self.next_seq, seq
        self._lose(first, seq - 1)

    def unload(self, most_bytes: int) -> None:
        """Drop the oldest unsent messages from memory that are in the store, until no more than this is held."""
        self._kept_from = max(self._kept_from, self.next_unsent)
        while self.held_bytes > most_bytes and self._kept_from <= self._store.last:
            self._let_go()

    def make_room(self, size: int = 0) -> None:
        """Drop the oldest unsent messages from memory until `size` bytes are free."""
        self._kept_from = max(self._kept_from, self.next_unsent)
        while self.held_bytes + size > self.bound_bytes and self._kept_from < self.next_seq:
            self._let_go()

    def peek(self) -> WindowEntry:
        """Return the entry to send next. The caller has checked that there is one."""
        seq = self.next_unsent
        held = self._messages.get(seq)
        if held is None and self._lost.last_of(seq) is None:
            found = self._store.first_from(seq)
            if found is not None and found[0] == seq:
                held = (found[1], _size(found[1]))
            else:
                self._give_up(seq, found[0] if found else self.next_seq)
        if held is not None and held[1] - _ENTRY_BYTES <= self.largest_bytes:
            return WindowEntry(seq, seq, *held)
        if held is not None:  # the message came before this bridge reported its largest size
            self._refuse(seq)
        return self._tombstone(seq)

    def mark_sent(self, entry: WindowEntry) -> None:
        """Note that the entry which `peek` returned was sent."""
        if entry.frames is not None and entry.first not in self._messages:
            self._messages[entry.first] = (entry.frames, entry.size)
            self.held_bytes += entry.size
        self.next_unsent = entry.last + 1
        self.sent_bytes += entry.size

    def acknowledge(self, next_wanted: int) -> int:
        """Forget every seq below `next_wanted`; return how many messages (not tombstones) these were."""
        first, end, sent_end = self.base, min(next_wanted, self.next_seq), self.next_unsent
        if end <= first:
            return 0
        self.base = end
        self.next_unsent = max(sent_end, end)
        # A bridge may acknowledge many more seqs than there are messages in memory.
        few = end - first <= len(self._messages)
        seqs: Iterable[int] = range(first, end) if few else [seq for seq in self._messages if seq < end]
        for seq in seqs:
            held = self._messages.pop(seq, None)
            if held is not None:
                self.held_bytes -= held[1]
                if seq < sent_end:
                    self.sent_bytes -= held[1]
        self._too_large.forget_below(end)
        return end - first - self._lost.forget_below(end)

    def rewind(self, next_wanted: int) -> None:
        """Mark every sent message as unsent again. If a seq below `base` is wanted, it becomes a tombstone."""
        if next_wanted < self.base:
            self._lost.add(next_wanted, self.base - 1)
            self.base = next_wanted
        self.next_unsent = self.base
        self.sent_bytes = 0

    def after(self, seq: int, *, most: int, most_bytes: int) -> List[Numbered]:
        """Return the messages in memory behind this seq, oldest first: at least one message, if there is any."""
        messages: List[Numbered] = []
        size = 0
        seq = max(seq + 1, self.base)
        while seq < self.next_seq and len(messages) < most and size < most_bytes:
            held = self._messages.get(seq)
            if held is not None:
                messages.append((seq, held[0]))
                size += held[1]
            else:
                seq = self._lost.last_of(seq) or seq
            seq += 1
        return messages

    def mend(self) -> None:
        """Make the window consistent again after an exception from outside interrupted one of the other methods."""
        self._messages = {seq: self._messages[seq] for seq in sorted(self._messages) if seq >= self.base}
        self.held_bytes = sum(size for _, size in self._messages.values())
        self.next_seq = max(self.next_seq, self._store.last + 1, max(self._messages, default=-1) + 1)
        self.rewind(self.base)

    def _let_go(self) -> None:
        seq = self._kept_from
        self._kept_from = seq + 1
        held = self._messages.pop(seq, None)
        if held is not None:
            self.held_bytes -= held[1]
            if seq > self._store.last:
                self._lose(seq, seq)

    def _lose(self, first: int, last: int) -> None:
        self.dropped += self._lost.add(first, last)

    def _refuse(self, seq: int) -> None:
        held = self._messages.pop(seq, None)
        if held is not None:
            self.held_bytes -= held[1]
        self.too_large += self._lost.add(seq, seq)
        self._too_large.add(seq, seq)

    def _tombstone(self, seq: int) -> WindowEntry:
        last = self._lost.last_of(seq) or seq
        too_large = self._too_large.last_of(seq)
        if too_large is not None:
            return WindowEntry(seq, min(last, too_large), None, 0, "too_large")
        return WindowEntry(seq, min(last, (self._too_large.first_after(seq) or last + 1) - 1), None, 0)

    def _give_up(self, seq: int, end: int) -> None:
        """Count messages as lost that are neither in memory nor in the spool any more, from `seq` on."""
        held = min((kept for kept in self._messages if kept > seq), default=end)
        self._lose(seq, min(end, held, self._lost.first_after(seq) or end) - 1)


def _size(frames: Sequence[bytes]) -> int:
    return sum(map(len, frames)) + _ENTRY_BYTES
