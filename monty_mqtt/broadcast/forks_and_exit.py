"""Which broadcasters this process has, through fork, spawn and exit.

Place in the flow: `broadcaster` registers here. A forked child must not touch its parent's sockets and locks; a pickled
broadcaster must be one and the same each time it arrives in a process (a pool sends it along with every task, and
each new one would count from 0 under the same name); and a process that ends without `close` must still hand over what
it published.
"""

from __future__ import annotations

import atexit
import os
import sys
import weakref
from typing import Callable, Dict, List, Protocol, TypeVar, cast

__all__ = ["Living", "forget", "hold", "know", "revive"]


class Living(Protocol):
    """What this module needs of a broadcaster."""

    token: str

    def become_child(self) -> List[object]:
        """Start anew in a forked child; return what belongs to the parent."""

    def close_at_exit(self) -> None:
        """Hand over what is there and close."""


_L = TypeVar("_L", bound=Living)
_known: weakref.WeakValueDictionary[str, Living] = weakref.WeakValueDictionary()
_held: Dict[str, Living] = {}
_abandoned: List[object] = []


def know(living: Living) -> None:
    """Remember it for `revive` and fork, as long as somebody else holds it."""
    _known[living.token] = living


def hold(living: Living) -> None:
    """Keep it until `forget`: it has a socket, and its messages count though nobody refers to it any more."""
    _held[living.token] = living
    _close_with_process()


def forget(living: Living) -> None:
    """It is closed."""
    _held.pop(living.token, None)
    _known.pop(living.token, None)


def revive(token: str, make: Callable[[], _L]) -> _L:
    """Return this process's broadcaster of that token; `make` it where there is none."""
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
    """Children of multiprocessing skip atexit and run its finalizers instead, of which each starts with none."""
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
