"""This module defines words, and sets of words, that more than one program writes or compares. Pure.

Imported by every program that uses such a word.
"""

from __future__ import annotations

from typing import Optional, Tuple

__all__ = [
    "BUFFER_KINDS",
    "BULK_KINDS",
    "CONFUSED_OUTCOMES",
    "CORRECT_OUTCOMES",
    "ENDED_STATUSES",
    "FILE_FORMATS",
    "FINAL_STATUSES",
    "LIVE_STATUSES",
    "MASK",
    "MEDIA_KINDS",
    "OFFLINE",
    "ONLINE",
    "RAW_KINDS",
    "RETAINED_KINDS",
    "SELF_TEST",
    "STATUS_CODES",
    "SUPPORTED",
    "UNRECORDED_KINDS",
    "is_online",
    "verdict",
]

STATUS_CODES = {
    "initializing": 0,
    "running": 1,
    "paused": 2,
    "aborting": 3,
    "completed": 4,
    "aborted": 5,
    "error": 6,
    "disconnected": 7,
}
"""The status words, in all programs, and the number that stands for each in InfluxDB's `status_code`."""

ENDED_STATUSES = frozenset({"completed", "aborted", "error"})
"""The status words with which an experiment itself ends."""

FINAL_STATUSES = ENDED_STATUSES | {"disconnected"}
"""The status words after which no message follows; an experiment that was only disconnected may come back."""

LIVE_STATUSES = frozenset(STATUS_CODES) - FINAL_STATUSES
"""The status words after which messages follow."""

BULK_KINDS = frozenset({"frame", "hypotheses", "image", "points"})
"""Kinds published with QoS 0, and with a sequence of their own: if one is dropped, the other sequence has no gap."""

RAW_KINDS = frozenset({"frame", "object_model", "image", "points"})
"""Kinds published as an image or a PLY file that holds the message, not as JSON."""

BUFFER_KINDS = RAW_KINDS | {"hypotheses", "histogram"}
"""Kinds that have raw buffers (pixels, points, evidence, values) beside the JSON."""

MEDIA_KINDS = frozenset({"image", "points", "histogram", "table"})
"""Kinds that the user's code publishes to be looked at."""

RETAINED_KINDS = frozenset({"info", "status", "progress", "state", "frame", "object_model"})
"""Kinds of which the broker retains the latest message."""

FILE_FORMATS = ("png", "jpeg")
"""The formats of a user's image that are files; the other formats are raw pixels."""

UNRECORDED_KINDS = frozenset({"evidence", "command"})
"""Kinds that no recording holds: the bridge derives `evidence` from steps, and a `command` comes from a user."""

ONLINE, OFFLINE = b"online", b"offline"
"""The status that a bridge publishes, and the one that the broker publishes (the last will) when the bridge is gone."""

SELF_TEST = "self-test"
"""The command with which a bridge tests its rights; no bridge passes it on or answers it."""

MASK = "***"
"""What is published in place of a secret."""

SUPPORTED = ("0.54", "0.55")
"""The versions of Monty that this version was tested with."""

CORRECT_OUTCOMES = frozenset({"correct", "correct_mlh"})
CONFUSED_OUTCOMES = frozenset({"confused", "confused_mlh"})
"""The outcomes that say whether a learning module was right; the other outcomes do not say it."""

_USED_MLH = frozenset({"correct_mlh", "confused_mlh"})


def is_online(status: bytes) -> bool:
    """Return whether the payload of a bridge's status says that the bridge is connected to the broker."""
    return status == ONLINE


def verdict(outcome: Optional[str]) -> Tuple[Optional[int], Optional[int]]:
    """Return `correct` and `used_mlh` as 0 or 1; None without an outcome."""
    if outcome is None:
        return None, None
    return int(outcome in CORRECT_OUTCOMES), int(outcome in _USED_MLH)
