"""This module keeps a process's broadcasters correct through fork, spawn and exit.

Called by `broadcaster`, which registers here.

A forked child must not touch its parent's sockets and locks. A pickled broadcaster must become one and the same object
each time it arrives in a process: a pool sends it with every task, and each new object would count from 0 under the
same name. And a process that ends without `close` must still hand over what it published.
"""

from __future__ import annotations

import atexit
import os
import sys
import weakref
from typing import Callable, Dict, List, Protocol, TypeVar, cast

__all__ = ["Living", "forget", "hold", "know", "revive"]


class Living(Protocol):
    """Living lists what this module needs of a broadcaster."""

    token: str

    def become_child(self) -> List[object]:
        """Start anew in a forked child; return the parent's objects."""

    def close_at_exit(self) -> None:
        """Hand over the messages that are left, and close."""


_L = TypeVar("_L", bound=Living)
_known: weakref.WeakValueDictionary[str, Living] = weakref.WeakValueDictionary()
_held: Dict[str, Living] = {}
_abandoned: List[object] = []


def know(living: Living) -> None:
    """Remember a broadcaster for `revive` and fork, as long as another object holds it."""
    _known[living.token] = living


def hold(living: Living) -> None:
    """Keep a broadcaster until `forget`: it has a socket and messages, even if the user's code has dropped it."""
    _held[living.token] = living
    _close_with_process()


def forget(living: Living) -> None:
    """Remove a broadcaster, because it is closed."""
    _held.pop(living.token, None)
    _known.pop(living.token, None)


def revive(token: str, make: Callable[[], _L]) -> _L:
    """Return this process's broadcaster with that token; if there is none, make it with `make`."""
    living = _known.get(token)
    if living is None:
        living = make()
        know(living)
        _held[token] = living
    return cast(_L, living)


def _close_all() -> None:
    for living in list(_held.values()):
        living.close_at_exit()


def _after_fork_in_child() -> None:
    for living in list(_known.values()):
        _abandoned.extend(living.become_child())
    _held.clear()


def _close_with_process() -> None:
    """Register with multiprocessing: its children skip atexit, start without finalizers, and run only their own."""
    process, util = (sys.modules.get(f"multiprocessing.{name}") for name in ("process", "util"))
    if process is None or util is None:  # no import here: a child of it has both, and another thread may be importing
        return
    if process.parent_process() is not None and _finalizing.get("pid") != os.getpid():
        _finalizing["pid"] = os.getpid()
        util.Finalize(None, _close_all, exitpriority=100)


_finalizing: Dict[str, int] = {}
atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
