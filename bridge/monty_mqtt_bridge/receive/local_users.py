"""This module knows which user's process is at the other end of a connection on this machine.

Called by `router` for each HELLO that is not encrypted. Loopback is no wall between the users of one machine: each
could publish what looks like another's run. Linux lists the owner of each TCP connection in /proc/net; elsewhere nobody
is refused.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

__all__ = ["may_send", "owner"]

_TABLES = {socket.AF_INET: Path("/proc/net/tcp"), socket.AF_INET6: Path("/proc/net/tcp6")}
_LIVE = {"01", "08"}
"""States of a connection that still has its owner: ESTABLISHED and CLOSE_WAIT. Later ones are listed as root's."""

_WORD_BYTES = 4
_ROOT = 0


def may_send(descriptor: int) -> bool:
    """Return whether the process at the other end is of this user, or of root; True where nobody can tell."""
    if not all(table.exists() for table in _TABLES.values()):
        return True
    try:
        with socket.socket(fileno=os.dup(descriptor)) as connection:
            return owner(connection) in (os.geteuid(), _ROOT)
    except OSError:  # it is gone already, and so is its owner
        return False


def owner(connection: socket.socket) -> int | None:
    """Return the user id of the process at the other end; None if there is none any more."""
    theirs, ours = _listed(connection.getpeername()), _listed(connection.getsockname())
    for line in _TABLES[connection.family].read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1:3] == [theirs, ours] and fields[3] in _LIVE:
            return int(fields[7])
    return None


def _listed(address: tuple[str, int] | tuple[str, int, int, int]) -> str:
    """Return an address as /proc/net lists it: each four bytes of it as a number in this machine's byte order."""
    host = address[0].partition("%")[0]
    packed = socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    words = (packed[start : start + _WORD_BYTES] for start in range(0, len(packed), _WORD_BYTES))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words) + f":{address[1]:04X}"
