"""What was published and is not acknowledged yet, bounded in memory.

Place in the flow: `broadcaster` appends, `link` sends from it and tells it what the bridge acknowledged. Pure: no I/O,
no clock.

Two queues, `sent` and `unsent`, together hold every seq from `base` to `next_seq` - 1 without a gap. Over the bound
the oldest unsent messages go, and one tombstone stands in for them: the bridge must learn that these seqs will never
come, or it would wait for them for ever. The sent ones stay: they are under way, and giving them up would free nothing
of what is still to be sent.
"""

from __future__ import annotations

from collections import deque
from typing import Deque, List, Optional, Sequence

import msgspec

from monty_mqtt.protocol import LARGEST_FRAME_BYTES

__all__ = ["Entry", "Window"]

_ENTRY_BYTES = 300
"""What Python needs for an entry beside its frames (tuple, list, headers of the byte strings), CPython 3.8 to 3.13."""


class Entry(msgspec.Struct, frozen=True):
    """The seqs `first` to `last`: one message, or with `frames` None a tombstone."""

    first: int
    last: int
    frames: Optional[Sequence[bytes]]
    size: int


class Window:
    """Messages from the oldest not acknowledged to the newest.

    Args:
        bound_bytes: Frames and bookkeeping together never need more than this.

    Attributes:
        bound_bytes: As given.
        largest_bytes: A message that is larger becomes a tombstone at once: the bridge would not take it.
        base: Oldest seq that can still be sent, or is a tombstone.
        next_seq: Seq of the next message.
        sent_bytes: Bytes of the messages that were sent and are not acknowledged.
        held_bytes: Bytes of all messages.
        dropped: Messages that became tombstones.
    """

    def __init__(self, bound_bytes: int) -> None:
        self.bound_bytes = bound_bytes
        self.largest_bytes = min(bound_bytes, LARGEST_FRAME_BYTES)
        self.base = 0
        self.next_seq = 0
        self.sent_bytes = 0
        self.held_bytes = 0
        self.dropped = 0
        self.sent: Deque[Entry] = deque()
        self.unsent: Deque[Entry] = deque()

    def append(self, frames: Sequence[bytes]) -> None:
        """Give the next seq to a message and keep it; where there is no room for it, make some."""
        size = sum(map(len, frames)) + _ENTRY_BYTES
        seq = self.next_seq
        if size > self.largest_bytes:
            size = _ENTRY_BYTES
            self.dropped += 1
            self.unsent.append(Entry(seq, seq, None, size))
        else:
            self.unsent.append(Entry(seq, seq, frames, size))
        self.next_seq = seq + 1
        self.held_bytes += size
        if self.held_bytes > self.bound_bytes:
            self.make_room(0)

    def make_room(self, size: int) -> None:
        """Turn the oldest unsent messages into a tombstone until `size` bytes are free."""
        while self.held_bytes + size > self.bound_bytes and self.unsent:
            first = self.unsent.popleft()
            self.held_bytes -= first.size
            last = first
            if first.frames is None:
                if not self.unsent:
                    self._put_tombstone(first.first, first.last)
                    return
                last = self.unsent.popleft()
                self.held_bytes -= last.size
            self.dropped += last.frames is not None
            self._put_tombstone(first.first, last.last)

    def mark_sent(self) -> None:
        """Note that the first unsent entry went out."""
        entry = self.unsent[0]
        self.sent.append(entry)
        self.unsent.popleft()
        self.sent_bytes += entry.size

    def acknowledge(self, next_wanted: int) -> int:
        """Forget every seq below `next_wanted`; return how many messages (not tombstones) that were."""
        freed = 0
        for queue in (self.sent, self.unsent):
            while queue and queue[0].last < next_wanted:
                entry = queue.popleft()
                freed += entry.frames is not None
                self.held_bytes -= entry.size
                if queue is self.sent:
                    self.sent_bytes -= entry.size
            if queue and queue[0].first < next_wanted:  # the bridge already took a part of this tombstone
                queue[0] = msgspec.structs.replace(queue[0], first=next_wanted)
        self.base = max(self.base, min(next_wanted, self.next_seq))
        return freed

    def rewind(self, next_wanted: int) -> None:
        """Make everything that was sent unsent again. A seq below `base` that is wanted all the same is a tombstone."""
        self.unsent.extendleft(reversed(self.sent))
        self.sent.clear()
        self.sent_bytes = 0
        if next_wanted < self.base:
            self.unsent.appendleft(_tombstone(next_wanted, self.base - 1))
            self.held_bytes += _ENTRY_BYTES
            self.base = next_wanted

    def next_unsent(self) -> int:
        """Return the seq after the last one sent."""
        return self.unsent[0].first if self.unsent else self.next_seq

    def messages(self) -> List[Entry]:
        """Return the messages that are held: what would be lost if the process ended now."""
        return [entry for queue in (self.sent, self.unsent) for entry in queue if entry.frames is not None]

    def mend(self) -> None:
        """Make it consistent again after an exception from outside fell into one of the other methods."""
        self.rewind(self.base)
        entries = {entry.first: entry for entry in self.unsent}
        self.unsent = deque(entries[first] for first in sorted(entries))
        self.held_bytes = sum(entry.size for entry in self.unsent)
        self.next_seq = self.unsent[-1].last + 1 if self.unsent else self.next_seq

    def __len__(self) -> int:
        return len(self.sent) + len(self.unsent)

    def _put_tombstone(self, first: int, last: int) -> None:
        self.unsent.appendleft(_tombstone(first, last))
        self.held_bytes += _ENTRY_BYTES


def _tombstone(first: int, last: int) -> Entry:
    return Entry(first, last, None, _ENTRY_BYTES)
