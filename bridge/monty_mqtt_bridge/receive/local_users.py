"""This module says whether a process of this machine may send without a key: one of this user's, or of root's.

Called by `router` for each HELLO that is not encrypted. Each user of the machine could publish what looks like
another's run. Where this system cannot tell, nobody is refused.
"""

from __future__ import annotations

import os
import socket

from monty_mqtt.wire.local_users import can_tell, is_own, owner

__all__ = ["may_send"]


def may_send(descriptor: int) -> bool:
    """Return whether the process at the other end is of this user, or of root; True where nobody can tell."""
    if not can_tell("127.0.0.1"):
        return True
    try:
        with socket.socket(fileno=os.dup(descriptor)) as connection:
            user = owner(connection)
    except (OSError, LookupError):  # it is gone already, and so is its owner
        return False
    return user is not None and is_own(user)
