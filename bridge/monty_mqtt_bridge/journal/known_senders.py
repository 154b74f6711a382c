"""This module finds senders in the journal: those that have sent a HELLO, and those that may go on after a restart.

Called by `senders` for a sender that says hello, and by `recall` for those to remember; `journal` writes them.
"""

from __future__ import annotations

from collections.abc import Callable

from monty_mqtt_bridge.journal.database import JournalDatabase
from monty_mqtt_bridge.journal.rows import sender_of
from monty_mqtt_bridge.receive.sender import Key, Sender
from monty_mqtt_bridge.receive.senders import Senders

__all__ = ["KnownSenders"]

_OF_ONE_NAME = 100
"""Number of senders with one name that are searched, the newest first."""

_NEWEST = "SELECT max(id) FROM senders WHERE real"


class KnownSenders:
    """KnownSenders are the senders in the journal's file. It lives in one thread.

    Args:
        database: The journal's file.
        clock: Monotonic seconds.

    Attributes:
        senders: The senders that are in memory.
    """

    def __init__(self, database: JournalDatabase, clock: Callable[[], float]) -> None:
        self._database, self._clock = database, clock
        ((last_id,),) = database.rows("SELECT coalesce(max(id), 0) FROM senders")
        self.senders = Senders(self._find, last_id)

    def of(self, number: int) -> Sender | None:
        """Return the sender with this number, and load it into memory."""
        if number not in self.senders.by_id:
            for stored in self._database.rows("SELECT * FROM senders WHERE id = ?", number):
                sender = sender_of(stored)
                sender.gone_at = self._clock()
                self.senders.add(sender)
        return self.senders.by_id.get(number)

    def newest(self, key: Key) -> Sender | None:
        """Return the last sender of this name that was an experiment, and load it into memory."""
        ((number,),) = self._database.rows(f"{_NEWEST} AND run = ? AND worker = ?", *key) or ((None,),)
        return None if number is None else self.of(number)

    def unfinished(self, since_unix_nanos: int, fed: int) -> list[Sender]:
        """Return the newest sender of each name that may send more, and load them into memory.

        Such a sender has not ended and was active since `since_unix_nanos`; or a row of it waits behind the row `fed`.
        """
        may_go_on = "(NOT ended AND heard_unix_nanos > ?) OR last_row > ?"
        query = f"SELECT id FROM senders WHERE id IN ({_NEWEST} GROUP BY run, worker) AND ({may_go_on})"  # noqa: S608
        senders = [self.of(number) for (number,) in self._database.rows(query, since_unix_nanos, fed)]
        return [sender for sender in senders if sender is not None]

    def _find(self, key: Key, *, published: bool) -> list[Sender]:
        name = "worker" if published else "said"
        query = f"SELECT * FROM senders WHERE run = ? AND {name} = ? ORDER BY id DESC LIMIT ?"  # noqa: S608
        rows = self._database.rows(query, *key, _OF_ONE_NAME)
        return [sender_of(stored) for stored in rows if stored["id"] not in self.senders.by_id]
