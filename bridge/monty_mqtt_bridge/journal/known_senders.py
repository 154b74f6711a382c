"""This module finds senders in the journal: who said hello once, and who may go on after a restart.

Place in the flow: `journal` writes them; `senders` asks here who says hello, `pipeline` whom it has to remember.
"""

from __future__ import annotations

from collections.abc import Callable

from monty_mqtt_bridge.journal.journal_store import Store
from monty_mqtt_bridge.journal.rows import worker_of
from monty_mqtt_bridge.receive.senders import Key, Worker, Workers

__all__ = ["Senders"]

_OF_ONE_NAME = 100
"""So many senders of a name are looked through, the newest first."""

_NEWEST = "SELECT max(id) FROM senders WHERE real"


class Senders:
    """The senders in the journal's file. Lives in one thread.

    Args:
        store: The file.
        clock: Monotonic seconds.

    Attributes:
        workers: Those that are at hand.
    """

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store, self._clock = store, clock
        ((last_id,),) = store.rows("SELECT coalesce(max(id), 0) FROM senders")
        self.workers = Workers(self._find, last_id)

    def of(self, number: int) -> Worker | None:
        """Return the sender of this number, and have it at hand."""
        if number not in self.workers.by_id:
            for found in self._store.rows("SELECT * FROM senders WHERE id = ?", number):
                worker = worker_of(found)
                worker.gone_at = self._clock()
                self.workers.add(worker)
        return self.workers.by_id.get(number)

    def newest(self, key: Key) -> Worker | None:
        """Return the last sender of this name that was an experiment, and have it at hand."""
        found = self._store.rows(f"{_NEWEST} AND run = ? AND worker = ?", *key)
        return self.of(found[0][0]) if found else None

    def unfinished(self, since_unix_nanos: int, fed: int) -> list[Worker]:
        """Return the newest sender of each name of which more may come, and have them at hand.

        It has not ended and was heard since; or something of it waits behind the row `fed`, be it the last.
        """
        may_go_on = "(NOT ended AND heard_unix_nanos > ?) OR last_row > ?"
        query = f"SELECT id FROM senders WHERE id IN ({_NEWEST} GROUP BY run, worker) AND ({may_go_on})"  # noqa: S608
        workers = [self.of(one) for (one,) in self._store.rows(query, since_unix_nanos, fed)]
        return [worker for worker in workers if worker is not None]

    def _find(self, key: Key, *, published: bool) -> list[Worker]:
        name = "worker" if published else "said"
        query = f"SELECT * FROM senders WHERE run = ? AND {name} = ? ORDER BY id DESC LIMIT ?"  # noqa: S608
        rows = self._store.rows(query, *key, _OF_ONE_NAME)
        return [worker_of(found) for found in rows if found[0] not in self.workers.by_id]
