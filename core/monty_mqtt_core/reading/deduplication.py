"""This module tells messages that arrive for the first time from repeated ones. Pure.

Called by everything that stores messages from MQTT: `selection`, the page, and `part_files`, which reads several files
as one.

Delivery is at least once, bridges publish the last seconds again after a reconnect, and retained messages come at each
subscription. Run, worker, seq and time identify a message.
"""

from monty_mqtt.wire import topics
from monty_mqtt.wire.vocabulary import BULK_KINDS
from monty_mqtt_core.payloads.from_mqtt import LONGEST_TIME_UNIX_NANOS

__all__ = ["SeenMessages"]

_OF_THE_BRIDGE_TOO = frozenset({"status", "command_result"})
"""The bridge makes some of these itself, with the seq of another message; so the whole payload identifies them."""

_MOST_REMEMBERED = 50_000
_MOST_BULK_REMEMBERED = 1_000
"""Of frames and clouds, many never come, and only retained ones come again."""

_MOST_WORDS_REMEMBERED = 20_000


class SeenMessages:
    """SeenMessages remembers the messages received of any number of runs."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str, bool], _Seen] = {}
        self._said: dict[tuple[topics.Parsed, bytes], None] = {}

    @property
    def missing(self) -> int:
        """Number of messages that never came, counted from each worker's first live message; without bulk."""
        return sum(seen.missing for (_, _, is_bulk), seen in self._seen.items() if not is_bulk)

    @property
    def bulk_missing(self) -> int:
        """Number of frames and clouds that never came."""
        return sum(seen.missing for (_, _, is_bulk), seen in self._seen.items() if is_bulk)

    def is_new(
        self, parsed: topics.Parsed, seq: int, time_unix_nanos: int, payload: bytes, *, is_retained: bool
    ) -> bool:
        """Return whether a message is new, and remember it."""
        key = (parsed.run, parsed.worker, parsed.kind in BULK_KINDS)
        seen = self._seen.get(key)
        if seen is None:
            seen = self._seen[key] = _Seen(_MOST_BULK_REMEMBERED if key[2] else _MOST_REMEMBERED)
        if parsed.kind not in _OF_THE_BRIDGE_TOO:
            return seen.add(seq, time_unix_nanos, is_retained=is_retained)
        seen.note(seq, is_retained=is_retained)
        return self._is_new_word((parsed, payload))

    def _is_new_word(self, word: tuple[topics.Parsed, bytes]) -> bool:
        if word in self._said:
            return False
        self._said[word] = None
        if len(self._said) > _MOST_WORDS_REMEMBERED:
            del self._said[next(iter(self._said))]
        return True


class _Seen:
    """_Seen holds the received seqs of one worker: all below `low`, and those in `above`."""

    def __init__(self, most_remembered: int) -> None:
        self.low = 0
        self.above: set[int] = set()
        self.newest_unix_nanos = 0
        self._most_remembered = most_remembered
        self._first_live = LONGEST_TIME_UNIX_NANOS
        self._given_up = 0

    @property
    def missing(self) -> int:
        """Number of seqs that never came, counted from the first live message."""
        begin = max(self.low, self._first_live)
        received = sum(seq >= begin for seq in self.above)
        return self._given_up + max(0, max(self.above, default=-1) + 1 - begin - received)

    def add(self, seq: int, time_unix_nanos: int, *, is_retained: bool) -> bool:
        """Return whether this message is new.

        A repeated message keeps its time. A known seq with a later time than any before comes from another sender that
        uses the same names after the first (a script run twice), and counts from 0 again.
        """
        is_later = time_unix_nanos > self.newest_unix_nanos
        self.newest_unix_nanos = max(time_unix_nanos, self.newest_unix_nanos)
        if seq < self.low or seq in self.above:
            if not is_later:
                self.note(seq, is_retained=is_retained)
                return False
            self._given_up = self.missing
            self.low, self.above, self._first_live = 0, set(), seq
        self.note(seq, is_retained=is_retained)
        return True

    def note(self, seq: int, *, is_retained: bool) -> None:
        """Remember a seq."""
        if not is_retained:
            self._first_live = min(seq, self._first_live)
        if seq < self.low:
            return
        self.above.add(seq)
        self._close_up()
        if len(self.above) > self._most_remembered:  # a gap that is never filled: messages are repeated only soon after
            self._given_up += max(0, min(self.above) - max(self.low, self._first_live))
            self.low = min(self.above)
            self._close_up()

    def _close_up(self) -> None:
        while self.low in self.above:
            self.above.remove(self.low)
            self.low += 1
