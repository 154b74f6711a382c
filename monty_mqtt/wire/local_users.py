"""This module knows which user's process is at the other end of a connection on this machine.

Used at both ends of the ZMQ hop: loopback is no wall between the users of one machine. Linux lists in /proc/net who
owns each TCP connection, and who listens. A look takes 0.1 to 6 ms.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Tuple, Union

__all__ = ["can_tell", "is_own", "listener", "owner"]

Address = Union[Tuple[str, int], Tuple[str, int, int, int]]

_TABLES: Dict[int, Path] = {socket.AF_INET: Path("/proc/net/tcp"), socket.AF_INET6: Path("/proc/net/tcp6")}
_LISTENS = "0A"
_LIVE = {"01", "08"}
"""States of a connection that still has its owner: ESTABLISHED and CLOSE_WAIT. Later ones are listed as root's."""

_MAPPED = "::ffff:"
_WORD_BYTES = 4
_ROOT = 0
_IPV4_HERE = ("127.0.0.1", "0.0.0.0", "::ffff:127.0.0.1", "::")  # noqa: S104 - nothing listens on it here
_HERE = {"127.0.0.1": _IPV4_HERE, "localhost": _IPV4_HERE, "::1": ("::1", "::")}
"""Addresses that take a connection to a host; the first that is listened on gets it."""


def can_tell(host: str) -> bool:
    """Return whether this system says whose program is at a host: Linux, of this machine's loopback."""
    return host in _HERE and _TABLES[socket.AF_INET].exists()


def is_own(user: int) -> bool:
    """Return whether a user id is this user's, or root's."""
    return user in (os.geteuid(), _ROOT)


def listener(host: str, port: int) -> Optional[int]:
    """Return the user id of the program that listens there; None if nobody does, or nobody can tell."""
    listeners: Dict[str, int] = {}
    for family in _TABLES:
        listeners.update((fields[1], int(fields[7])) for fields in _rows(family) if fields[3] == _LISTENS)
    places = (_listed((place, port)) for place in _HERE.get(host, ()))
    return next((listeners[place] for place in places if place in listeners), None)


def owner(connection: socket.socket) -> Optional[int]:
    """Return the user id of the process at the other end; None if there is none any more.

    Raises:
        OSError: There is no connection any more.
        LookupError: It is not on this machine, or in another network namespace.
    """
    peer = connection.getpeername()
    for (family, theirs), (_, ours) in zip(_forms(peer), _forms(connection.getsockname())):
        for fields in _rows(family):
            if fields[1:3] == [theirs, ours]:
                return int(fields[7]) if fields[3] in _LIVE else None
    raise LookupError(peer)


def _forms(address: Address) -> Iterator[Tuple[int, str]]:
    """Yield an address as each table lists it: a socket for IPv6 may be at the other end of one for IPv4."""
    host, port = address[0].partition("%")[0], address[1]
    plain = host[len(_MAPPED) :] if host.startswith(_MAPPED) else host
    if ":" in plain:
        yield socket.AF_INET6, _listed((plain, port))
    else:
        yield socket.AF_INET, _listed((plain, port))
        yield socket.AF_INET6, _listed((_MAPPED + plain, port))


def _rows(family: int) -> Iterator[List[str]]:
    with suppress(OSError), _TABLES[family].open() as lines:
        for line in lines:
            yield line.split()


def _listed(address: Tuple[str, int]) -> str:
    """Return an address as /proc/net lists it: each four bytes of it as a number in this machine's byte order."""
    packed = socket.inet_pton(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, address[0])
    words = (packed[start : start + _WORD_BYTES] for start in range(0, len(packed), _WORD_BYTES))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words) + f":{address[1]:04X}"
