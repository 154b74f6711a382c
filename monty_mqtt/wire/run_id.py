"""This module makes the ids of new runs: unique and readable.

Called by `settings` for a broadcaster's run name, by `monitored_task` for an experiment, and by the stack for a run
that it starts or plays again.
"""

from __future__ import annotations

import os
import time

__all__ = ["new_ending", "new_run_id"]


def new_ending() -> str:
    """Return `<UTC time>-<4 hex>`, an ending for the ids of runs that begin now."""
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.urandom(2).hex()}"


def new_run_id(name: str) -> str:
    """Return `<name>-<UTC time>-<4 hex>`."""
    return f"{name}-{new_ending()}"
