"""This module reads what a sensor module sensed in a step. Reads only.

Called by `model_reader` for each sensor module that has an output. numpy is used by duck typing only, never imported.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Tuple

from monty_mqtt.wire.message_pieces import SensorModuleStep

__all__ = ["read_sensor_module"]

_PLAIN = frozenset({bool, int, str})
_POSE_SHAPE = (3, 3)


def read_sensor_module(sm: Any, output: Any) -> Tuple[SensorModuleStep, float]:
    """Return a sensor module's results of a step, and a sum that is not finite if any of its numbers is not.

    Args:
        sm: The sensor module.
        output: Its `cmp.Message` of this step.
    """
    morphological = output.morphological_features or {}
    on_object = morphological.get("on_object")
    features, checksum = _features(output.non_morphological_features or {})
    defined = morphological.get("pose_fully_defined")
    if defined is not None:
        features["pose_fully_defined"] = bool(defined)
    location = None if output.location is None else output.location.tolist()
    if location is not None:
        checksum += sum(location)
    pose = _pose_vectors(morphological)
    if pose is not None:
        checksum += sum(map(sum, pose))
    step = SensorModuleStep(
        location=location,
        rotation=_sensor_rotation(sm),
        on_object=None if on_object is None else bool(on_object),
        features=features,
        pose_vectors=pose,
    )
    return step, checksum


def _pose_vectors(morphological: Mapping[str, Any]) -> Any:
    given = morphological.get("pose_vectors")
    vectors: Any = getattr(given, "value", given)  # older releases have the array itself
    return vectors.tolist() if getattr(vectors, "shape", None) == _POSE_SHAPE else None


def _features(given: Mapping[str, Any]) -> Tuple[Dict[str, Any], float]:
    features: Dict[str, Any] = {}
    checksum = 0.0
    for name, value in given.items():
        plain = value.tolist() if hasattr(value, "tolist") else value
        kind = type(plain)
        if kind is float:
            checksum += plain
        elif kind is list:
            checksum += _sum_of(plain)
        elif kind not in _PLAIN:
            continue
        features[name] = plain
    return features, checksum


def _sensor_rotation(sm: Any) -> Optional[List[Optional[float]]]:
    rotation: Any = getattr(getattr(sm, "state", None), "rotation", None)
    if not hasattr(rotation, "w"):
        return None
    return [rotation.x, rotation.y, rotation.z, rotation.w]


def _sum_of(numbers: List[Any]) -> float:
    try:
        return float(sum(numbers))
    except TypeError:  # the list holds lists, or text
        return sum(_sum_of(number) for number in numbers if type(number) is list)
