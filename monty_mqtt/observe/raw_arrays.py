"""This module copies Monty's arrays into raw buffers: sensor images, hypotheses, learned points. Reads only.

Called by the hook and `episode_logger`, which publish the results. Everything is copied, because Monty goes on using
its arrays; nothing is encoded, because the bridge does that. numpy and torch are used by duck typing only.
"""
# ruff: noqa: SLF001 - Monty's hypotheses have no public name

from __future__ import annotations

import array
import sys
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from monty_mqtt.observe.camera import camera_of
from monty_mqtt.observe.model_reader import greatest, unmasked
from monty_mqtt.wire.message_pieces import Camera

__all__ = ["HypothesisCloud", "Image", "hypothesis_cloud", "images", "points"]

_PIXEL_CHANNELS = 4
_IMAGE_AXES = 2


class Image(NamedTuple):
    """Image is one frame: `modality` is `rgba` (uint8, four channels) or `depth` (float32, metres)."""

    sensor: str
    modality: str
    height: int
    width: int
    pixels: bytes
    camera: Optional[Camera] = None


class HypothesisCloud(NamedTuple):
    """HypothesisCloud holds the `kept` strongest of `total` hypotheses; `buffers` are as in `schema.Hypotheses`."""

    objects: List[str]
    kept: int
    total: int
    buffers: Tuple[bytes, bytes, bytes]


class _Space(NamedTuple):
    graph: str
    evidence: Any
    locations: Any


def images(observations: Any) -> Iterator[Image]:
    """Yield the camera and depth image of every sensor of every agent."""
    for sensors in observations.values():
        for sensor, values in sensors.items():
            camera = camera_of(values)
            rgba = values.get("rgba")
            if rgba is not None and rgba.shape[2:] == (_PIXEL_CHANNELS,) and rgba.dtype.str == "|u1":
                yield Image(str(sensor), "rgba", rgba.shape[0], rgba.shape[1], rgba.tobytes(), camera)
            depth = values.get("depth")
            if depth is not None and len(depth.shape) == _IMAGE_AXES:
                yield Image(str(sensor), "depth", depth.shape[0], depth.shape[1], _float32(depth), camera)


def hypothesis_cloud(lm: Any, most: int) -> Optional[HypothesisCloud]:
    """Return the `most` hypotheses with the highest evidence over all objects; None if there are none.

    The object with the strongest hypothesis comes first: of the other objects, only hypotheses above its weakest kept
    one can be among the strongest, so there is little to sort once a learning module favours an object.
    """
    spaces = [
        _Space(str(graph), unmasked(space.evidence), space.locations)
        for graph, space in lm._hypotheses.items()
        if len(space.evidence)
    ]
    if not spaces:
        return None
    spaces.sort(key=lambda space: greatest(space.evidence), reverse=True)
    kept: List[Tuple[float, int, int]] = []
    floor: Optional[float] = None
    for number, space in enumerate(spaces):
        kept.extend((value, number, index) for value, index in _strongest(space.evidence, most, floor))
        kept.sort(reverse=True)
        del kept[most:]
        floor = kept[-1][0] if len(kept) == most else None
    return _packed(spaces, kept)


def points(positions: Any) -> Tuple[int, bytes]:
    """Return number and float32 bytes of a graph's points, an (n, 3) tensor or array."""
    if hasattr(positions, "detach"):  # a torch tensor
        positions = positions.detach().cpu().numpy()
    return len(positions), _float32(positions)


def _strongest(evidence: Any, most: int, floor: Optional[float]) -> Sequence[Tuple[float, int]]:
    if floor is not None:
        indices = (evidence > floor).nonzero()[0]
    elif len(evidence) > most:
        indices = evidence.argpartition(len(evidence) - most)[len(evidence) - most :]
    else:
        return list(zip(evidence.tolist(), range(len(evidence))))
    if len(indices) > most:
        values = evidence[indices]
        indices = indices[values.argpartition(len(indices) - most)[len(indices) - most :]]
    return list(zip(evidence[indices].tolist(), indices.tolist()))


def _packed(spaces: List[_Space], kept: List[Tuple[float, int, int]]) -> HypothesisCloud:
    chosen: Dict[int, List[int]] = {}
    for _, number, index in kept:
        chosen.setdefault(number, []).append(index)
    locations, evidence, objects = [], [], array.array("H")
    for place, (number, indices) in enumerate(chosen.items()):
        locations.append(_float32(spaces[number].locations[indices]))
        evidence.append(_float32(spaces[number].evidence[indices]))
        objects.extend([place] * len(indices))
    if sys.byteorder == "big":
        objects.byteswap()
    names = [spaces[number].graph for number in chosen]
    buffers = (b"".join(locations), b"".join(evidence), objects.tobytes())
    return HypothesisCloud(names, len(kept), sum(len(space.evidence) for space in spaces), buffers)


def _float32(values: Any) -> bytes:
    if values.dtype.str != "<f4":
        values = values.astype("<f4")
    return values.tobytes()  # type: ignore[no-any-return]
