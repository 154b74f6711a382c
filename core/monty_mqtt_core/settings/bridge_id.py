"""This module gives each bridge an id of its own where the user gives none.

Called by the bridge's settings, and by the stack, which starts a bridge for a state directory.
"""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path

__all__ = ["default_bridge_id"]

_DIGITS = 6


def default_bridge_id(state_dir: Path) -> str:
    """Return `<host>-<6 hex digits>`; the digits are of the state directory's path, so that they stay the same."""
    path = str(state_dir.expanduser().absolute())
    return f"{socket.gethostname()}-{hashlib.sha256(path.encode()).hexdigest()[:_DIGITS]}"
