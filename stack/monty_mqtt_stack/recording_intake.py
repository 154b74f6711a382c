"""What of the MQTT traffic goes into a recording, and when the runs in it have ended. Pure.

Place in the flow: `recording` hands every MQTT message to `Intake.take` and writes what comes back.

Left out are what the bridge derives from another message (`evidence/…` comes from `step`), commands on their way in,
messages heard before (delivery is at least once), retained messages of runs from which nothing new comes, and what
`Thinning` asks to leave out.
"""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from monty_mqtt import topics
from monty_mqtt.errors import DecodeError
from monty_mqtt.schema import BULK_KINDS
from monty_mqtt_stack.payloads import Head, head_of
from monty_mqtt_stack.recording_file import Entry

__all__ = ["Counts", "Intake", "Thinning", "Transform"]

_LEFT_OUT_KINDS = frozenset({"evidence", "command"})
_OF_THE_BRIDGE_TOO = frozenset({"status", "command_result"})
"""The bridge makes some of these itself, with the seq of another message: here the whole payload tells them apart."""

_FINAL_STATUSES = frozenset({"completed", "aborted", "error"})
_LONGEST_TIME_UNIX_NANOS = 2**63 - 1
"""What MCAP and every reader of it can hold."""

_MOST_REMEMBERED = 50_000
_NANOS = 1e9

Transform = Callable[[Entry], Entry]
"""Changes an entry before it is written: scrubs, rounds, …"""


