"""This module makes the ids of new runs: unique and readable.

Place in the flow: `settings` makes one of the name that a broadcaster is given, `run_identity` one for an experiment,
the stack one for what it starts or plays again.
"""

from __future__ import annotations

import os
import time

__all__ = ["new_ending", "new_run_id"]


def new_ending() -> str:
    """Return `<UTC time>-<4 hex>`, with which the ids of runs that begin now can end."""
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.urandom(2).hex()}"


def new_run_id(name: str) -> str:
    """Return `<name>-<UTC time>-<4 hex>`."""
    return f"{name}-{new_ending()}"
