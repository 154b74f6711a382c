"""This module knows whose program listens at the port of this machine that an experiment is about to send to.

Called by `bridge_link` before it sends a HELLO or PROBE, and when a bridge greets it or passes on a command. Loopback
is no wall between the users of one machine: while no bridge runs, each of them could listen at its port, read the run
and command it. Linux lists who listens in /proc/net. Elsewhere, and where the connection is encrypted, nobody is turned
away.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Dict, Iterable, Iterator, Optional, Tuple

from monty_mqtt.wire.bridge_address import BridgeAddress

__all__ = ["Access", "stranger_at"]

_ENVIRONMENT = "MONTY_MQTT_BRIDGE_ZMQ_USERS"
_ANY_USER = "any"
_LOOK_AGAIN_SECS = 1.0
"""How often it looks again where it may not send: it may be invited, or its own bridge may listen, meanwhile."""

_ROOT = 0
_LISTENS = "0A"
_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_EVERY_IPV6 = 32 * "0"
_EVERY_IPV4 = "00000000"
_IPV4_HERE = ("0100007F", _EVERY_IPV4, "0000000000000000FFFF00000100007F", _EVERY_IPV6)
_PLACES = {"127.0.0.1": _IPV4_HERE, "localhost": _IPV4_HERE, "::1": (24 * "0" + "01000000", _EVERY_IPV6)}
"""Addresses that take a connection to a host, as /proc/net writes them; the first that is listened on gets it."""


class Access:
    """Access says whether anything may be sent to the bridge that was chosen.

    Attributes:
        shut_out: Why nothing may be sent; empty while something may.
        is_unknown: Whether nobody listened at the last look, so that it is not known who will.
    """

    def __init__(self) -> None:
        self.shut_out = ""
        self.is_unknown = False
        self._again_at = 0.0

    def shut(self, now: float, why: str) -> None:
        """Send nothing until the next connection, which is tried a second later."""
        self._again_at, self.shut_out = now + _LOOK_AGAIN_SECS, self.shut_out or why

    def begin_again(self) -> None:
        """Allow sending on a new connection."""
        self.shut_out = ""

    def waits(self, now: float) -> bool:
        """Return whether it is too early to look again."""
        return bool(self.shut_out) and now < self._again_at

    def is_for_a_stranger(self, bridge: BridgeAddress, now: float) -> bool:
        """Return whether another user's program listens there; if so, shut. A look takes 0.1 to 4 ms."""
        self.is_unknown = False
        if not _is_guarded(bridge):
            return False
        owner = _owner_at(bridge)
        self.is_unknown = owner is None
        if owner is None or _is_own(owner):
            return False
        self.shut(now, f"user {owner} listens there; {_ENVIRONMENT}={_ANY_USER} lets any user run the bridge")
        return True


def stranger_at(bridge: BridgeAddress) -> Optional[int]:
    """Return the id of the user whose program listens there; None if it is this user or root, or nobody can tell."""
    owner = _owner_at(bridge) if _is_guarded(bridge) else None
    return None if owner is None or _is_own(owner) else owner


def _is_own(user: int) -> bool:
    return user in (_ROOT, os.geteuid())


def _is_guarded(bridge: BridgeAddress) -> bool:
    """Return whether only this user's or root's program may be the bridge: on this machine, and not encrypted."""
    is_plain_here = bridge.host in _PLACES and not bridge.server_key
    return is_plain_here and os.environ.get(_ENVIRONMENT) != _ANY_USER and os.path.exists(_TABLES[0])  # noqa: PTH110


def _owner_at(bridge: BridgeAddress) -> Optional[int]:
    """Return the id of the user whose program listens there; None if nobody does, or this system does not say."""
    listeners: Dict[str, int] = {}
    for table in _TABLES:
        with suppress(OSError), open(table) as lines:  # noqa: PTH123 - the experiment's process need not import pathlib
            listeners.update(_listeners(lines, bridge.port))
    return next((listeners[place] for place in _PLACES[bridge.host] if place in listeners), None)


def _listeners(lines: Iterable[str], port: int) -> Iterator[Tuple[str, int]]:
    """Yield each address on which a program listens at a port, and its user's id; `lines`: a table of Linux."""
    for line in lines:
        fields = line.split()
        address, _, listed_port = fields[1].partition(":")
        if fields[3] == _LISTENS and listed_port == f"{port:04X}":
            yield address, int(fields[7])
