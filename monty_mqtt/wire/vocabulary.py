"""This module defines words that more than one program compares. Pure.

Imported by every program that writes or reads such a word.
"""

from __future__ import annotations

from typing import Optional, Tuple

__all__ = ["OFFLINE", "ONLINE", "SELF_TEST", "SUPPORTED", "verdict"]

ONLINE, OFFLINE = b"online", b"offline"
"""The status that a bridge publishes, and the one that the broker publishes (the last will) when the bridge is gone."""

SELF_TEST = "self-test"
"""The command with which a bridge tests its rights; no bridge passes it on or answers it."""

SUPPORTED = ("0.54", "0.55")
"""The versions of Monty that this version was tested with."""

_CORRECT = frozenset({"correct", "correct_mlh"})
_USED_MLH = frozenset({"correct_mlh", "confused_mlh"})


def verdict(outcome: Optional[str]) -> Tuple[Optional[int], Optional[int]]:
    """Return `correct` and `used_mlh` as 0 or 1; None without an outcome."""
    if outcome is None:
        return None, None
    return int(outcome in _CORRECT), int(outcome in _USED_MLH)
