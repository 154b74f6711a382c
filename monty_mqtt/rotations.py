"""Rotations as plain numbers. Pure.

Place in the flow: `observe` uses it on every step, where scipy would cost 10 to 20 microseconds a call.
A quaternion is a tuple x, y, z, w of length 1.
"""

from __future__ import annotations

import math
from typing import Sequence, Tuple

__all__ = ["Quaternion", "angle_degs", "from_scalar_first", "product"]

Quaternion = Tuple[float, float, float, float]


def from_scalar_first(wxyz: Sequence[float]) -> Quaternion:
    """Return a quaternion that came as w, x, y, z."""
    w, x, y, z = wxyz
    return (float(x), float(y), float(z), float(w))


def product(p: Quaternion, q: Quaternion) -> Quaternion:
    """Return the rotation that does `q` first, then `p`."""
    px, py, pz, pw = p
    qx, qy, qz, qw = q
    return (
        pw * qx + px * qw + py * qz - pz * qy,
        pw * qy - px * qz + py * qw + pz * qx,
        pw * qz + px * qy - py * qx + pz * qw,
        pw * qw - px * qx - py * qy - pz * qz,
    )


def angle_degs(q: Quaternion) -> float:
    """Return the angle of a rotation, degrees, 0 to 180."""
    x, y, z, w = q
    # atan2 and not acos: acos loses half of the digits near 0
    return math.degrees(2.0 * math.atan2(math.sqrt(x * x + y * y + z * z), abs(w)))
