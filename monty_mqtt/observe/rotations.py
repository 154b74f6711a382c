"""This module computes with rotations as plain numbers. Pure.

Called by `pose` on every step, where scipy would cost 10 to 20 microseconds a call.
A quaternion is a tuple x, y, z, w of length 1.
"""

from __future__ import annotations

import math
from typing import Optional, Sequence, Tuple

__all__ = ["Quaternion", "angle_degs", "from_matrix", "from_scalar_first", "product"]

Quaternion = Tuple[float, float, float, float]

_SKEW = 1e-7
"""If a matrix deviates by less, every algorithm gives the same quaternion to seven digits."""


def from_scalar_first(wxyz: Sequence[float]) -> Quaternion:
    """Return as x, y, z, w a quaternion that is given as w, x, y, z."""
    w, x, y, z = wxyz
    return (float(x), float(y), float(z), float(w))


def from_matrix(rows: Sequence[float]) -> Optional[Quaternion]:
    """Return the rotation of a 3 x 3 matrix, row by row; None if it is not orthonormal, so the rotation is ambiguous.

    The sign is scipy's. The formula is Markley's: Unit Quaternion from Rotation Matrix, doi 10.2514/1.31730.
    """
    a, b, c, d, e, f, g, h, i = rows
    lengths = (a * a + b * b + c * c, d * d + e * e + f * f, g * g + h * h + i * i)
    angles = (a * d + b * e + c * f, a * g + b * h + c * i, d * g + e * h + f * i)
    if max(lengths) - 1 > _SKEW or 1 - min(lengths) > _SKEW or max(angles) > _SKEW or min(angles) < -_SKEW:
        return None
    trace = a + e + i
    largest = max(a, e, i, trace)
    if largest == trace:
        x, y, z, w = h - f, c - g, d - b, 1 + trace
    elif largest == a:
        x, y, z, w = 1 - trace + 2 * a, b + d, c + g, h - f
    elif largest == e:
        x, y, z, w = b + d, 1 - trace + 2 * e, f + h, c - g
    else:
        x, y, z, w = c + g, f + h, 1 - trace + 2 * i, d - b
    length = math.sqrt(x * x + y * y + z * z + w * w)
    return (x / length, y / length, z / length, w / length)


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