class Thinning(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the bulk to keep; 0 keeps all.

    Attributes:
        colour_interval_secs: Least time between two colour frames of one sensor.
        depth_interval_secs: The same for depth; a depth frame is about three times as large.
        hypotheses_interval_secs: The same for the hypothesis clouds of one learning module.
    """

    colour_interval_secs: float = 0.0
    depth_interval_secs: float = 0.0
    hypotheses_interval_secs: float = 0.0


class Counts(msgspec.Struct):
    """What happened to the messages heard.

    Attributes:
        written: Went into the recording.
        repeated: Heard before.
        thinned: Left out as `Thinning` asks.
        unreadable: No message of this schema.
    """

    written: int = 0
    repeated: int = 0
    thinned: int = 0
    unreadable: int = 0


class _Seen:
    """The seqs heard of one worker: all below `low`, and `above`."""

    def __init__(self) -> None:
        self.low = 0
        self.above: set[int] = set()
        self.newest_unix_nanos = 0
        self._first_live = _LONGEST_TIME_UNIX_NANOS
        self._given_up = 0

    @property
    def missing(self) -> int:
        """How many seqs never came, from the first one heard as it was published."""
        begin = max(self.low, self._first_live)
        here = sum(seq >= begin for seq in self.above)
        return self._given_up + max(0, max(self.above, default=-1) + 1 - begin - here)

    def add(self, head: Head, *, is_retained: bool) -> bool:
        """Return whether this message is new.

        A repeated message keeps its time. A known seq with a time never heard yet is another sender that uses the
        same names after the first (a script run twice), and counts from 0 again.
        """
        is_later = head.time_unix_nanos > self.newest_unix_nanos
        self.newest_unix_nanos = max(head.time_unix_nanos, self.newest_unix_nanos)
        if head.seq < self.low or head.seq in self.above:
            if not is_later:
                self.note(head.seq, is_retained=is_retained)
                return False
            self._given_up = self.missing
            self.low, self.above, self._first_live = 0, set(), head.seq
        self.note(head.seq, is_retained=is_retained)
        return True

    def note(self, seq: int, *, is_retained: bool) -> None:
        """Remember a seq."""
        if not is_retained:
            self._first_live = min(seq, self._first_live)
        if seq < self.low:
            return
        self.above.add(seq)
        self._close_up()
        if len(self.above) > _MOST_REMEMBERED:  # a gap that was never filled: messages are only repeated soon after
            self._given_up += max(0, min(self.above) - max(self.low, self._first_live))
            self.low = min(self.above)
            self._close_up()

    def _close_up(self) -> None:
        while self.low in self.above:
            self.above.remove(self.low)
            self.low += 1


class _Heard(NamedTuple):
    parsed: topics.Parsed
    head: Head
    entry: Entry
    is_retained: bool


class Intake:
    """Decides message by message.

    Args:
        run: The one run to take, with its retained messages; None takes every run that says something new.
        thinning: How much of the bulk to keep.
        transform: Changes an entry before it is written.

    Attributes:
        counts: What happened to the messages so far.
    """

    def __init__(
        self, *, run: str | None = None, thinning: Thinning | None = None, transform: Transform | None = None
    ) -> None:
        self.counts = Counts()
        self._run = run
        self._transform = transform or (lambda entry: entry)
        thinning = thinning or Thinning()
        self._intervals = {
            "rgba": thinning.colour_interval_secs * _NANOS,
            "depth": thinning.depth_interval_secs * _NANOS,
            "hypotheses": thinning.hypotheses_interval_secs * _NANOS,
        }
        self._last_kept: dict[str, int] = {}
        self._seen: dict[tuple[str, str, bool], _Seen] = {}
        self._said: set[tuple[str, bytes]] = set()
        self._held: dict[str, list[_Heard]] = {}
        self._workers: dict[str, dict[str, str]] = {}

    @property
    def runs(self) -> list[str]:
        """The runs in the recording so far."""
        return list(self._workers)

    @property
    def missing(self) -> int:
        """Messages that never came, since the first one heard of each worker: gaps in its seqs, bulk not counted."""
        return sum(seen.missing for (_, _, is_bulk), seen in self._seen.items() if not is_bulk)

    @property
    def has_ended(self) -> bool:
        """Whether there is a run in the recording, and every worker of every such run has ended."""
        return self._all_are("ended")

    @property
    def is_abandoned(self) -> bool:
        """Likewise, but that some are only disconnected: they may come back."""
        return self._all_are("ended", "disconnected")

    def take(self, topic: str, payload: bytes, *, is_retained: bool = False) -> list[Entry]:
        """Return what to write now that this was heard; mostly one entry, or none."""
        try:
            parsed = topics.parse(topic)
            if parsed.kind in _LEFT_OUT_KINDS or not payload:
                return []
            head = head_of(parsed, payload)
        except DecodeError:
            self.counts.unreadable += 1
            return []
        if head.seq < 0 or not 0 <= head.time_unix_nanos <= _LONGEST_TIME_UNIX_NANOS:
            self.counts.unreadable += 1
            return []
        heard = _Heard(parsed, head, Entry(topic, payload, head.time_unix_nanos, head.seq), is_retained)
        if is_retained and self._run is None and parsed.run not in self._workers:
            self._held.setdefault(parsed.run, []).append(heard)
            return []
        return self._keep([*self._held.pop(parsed.run, ()), heard])

    def _all_are(self, *words: str) -> bool:
        return bool(self._workers) and all(
            word in words for workers in self._workers.values() for word in workers.values()
        )

    def _keep(self, many: list[_Heard]) -> list[Entry]:
        kept = [heard.entry for heard in many if self._is_kept(heard)]
        self.counts.written += len(kept)
        return [self._transform(entry) for entry in kept]

    def _is_kept(self, heard: _Heard) -> bool:
        if not self._is_new(heard):
            self.counts.repeated += 1
            return False
        self._note_end(heard.parsed, heard.head)
        if self._is_thinned(heard.parsed, heard.entry):
            self.counts.thinned += 1
            return False
        return True

    def _is_new(self, heard: _Heard) -> bool:
        parsed, head, entry, is_retained = heard
        key = (parsed.run, parsed.worker, parsed.kind in BULK_KINDS)
        seen = self._seen.setdefault(key, _Seen())
        if parsed.kind not in _OF_THE_BRIDGE_TOO:
            return seen.add(head, is_retained=is_retained)
        seen.note(head.seq, is_retained=is_retained)
        size = len(self._said)
        self._said.add((entry.topic, entry.payload))
        return len(self._said) > size

    def _note_end(self, parsed: topics.Parsed, head: Head) -> None:
        workers = self._workers.setdefault(parsed.run, {})
        workers.setdefault(parsed.worker, "live")
        if parsed.kind == "end":
            workers[parsed.worker] = "ended"
        elif parsed.kind == "status":
            # `end` is the last word but is not retained: for who comes later the status must do.
            workers[parsed.worker] = "ended" if head.status in _FINAL_STATUSES else str(head.status)

    def _is_thinned(self, parsed: topics.Parsed, entry: Entry) -> bool:
        interval = self._intervals.get(parsed.names[1] if parsed.kind == "frame" else parsed.kind)
        if not interval:
            return False
        last = self._last_kept.get(entry.topic)
        if last is not None and 0 <= entry.time_unix_nanos - last < interval:
            return True
        self._last_kept[entry.topic] = entry.time_unix_nanos
        return False
