"""This module decides which workers live, are stalled, or are gone. Pure: the caller passes the time.

Called by `pipeline` with messages and connections; it publishes the returned Status messages. The experiment's own
status words are passed on as they are; only the bridge can report `disconnected` and *stalled*.
"""

from __future__ import annotations

import msgspec

from monty_mqtt.wire import schema
from monty_mqtt.wire.vocabulary import LIVE_STATUSES, STATUS_CODES
from monty_mqtt_bridge.receive.sender import Key, Sender
from monty_mqtt_bridge.rules.life import Life, status_of

__all__ = ["GRACE_SECS", "REMEMBERED_NANOS", "Liveness"]

GRACE_SECS = 8.0
"""Seconds that a connection may be gone, also after a start of the bridge; so `disconnected` comes within 10 s."""

_FORGET_OVER_SECS = 600.0
_MOST_GONE = 5000
"""Most workers that are over and stay in memory; one that comes back is found in the journal."""

_FORGET_DISCONNECTED_SECS = 86_400.0
REMEMBERED_NANOS = int(_FORGET_DISCONNECTED_SECS * 1e9)
"""A worker that sent nothing for so long need not be in memory after a restart."""


class Liveness:
    """Liveness holds all workers.

    Args:
        now: Monotonic seconds at the start of the bridge.
    """

    def __init__(self, now: float) -> None:
        self._started = now
        self.lives: dict[Key, Life] = {}

    def remember(self, status: schema.Status, sender: Sender | None = None) -> None:
        """Take a status that was retained before the bridge started, or before it forgot the worker.

        Args:
            status: The status.
            sender: Its worker, if the journal knows it; None if only the broker remembers.
        """
        key = (status.run, status.worker)
        if key in self.lives or (sender is None and status.status not in {*LIVE_STATUSES, "disconnected"}):
            return
        life = self.lives[key] = Life(key, sender)
        life.gone_at = self._started
        life.ended = sender is not None and sender.ended
        life.disconnected = status.status == "disconnected"
        # Its earlier status is not known any more; it runs, if it comes back.
        life.status = msgspec.structs.replace(status, status="running") if life.disconnected else status
        life.stalled, life.spooled = status.stalled, status.spooled
        life.reported = ("" if life.live else life.word, life.spooled)

    def joined(self, sender: Sender, now_unix_nanos: int) -> list[schema.Status]:
        """Note that a worker's first HELLO was passed on, maybe long after it came; return the statuses to publish."""
        life = self.lives.get(sender.key)
        if life is not None and not _is_history(life, sender):
            return self.returned(sender, now_unix_nanos)
        self.lives[sender.key] = life = Life(sender.key, sender)
        life.gone_at, life.joined_unix_nanos = sender.gone_at, now_unix_nanos
        return []

    def returned(self, sender: Sender, now_unix_nanos: int) -> list[schema.Status]:
        """Note that a worker sent a HELLO again; return the statuses to publish."""
        life = self.lives.get(sender.key)
        if life is None:
            life = self.lives[sender.key] = Life(sender.key, sender)
        elif _is_history(life, sender):
            return self._given_back(life, sender, now_unix_nanos)
        life.sender = sender
        life.gone_at, life.joined_unix_nanos = sender.gone_at, now_unix_nanos
        if not (life.disconnected or life.spooled):
            return []
        life.disconnected, life.spooled = False, 0
        return [status_of(life, now_unix_nanos)]

    def is_new(self, key: Key) -> bool:
        """Return whether nothing is known of a worker's status."""
        life = self.lives.get(key)
        return life is None or life.status is None

    def taken_over(self, sender: Sender, before: schema.Status | None, now_unix_nanos: int) -> list[schema.Status]:
        """Note that a worker came from another bridge; return the statuses to publish.

        Args:
            sender: The worker.
            before: Its last status there; None if that is not known.
            now_unix_nanos: The wall clock.
        """
        life = self.lives.setdefault(sender.key, Life(sender.key, sender))
        if before is not None:
            word = "running" if before.status == "disconnected" else before.status
            life.status = msgspec.structs.replace(before, status=word, stalled=False, highest_seq=None)
        return [status_of(life, now_unix_nanos)]

    def give_away(self, status: schema.Status) -> Sender | None:
        """Remove the worker that another bridge has, by this status of it; return it if it was here.

        A status from before its last HELLO here came late, and `disconnected` is said by a bridge that has lost it.
        """
        life = self.lives.get((status.run, status.worker))
        is_late = life is None or life.ended or status.time_unix_nanos <= life.joined_unix_nanos
        if life is None or is_late or status.status == "disconnected":
            return None
        return self.lives.pop(life.key).sender

    def claim(self, status: schema.Status, now_unix_nanos: int) -> list[schema.Status]:
        """Return the status to publish after one that another bridge has published of a worker that is here."""
        life = self.lives.get((status.run, status.worker))
        is_here = life is not None and life.live and life.gone_at is None
        return [status_of(life, now_unix_nanos)] if life is not None and is_here else []

    def _given_back(self, life: Life, sender: Sender, now_unix_nanos: int) -> list[schema.Status]:
        """Note the return of a worker whose name another had in the meantime; return the statuses to publish."""
        if sender.ended or life.sender is None or sender.fed_seq < sender.first:
            return []  # it is over, or its own beginning still waits in the journal
        self.lives[sender.key] = life = Life(sender.key, sender)
        return [status_of(life, now_unix_nanos)]

    def left(self, sender: Sender, now: float) -> None:
        """Note that a worker's connection is gone."""
        life = self.lives.get(sender.key)
        if life is not None and life.sender is sender and life.gone_at is None:  # else its restorer is gone
            life.gone_at = now

    def heard(self, message: schema.Message, now: float, now_unix_nanos: int) -> list[schema.Status]:
        """Note that a worker published a message; return the statuses to publish after it."""
        life = self.lives.get((message.run, message.worker))
        if life is None:
            return []
        if isinstance(message, (schema.Step, schema.EpisodeStarted)):
            life.stepped(now)
            if life.stalled:
                life.stalled = False
                return [status_of(life, now_unix_nanos)]
        elif isinstance(message, schema.Status):
            if life.word == "paused" and life.last_step is not None:
                life.last_step = now  # it was not silent all the time, it was paused
            life.status, life.stalled, life.dropped = message, False, message.dropped
            life.disconnected = life.disconnected and message.status in LIVE_STATUSES
        elif isinstance(message, schema.End):
            return self._ended(life, message, now_unix_nanos)
        return []

    def gone(self) -> list[Sender]:
        """Return the workers whose connection is gone and that have not sent an end."""
        lives = [life for life in self.lives.values() if life.gone_at is not None and not life.ended]
        return [life.sender for life in lives if life.sender is not None and life.sender.real]

    def left_behind(self, key: Key, spooled: int, now_unix_nanos: int) -> list[schema.Status]:
        """Note how many messages are in the spool of a worker that is gone; return the statuses to publish."""
        life = self.lives.get(key)
        if life is None or life.gone_at is None or life.ended or life.spooled == spooled:
            return []
        life.spooled = spooled
        return [status_of(life, now_unix_nanos)]

    def tick(self, now: float, now_unix_nanos: int, fed: int) -> list[schema.Status]:
        """Return the statuses to publish because something has not happened for too long.

        Args:
            now: Monotonic seconds.
            now_unix_nanos: The wall clock.
            fed: The last row of the journal that was passed on; a worker with later rows cannot be judged yet.
        """
        statuses = []
        for life in self.lives.values():
            if life.sender is not None and life.sender.last_row > fed:
                continue
            gone_secs = 0.0 if life.gone_at is None else now - life.gone_at
            if life.live and gone_secs >= GRACE_SECS:
                life.disconnected, life.stalled = True, False
                statuses.append(status_of(life, now_unix_nanos))
            elif self._stalls(life, now):
                life.stalled = True
                statuses.append(status_of(life, now_unix_nanos))
            elif life.lacks_more():
                life.status = status_of(life, now_unix_nanos)
                statuses.append(life.status)
        return statuses

    def forget(self, now: float) -> list[Key]:
        """Remove, and return, the workers that have been over for long."""
        gone = [(life.gone_at, life) for life in self.lives.values() if not life.live and life.gone_at is not None]
        gone.sort(key=lambda pair: pair[0])
        surplus = len(gone) - _MOST_GONE
        over = [
            life.key
            for number, (gone_at, life) in enumerate(gone)
            if number < surplus or now - gone_at > _forget_after_secs(life)
        ]
        for key in over:
            del self.lives[key]
        return over

    def is_live(self, run: str) -> bool:
        """Return whether a worker of a run lives."""
        return any(life.live for (of_run, _), life in self.lives.items() if of_run == run)

    def forget_run(self, run: str) -> list[Key]:
        """Remove, and return, the workers of a run."""
        keys = [key for key in self.lives if key[0] == run]
        for key in keys:
            del self.lives[key]
        return keys

    def excuse(self, now: float) -> None:
        """Restart the stall timers, because no message could come through until now."""
        for life in self.lives.values():
            if life.last_step is not None:
                life.last_step = now

    @staticmethod
    def _ended(life: Life, end: schema.End, now_unix_nanos: int) -> list[schema.Status]:
        # A worker that has sent its end is not gone without one, whatever was published before.
        life.ended, life.disconnected, life.stalled, life.spooled, life.dropped = True, False, False, 0, end.dropped
        if life.word == end.status or end.status not in STATUS_CODES:
            return []
        # Its final status must not be `running` because the status before it was dropped.
        life.status = schema.Status(
            run=end.run, worker=end.worker, seq=end.seq, time_unix_nanos=end.time_unix_nanos, status=end.status
        )
        return [status_of(life, now_unix_nanos)]

    @staticmethod
    def _stalls(life: Life, now: float) -> bool:
        is_stepping = life.live and life.last_step is not None and life.word == "running"
        return is_stepping and not life.stalled and now - (life.last_step or 0.0) > life.stalls_after_secs()


def _forget_after_secs(life: Life) -> float:
    """Return the seconds after which a worker is forgotten; one that vanished may come back (a sleeping machine)."""
    return _FORGET_DISCONNECTED_SECS if life.disconnected else _FORGET_OVER_SECS


def _is_history(life: Life, sender: Sender) -> bool:
    """Return whether this life was another sender of the same name."""
    is_older = life.status is not None and life.status.time_unix_nanos < sender.started_unix_nanos
    return is_older if life.sender is None else life.sender is not sender
