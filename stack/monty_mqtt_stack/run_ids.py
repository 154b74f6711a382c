"""Ids for new runs: unique and readable.

Place in the flow: `experiment` names what it starts, `replay_stage` what it plays again.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timezone

__all__ = ["new_ending", "new_run_id"]


def new_ending() -> str:
    """Return `<UTC time>-<4 hex>`, with which the ids of runs that begin now can end."""
    return f"{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"


def new_run_id(name: str) -> str:
    """Return `<name>-<UTC time>-<4 hex>`."""
    return f"{name}-{new_ending()}"
