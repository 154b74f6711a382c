"""Listens to the broker in a thread, and sends a notification once for each occasion.

Called by `up`. The thread is beside everything else: a receiver that hangs or refuses holds up other notifications, at
most for a minute each, and nothing else.
"""

from __future__ import annotations

import time
from typing import Callable, Iterable, Sequence
from urllib.parse import quote

from monty_mqtt.errors import ServiceError
from monty_mqtt.terminal_text import one_line
from monty_mqtt.wire import topics
from monty_mqtt_core.reading.mqtt_client import BrokerAddress, Subscriber, retained
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.notify.occasions import KINDS, Occasion, Occasions
from monty_mqtt_stack.notify.receiver import Notice, Receiver
from monty_mqtt_stack.notify.sent_before import SentBefore
from monty_mqtt_stack.processes.repeating_task import RepeatingTask

__all__ = ["Notifications"]

_FILTERS = [f"{topics.JSON_PREFIX}/+/+/{kind}" for kind in KINDS]
_LOOK_SECS, _AGAIN_SECS, _STOP_SECS = 0.5, 5.0, 3.0
_PAUSES_SECS = (0.0, 2.0, 10.0)
"""Pause before each attempt to send a notification; after the last one it is given up."""

_LATE_SECS = 86_400.0
"""What happened longer ago, while nobody listened, is no news any more."""

_LONGEST = 200
"""Characters of a name or an error in a notification; services have bounds of their own for the whole."""

_TITLES = {
    "finished": ("success", "has finished"),
    "failed": ("failure", "has failed"),
    "stalled": ("warning", "is stalled"),
    "disconnected": ("failure", "is disconnected"),
    "first failed episode": ("warning", "has its first failed episode"),
}


class Notifications(RepeatingTask):
    """Sends notifications from `__enter__` to `__exit__`.

    Args:
        state: State directory, which remembers what was sent.
        broker: The broker to listen to.
        page_url: Address of the page; empty without one, and then there are no links.
        receivers: Who is notified.
        say: Receives a line for each notification that could not be sent; called from the thread.
    """

    def __init__(
        self,
        state: StateDir,
        broker: BrokerAddress,
        page_url: str,
        receivers: Sequence[Receiver],
        say: Callable[[str], None],
    ) -> None:
        super().__init__("notifications", every_secs=0.0, stop_secs=_STOP_SECS)
        self._state, self._broker, self._page_url = state, broker, page_url
        self._receivers, self._say = receivers, say

    def turn(self) -> None:
        """Listen until the end; return early if the broker does not answer."""
        self._every_secs = _AGAIN_SECS
        try:
            with Subscriber(self._broker, _FILTERS) as subscriber:
                self._listen(subscriber)
        except ServiceError as error:
            self._say(f"notifications: {error}; trying again in {_AGAIN_SECS:g} s")

    def _listen(self, subscriber: Subscriber) -> None:
        occasions, sent = Occasions(), SentBefore(self._state)
        for kept in retained(self._broker, _FILTERS):
            occasions.apply(kept)
        if sent.is_new:  # what happened before notifications were first asked for is known
            self._note(sent, occasions.all)
        self._settle(sent, occasions.all)
        while not self._stop.is_set():
            arrived = subscriber.get(_LOOK_SECS)
            if arrived is not None:
                self._settle(sent, occasions.apply(arrived))

    def _settle(self, sent: SentBefore, occasions: Iterable[Occasion]) -> None:
        for occasion in occasions:
            if occasion in sent or self._stop.is_set():
                continue
            is_news = occasion.time_unix_nanos / 1e9 > time.time() - _LATE_SECS
            if not is_news or self._is_done_with(occasion):
                self._note(sent, [occasion])

    def _note(self, sent: SentBefore, occasions: Sequence[Occasion]) -> None:
        try:
            sent.note(*occasions)
        except ServiceError as error:
            self._say(f"notifications: {error}")

    def _is_done_with(self, occasion: Occasion) -> bool:
        """Send a notification; return False if the program ends before everybody has it or is given up."""
        notice = self._notice(occasion)
        left = list(self._receivers)
        for pause_secs in _PAUSES_SECS:
            if self._stop.wait(pause_secs):
                return False
            left = [receiver for receiver in left if not receiver.send(notice)]
            if not left:
                return True
        attempts = len(_PAUSES_SECS)
        self._say(f"notifications: {_names(left)} did not take {notice.title!r}; given up after {attempts} attempts")
        return True

    def _notice(self, occasion: Occasion) -> Notice:
        kind, words = _TITLES[occasion.word]
        link = f"{self._page_url}/run/{_level(occasion.run)}" if self._page_url else ""
        body = "\n".join(filter(None, [_short(occasion.detail), link]))
        return Notice(kind, f"{_short(occasion.run)} {words}", body)


def _names(receivers: Sequence[Receiver]) -> str:
    return ", ".join(receiver.name for receiver in receivers)


def _short(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _level(run: str) -> str:
    return quote(topics.escape(run), safe="", errors="surrogatepass")
