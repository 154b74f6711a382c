"""This module reads the most likely hypothesis of a learning module, and its rotation error. Reads only.

Called by `model_reader`, which keeps one `PoseReader` for each learning module with evidence.

Rotations are plain numbers here, because scipy would cost 10 to 20 microseconds a call at every step. A quaternion is a
tuple x, y, z, w of length 1.
"""
# ruff: noqa: SLF001 - Monty's hypotheses have no public name

from __future__ import annotations

import importlib
import math
from typing import Any, List, Optional, Sequence, Tuple

from monty_mqtt.observe.ground_truth import GroundTruth
from monty_mqtt.wire.message_pieces import Hypothesis

__all__ = [
    "PoseReader",
    "Quaternion",
    "angle_degs",
    "from_matrix",
    "from_scalar_first",
    "product",
    "quaternion_of_target",
]

Quaternion = Tuple[float, float, float, float]

_SKEW = 1e-7
"""If a matrix deviates by less, every algorithm gives the same quaternion to seven digits."""


class PoseReader:
    """PoseReader reads the most likely hypothesis; it computes the rotation only if the hypothesis has changed.

    scipy takes 2 microseconds to give a quaternion, and 50 if its code has left the processor's caches, as it has after
    a step of Monty's. Most steps do not change the most likely hypothesis.

    Args:
        lm: An evidence learning module.
        truth: Says what the module's graphs stand for.
    """

    def __init__(self, lm: Any, truth: GroundTruth) -> None:
        self._lm = lm
        self._truth = truth
        self._matrix: Optional[bytes] = None
        self._rotation: List[Optional[float]] = []
        self._montys_target: Any = None
        self._target: Optional[Quaternion] = None
        self._error_degs: Optional[float] = None

    def read(self) -> Tuple[Hypothesis, Optional[float]]:
        """Return the most likely hypothesis and, if its object is the right one, its rotation error in degrees."""
        lm = self._lm
        mlh = lm.current_mlh
        graph, index, location = mlh["graph_id"], mlh["mlh_id"], mlh["location"]
        pose = None
        space = lm._hypotheses.get(graph) if index is not None else None
        if space is not None and index < len(space.evidence):
            # Monty's `_get_current_mlh` reads here, too, but writes what it finds into the model.
            location = space.locations[index]
            pose = space.poses[index]
        self._turn(mlh["rotation"], pose)
        scale = mlh["scale"]
        best = Hypothesis(
            object=graph,
            evidence=float(mlh["evidence"]),
            location=location.tolist() if hasattr(location, "tolist") else [float(part) for part in location],
            rotation=self._rotation,
            scale=None if scale is None else float(scale),
        )
        return best, self._error_degs if self._truth.of(graph).is_correct else None

    def _turn(self, rotation: Any, pose: Any) -> None:
        """Set `_rotation` and `_error_degs` for a rotation; `pose` is its matrix, if known."""
        target = getattr(self._lm, "primary_target_rotation_quat", None)
        matrix = None if pose is None else pose.tobytes()
        if matrix is not None and matrix == self._matrix and target is self._montys_target:
            return
        quaternion = None if pose is None else from_matrix(pose.ravel().tolist())
        if quaternion is None:
            # Not from the matrix: some of Monty's are not orthonormal, and scipy repairs that. The scipy rotation
            # within Monty's gives x, y, z, w in every version.
            quaternion = tuple(getattr(rotation, "_rot", rotation).as_quat().tolist())
        self._rotation = list(quaternion)
        if target is not self._montys_target:
            self._montys_target, self._target = target, quaternion_of_target(target)
        self._matrix = matrix
        # As in Monty's compute_pose_error: the angle of rotation^-1 * target^-1 is that of target * rotation.
        self._error_degs = None if self._target is None else angle_degs(product(self._target, quaternion))


def quaternion_of_target(wxyz_or_xyzw: Any) -> Optional[Quaternion]:
    """Return a target's rotation as x, y, z, w; Monty holds it in the order of its own `Rotation`."""
    if wxyz_or_xyzw is None:
        return None
    parts = [float(part) for part in wxyz_or_xyzw]
    if _is_scalar_first():
        return from_scalar_first(parts)
    return (parts[0], parts[1], parts[2], parts[3])


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


def _is_scalar_first() -> bool:
    # Monty's own Rotation takes w, x, y, z; the scipy rotation of older releases takes x, y, z, w.
    try:
        geometry = importlib.import_module("tbp.monty.geometry")
    except ImportError:
        return False
    return bool(geometry.Rotation.from_quat([1.0, 0.0, 0.0, 0.0]).as_matrix()[2][2] > 0)
