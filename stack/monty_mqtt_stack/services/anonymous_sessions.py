"""Removes the sessions that anonymous clients leave behind at our broker: each is a queue without a limit.

Started by `supervisor` beside Mosquitto, whose log says which client connected, how, and when it left. Mosquitto's own
limits apply to all clients alike, so they would also limit Telegraf and the page, which log in.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Dict, Iterator

from monty_mqtt_core.reading.mqtt_client import BrokerAddress, forget_session
from monty_mqtt_stack.processes.repeating_task import RepeatingTask

__all__ = ["AnonymousSessions"]

_GRACE_SECS = 60.0
"""Seconds that an anonymous client may be away and still receive, on its return, what was published meanwhile."""

_EVERY_SECS = 1.0
_STOP_SECS = 10.0
_CAME = re.compile(
    r"New client connected from \S+ as (?P<id>.+) \(p(?P<version>\d), c(?P<clean>\d), k\d+(?P<user>, u'.*')?\)\.$"
)
_WENT = re.compile(r"Client (?P<id>.+) (?:closed its connection|disconnected|has exceeded timeout)\b[^']*$")
_VERSION_5 = "5"


class AnonymousSessions(RepeatingTask):
    """Removes abandoned sessions in a thread, from `__enter__` to `__exit__`.

    Args:
        log_file: Log file of the broker.
        log_start: Offset in bytes at which this broker's lines begin.
        broker: Address of the broker.
        grace_secs: How long a session stays after its client has left, in seconds.

    Attributes:
        removed: How many sessions were removed.
    """

    def __init__(
        self, log_file: Path, log_start: int, broker: BrokerAddress, *, grace_secs: float = _GRACE_SECS
    ) -> None:
        super().__init__("anonymous sessions", every_secs=min(_EVERY_SECS, grace_secs), stop_secs=_STOP_SECS)
        self._log_file, self._position, self._broker, self._grace_secs = log_file, log_start, broker, grace_secs
        self._here: set[str] = set()
        self._left: Dict[str, float] = {}
        self.removed = 0

    def turn(self) -> None:
        """Read what the broker has logged, and remove the sessions whose clients have been away long enough."""
        for line in self._new_lines():
            self._note(line)
        now = time.monotonic()
        for client_id in [client_id for client_id, since in self._left.items() if now - since >= self._grace_secs]:
            if self._stop.is_set() or not forget_session(self._broker, client_id):
                break
            del self._left[client_id]
            self.removed += 1

    def _new_lines(self) -> Iterator[str]:
        try:
            with self._log_file.open("rb") as log:
                log.seek(self._position)
                written = log.read()
        except OSError:
            return
        whole = written[: written.rfind(b"\n") + 1]
        self._position += len(whole)
        yield from whole.decode("utf-8", "replace").splitlines()

    def _note(self, line: str) -> None:
        if came := _CAME.search(line):
            client_id = came["id"]
            self._left.pop(client_id, None)
            self._here.discard(client_id)
            # In MQTT 5 a session with a clean start may outlive its connection, too.
            if not came["user"] and (came["clean"] == "0" or came["version"] == _VERSION_5):
                self._here.add(client_id)
        elif (went := _WENT.search(line)) and went["id"] in self._here:
            self._here.discard(went["id"])
            self._left[went["id"]] = time.monotonic()
