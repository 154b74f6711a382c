"""This module selects the MQTT messages for a recording, and detects when its runs have ended. Pure.

Called by `record` with every MQTT message; `record` writes what `Selection.take` returns.

It leaves out messages that the bridge derives from another message (`evidence/…` comes from `step`), commands to a run,
messages received before (delivery is at least once), retained messages of runs that send nothing new, and what
`Thinning` asks to leave out.
"""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import topics
from monty_mqtt.wire.vocabulary import BULK_KINDS, ENDED_STATUSES, UNRECORDED_KINDS
from monty_mqtt_core.payloads.from_mqtt import Head, head_of, is_possible
from monty_mqtt_core.reading.deduplication import SeenMessages
from monty_mqtt_core.recordings.mcap_file import Entry
from monty_mqtt_core.recordings.mcap_scan import Beginning

__all__ = ["RecordingCounts", "Selection", "Thinning", "Transform"]

_NANOS = 1e9

Transform = Callable[[Entry], Entry]
"""Changes an entry before it is written: scrubs, rounds, …"""


class Thinning(msgspec.Struct, frozen=True, kw_only=True):
    """Thinning says how much of the bulk to keep; 0 keeps all.

    Attributes:
        colour_interval_secs: Shortest time between two colour frames of one sensor.
        depth_interval_secs: The same for depth; a depth frame is about three times as large.
        hypotheses_interval_secs: The same for the hypothesis clouds of one learning module.
    """

    colour_interval_secs: float = 0.0
    depth_interval_secs: float = 0.0
    hypotheses_interval_secs: float = 0.0


class RecordingCounts(msgspec.Struct):
    """RecordingCounts holds what happened to the messages received.

    Attributes:
        written: Messages written into the recording.
        repeated: Messages that were received before.
        thinned: Messages left out because of `Thinning`.
        unreadable: Messages that are not valid in this schema.
    """

    written: int = 0
    repeated: int = 0
    thinned: int = 0
    unreadable: int = 0


class _Arrived(NamedTuple):
    parsed: topics.Parsed
    head: Head
    entry: Entry
    is_retained: bool


class Selection:
    """Selection decides for each message whether it is recorded.

    Args:
        run: The only run to record, with its retained messages; None records every run that sends a new message.
        thinning: How much of the bulk to keep.
        transform: Changes an entry before it is written.

    Attributes:
        counts: What happened to the messages so far.
    """

    def __init__(
        self, *, run: str | None = None, thinning: Thinning | None = None, transform: Transform | None = None
    ) -> None:
        self.counts = RecordingCounts()
        self._run = run
        self._transform = transform or (lambda entry: entry)
        thinning = thinning or Thinning()
        self._intervals = {
            "rgba": thinning.colour_interval_secs * _NANOS,
            "depth": thinning.depth_interval_secs * _NANOS,
            "hypotheses": thinning.hypotheses_interval_secs * _NANOS,
        }
        self._last_kept: dict[str, int] = {}
        self._heard = SeenMessages()
        self._held: dict[str, list[_Arrived]] = {}
        self._workers: dict[str, dict[str, str]] = {}
        self._before: dict[tuple[str, str], set[int]] = {}
        self._first: dict[tuple[str, str], int] = {}

    @property
    def runs(self) -> list[str]:
        """Ids of the runs in the recording so far."""
        return list(self._workers)

    @property
    def missing(self) -> int:
        """Number of messages that never came, since the first one of each worker: gaps in its seqs, without bulk."""
        return self._heard.missing

    @property
    def has_ended(self) -> bool:
        """Whether the recording holds a run, and every worker of every such run has ended."""
        return self._all_are("ended")

    @property
    def is_abandoned(self) -> bool:
        """Whether every worker has ended or is disconnected; a disconnected worker may come back."""
        return self._all_are("ended", "disconnected")

    def begun(self, *, is_over: bool) -> list[Beginning]:
        """Return the workers that had published before; workers without a new message only if `is_over`."""
        beginnings = []
        for (run, worker), kept in self._before.items():
            first = self._first.get((run, worker), max(kept, default=-1) + 1 if is_over else 0)
            lacking = first - sum(seq < first for seq in kept)
            if lacking > 0:
                beginnings.append(Beginning(run, worker, lacking))
        return beginnings

    def take(self, topic: str, payload: bytes, *, is_retained: bool = False) -> list[Entry]:
        """Return the entries to write after this message: mostly one, or none."""
        try:
            parsed = topics.parse(topic)
            if parsed.kind in UNRECORDED_KINDS or not payload:
                return []
            head = head_of(parsed, payload)
        except DecodeError:
            self.counts.unreadable += 1
            return []
        if not is_possible(head.seq, head.time_unix_nanos):
            self.counts.unreadable += 1
            return []
        arrived = _Arrived(parsed, head, Entry(topic, payload, head.time_unix_nanos, head.seq), is_retained)
        if is_retained and self._run is None and parsed.run not in self._workers:
            self._held.setdefault(parsed.run, []).append(arrived)
            return []
        return self._keep([*self._held.pop(parsed.run, ()), arrived])

    def _all_are(self, *words: str) -> bool:
        return bool(self._workers) and all(
            word in words for workers in self._workers.values() for word in workers.values()
        )

    def _keep(self, messages: list[_Arrived]) -> list[Entry]:
        kept = [arrived.entry for arrived in messages if self._is_kept(arrived)]
        self.counts.written += len(kept)
        return [self._transform(entry) for entry in kept]

    def _is_kept(self, arrived: _Arrived) -> bool:
        head, payload = arrived.head, arrived.entry.payload
        if not self._heard.is_new(
            arrived.parsed, head.seq, head.time_unix_nanos, payload, is_retained=arrived.is_retained
        ):
            self.counts.repeated += 1
            return False
        self._note_end(arrived.parsed, head)
        self._note_beginning(arrived)
        if self._is_thinned(arrived.parsed, arrived.entry):
            self.counts.thinned += 1
            return False
        return True

    def _note_end(self, parsed: topics.Parsed, head: Head) -> None:
        workers = self._workers.setdefault(parsed.run, {})
        workers.setdefault(parsed.worker, "live")
        if parsed.kind == "end":
            workers[parsed.worker] = "ended"
        elif parsed.kind == "status":
            # `end` is the last message but is not retained; for a recorder that comes later, the status must do.
            workers[parsed.worker] = "ended" if head.status in ENDED_STATUSES else str(head.status)

    def _note_beginning(self, arrived: _Arrived) -> None:
        parsed, seq = arrived.parsed, arrived.head.seq
        if parsed.kind in BULK_KINDS or parsed.worker == topics.ALL_WORKERS:
            return
        key = (parsed.run, parsed.worker)
        kept = self._before.setdefault(key, set())
        if arrived.is_retained:
            kept.add(seq)
        else:
            self._first[key] = min(seq, self._first.get(key, seq))

    def _is_thinned(self, parsed: topics.Parsed, entry: Entry) -> bool:
        interval = self._intervals.get(parsed.names[1] if parsed.kind == "frame" else parsed.kind)
        if not interval:
            return False
        last = self._last_kept.get(entry.topic)
        if last is not None and 0 <= entry.time_unix_nanos - last < interval:
            return True
        self._last_kept[entry.topic] = entry.time_unix_nanos
        return False
