"""This module says whether an experiment may send to a bridge, and believe what comes from there.

Used by `bridge_link`. On one machine only a program of this user, or of root, may be the bridge: while no bridge runs,
each user of the machine could listen at its port, read the run and command it. Where the connection is encrypted, and
where this system cannot tell, nobody is turned away.
"""

from __future__ import annotations

import os
import socket
from typing import Optional, Tuple

from monty_mqtt.wire import local_users
from monty_mqtt.wire.bridge_address import BridgeAddress

__all__ = ["Access"]

_ENVIRONMENT = "MONTY_MQTT_BRIDGE_ZMQ_USERS"
_ANY_USER = "any"
_LOOK_AGAIN_SECS = 1.0
"""How often it looks again where it may not send: it may be invited, or its own bridge may listen, meanwhile."""


class Access:
    """Access is of one connection after the other.

    Attributes:
        shut_out: Why nothing may be sent; empty while something may.
    """

    def __init__(self) -> None:
        self.shut_out = ""
        self._again_at = 0.0
        self._believed: Optional[Tuple[int, int]] = None

    def shut(self, now: float, why: str) -> None:
        """Send nothing until the next connection, which is tried a second later."""
        self._again_at, self.shut_out = now + _LOOK_AGAIN_SECS, self.shut_out or why

    def turned_away(self, now: float, bridge: BridgeAddress) -> None:
        """Shut because ZMQ has given up the connection."""
        encrypts = "the bridge there encrypts: its address needs ?key="
        self.shut(now, "the bridge does not know this client's key" if bridge.server_key else encrypts)

    def begin_again(self) -> None:
        """Allow sending on a new connection."""
        self.shut_out, self._believed = "", None

    def waits(self, now: float) -> bool:
        """Return whether it is too early to look again."""
        return bool(self.shut_out) and now < self._again_at

    def may_send(self, bridge: BridgeAddress, now: float) -> bool:
        """Return whether nobody listens there, or who may; else shut."""
        user = local_users.listener(bridge.host, bridge.port) if is_guarded(bridge) else None
        return self._allows(user, now)

    def may_believe(self, bridge: BridgeAddress, descriptor: int, now: float) -> bool:
        """Return whether an answer that a connection brought is of a bridge that may send it; if not, perhaps shut.

        Args:
            bridge: Where the connection should end.
            descriptor: File descriptor of the connection.
            now: Monotonic seconds.
        """
        if not is_guarded(bridge):
            return True
        try:
            with socket.socket(fileno=os.dup(descriptor)) as connection:
                if connection.family not in (socket.AF_INET, socket.AF_INET6):  # the connection is gone
                    return False
                place = (descriptor, connection.getsockname()[1])
                if place == self._believed:
                    return True
                user = local_users.owner(connection)
        except OSError:
            return False
        except LookupError:  # its port is a container's
            user = os.geteuid()
        if user is None or not self._allows(user, now):
            return False
        self._believed = place
        return True

    def _allows(self, user: Optional[int], now: float) -> bool:
        if user is None or local_users.is_own(user):
            return True
        self.shut(now, f"user {user} listens there; {_ENVIRONMENT}={_ANY_USER} lets any user run the bridge")
        return False


def is_guarded(bridge: BridgeAddress) -> bool:
    """Return whether only this user's or root's program may be this bridge."""
    is_open = bridge.server_key or os.environ.get(_ENVIRONMENT) == _ANY_USER
    return not is_open and local_users.can_tell(bridge.host)
