"""This module holds the workers that sent a HELLO, and finds the one that sends the next.

Called by `acceptance` for each HELLO; `journal` writes the changes, and `known_senders` loads workers that are not in
memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from monty_mqtt.wire.zmq_protocol import Hello
from monty_mqtt_bridge.receive.sender import Key, Sender

__all__ = ["FindSenders", "Senders"]


def _nothing(_key: Key, *, published: bool) -> list[Sender]:  # noqa: ARG001 - has the signature of the journal's search
    return []


class FindSenders(Protocol):
    """FindSenders searches for workers that are not in memory, newest first, by their own or their published name."""

    def __call__(self, key: Key, /, *, published: bool) -> list[Sender]:
        """Return the workers that were found."""


class Senders:
    """Senders holds all workers that are in memory.

    Args:
        find: Searches for those that are not.
        last_id: The greatest worker number so far.

    Attributes:
        newest: The experiment published under each name; of older journals, which have several per name, the last.
        by_id: All workers, by their number.
        changed: Workers that the journal must write.
        retained: Names under which the broker has retained a status of this bridge.
    """

    def __init__(self, find: FindSenders = _nothing, last_id: int = 0) -> None:
        self._find = find
        self._last_id = last_id
        self._by_own_key: dict[Key, list[Sender]] = {}
        self._by_key: dict[Key, list[Sender]] = {}
        self.newest: dict[Key, Sender] = {}
        self.by_id: dict[int, Sender] = {}
        self.changed: set[Sender] = set()
        self.retained: set[Key] = set()

    def of(self, hello: Hello) -> tuple[Sender, bool]:
        """Return the worker that sends a HELLO, and whether its life begins with it.

        A new worker is not written before a message of it was accepted: HELLOs alone must not fill memory or disk.
        """
        candidates = self._candidates(hello)
        sender = _restored(hello, candidates) if hello.replayed else _itself(hello, candidates)
        is_new = sender is None
        if sender is None:
            sender = _begun(hello, candidates)
            self._last_id = sender.id = self._last_id + 1
        else:
            self.changed.add(sender)
        begins = not hello.replayed and (sender.begins or is_new or not sender.real)
        sender.real = sender.real or not hello.replayed
        sender.begins = begins
        sender.restoring = hello.replayed
        self.add(sender)
        return sender, begins

    def add(self, sender: Sender) -> None:
        """Keep a worker in memory."""
        if sender.id not in self.by_id:
            self.by_id[sender.id] = sender
            self._by_own_key.setdefault(sender.own_key, []).insert(0, sender)
        if not sender.is_named:
            return
        named = self._by_key.setdefault(sender.key, [])
        if sender not in named:
            named.insert(0, sender)
        if sender.real and not sender.restoring:
            self.newest[sender.key] = sender

    def had(self, key: Key) -> list[Sender]:
        """Return the workers that were published under a name."""
        return [*self._by_key.get(key, ()), *self._find(key, published=True)]

    def connected(self, hello: Hello) -> list[Sender]:
        """Return the connected experiments that send themselves what this HELLO would restore."""
        key = (hello.run, hello.worker)
        if not hello.started_unix_nanos:
            same = self._by_key.get(key, [])
        else:
            started, named = hello.started_unix_nanos, self._by_own_key.get(key, ())
            same = [sender for sender in named if sender.started_unix_nanos == started]
        return [sender for sender in same if sender.real and sender.route is not None and not sender.restoring]

    def forget(self, sender: Sender) -> None:
        """Remove a worker from memory; the journal still has it, if a message of it was accepted."""
        if self.by_id.pop(sender.id, None) is None:
            return
        _take_out(self._by_own_key, sender.own_key, sender)
        if sender.is_named:
            _take_out(self._by_key, sender.key, sender)
        if self.newest.get(sender.key) is sender:
            del self.newest[sender.key]

    def forget_run(self, run: str) -> None:
        """Remove a run's workers from memory, except those that are connected; the journal has forgotten the run."""
        of_run = [sender for sender in self.by_id.values() if sender.run == run]
        for sender in [sender for sender in of_run if sender.route is None]:
            self.forget(sender)
            self.changed.discard(sender)
        self.retained = {key for key in self.retained if key[0] != run}

    def _candidates(self, hello: Hello) -> list[Sender]:
        """Return the workers that may be the sender of this HELLO. Only a recording uses the published name."""
        key, published = (hello.run, hello.worker), not hello.started_unix_nanos
        at_hand = (self._by_key if published else self._by_own_key).get(key, ())
        return [*at_hand, *self._find(key, published=published)]


def _take_out(named: dict[Key, list[Sender]], key: Key, sender: Sender) -> None:
    named[key].remove(sender)
    if not named[key]:
        del named[key]


def _itself(hello: Hello, candidates: Iterable[Sender]) -> Sender | None:
    """Return the sender of a repeated HELLO; one that was known only from a replay is an experiment after all."""
    same = [candidate for candidate in candidates if candidate.is_again(hello)]
    return next((candidate for candidate in same if candidate.real), same[0] if same else None)


def _restored(hello: Hello, candidates: Iterable[Sender]) -> Sender | None:
    """Return the worker whose messages are restored.

    A program that knows the token continues the sender itself, if that lacks nothing of the file. Any other program
    continues only what was restored before: a recording, or a program that claims to be one, never changes the position
    of an experiment.
    """
    is_recording = not hello.started_unix_nanos
    same = [candidate for candidate in candidates if candidate.is_again(hello) or (is_recording and not candidate.real)]
    continued = [candidate for candidate in same if candidate.real and candidate.has_all_from(hello.base)]
    return next(iter([*continued, *(candidate for candidate in same if not candidate.real)]), None)


def _begun(hello: Hello, candidates: Iterable[Sender]) -> Sender:
    """Return a new sender. A recording has no token: the last experiment of its name has sent the same messages."""
    sender = Sender(hello)
    last = next((candidate for candidate in candidates if candidate.real), None)
    if last is not None and hello.replayed and not hello.started_unix_nanos and hello.base >= last.whole_from:
        sender.next = sender.safe = max(last.next, hello.base)
        sender.bulk_next = max(last.bulk_next, hello.bulk_base)
        sender.fed_seq = sender.next - 1
    return sender
