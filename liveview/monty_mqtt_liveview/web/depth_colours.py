"""Turns depth frames into images that a browser can show. Pure.

Called by `frames` with the depths that `frame_images` read. The levels of a published depth frame mean other distances
in each frame; so it is drawn in the colours of viridis, on one scale for all frames of a sensor.
"""

from __future__ import annotations

import io
import math
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from monty_mqtt_core.payloads.frame_images import Metres

__all__ = [
    "FARTHER",
    "NEARER",
    "VIRIDIS",
    "DepthScale",
    "coloured",
    "scale_between",
]

VIRIDIS = [
    *("#440154", "#48186a", "#472d7b", "#424086", "#3b528b", "#33638d", "#2c728e", "#26828e", "#21918c"),
    *("#1fa088", "#28ae80", "#3fbc73", "#5ec962", "#84d44b", "#addc30", "#d8e219", "#fde725"),
]
"""Every sixteenth colour of viridis, by Stéfan van der Walt and Nathaniel Smith, https://bids.github.io/colormap;
colours between them are interpolated linearly, as in CSS. Lightness grows evenly for every kind of colour vision."""

NEARER, FARTHER = "#000000", "#9e9e9e"
"""Colours of what lies outside of the scale."""

_SHADES = 254
_NEARER_PLACE, _FARTHER_PLACE = 254, 255
_FEWEST_METRES = 1e-4
_HARDLY = 1e-3
"""Part of a unit that rounding to 16 bits, or to float32, may add: it must not extend the scale by a unit."""

_HALF_A_SHADE = 0.5 / _SHADES


class DepthScale(NamedTuple):
    """Holds the depths that the first and the last colour stand for, in metres."""

    min_metres: float
    max_metres: float


def scale_between(low: float, high: float) -> DepthScale:
    """Return a scale that includes both depths (metres).

    Its ends are rounded outwards, to multiples of about a fifth of the span: of 1, 2 or 5 times a power of ten.
    """
    span = max(high - low, abs(high) / 10, _FEWEST_METRES)
    exact = span / 5
    power = 10.0 ** math.floor(math.log10(exact))
    unit = power * next(step for step in (1, 2, 5, 10) if exact <= step * power * (1 + 1e-9))
    least, greatest = math.floor(low / unit + _HARDLY), math.ceil(high / unit - _HARDLY)
    # Computed in whole units, so that no rounding error shows.
    return DepthScale(_tidy(least * unit), _tidy(max(greatest, least + 1) * unit))


def coloured(metres: Metres, scale: DepthScale) -> tuple[bytes, int]:
    """Return a depth frame as an 8-bit PNG, and how many of its pixels are outside of the scale."""
    share = (metres - scale.min_metres) / (scale.max_metres - scale.min_metres)
    places = np.clip(share * (_SHADES - 1), 0, _SHADES - 1).round().astype(np.uint8)
    nearer, farther = share < -_HALF_A_SHADE, share > 1 + _HALF_A_SHADE
    places[nearer], places[farther] = _NEARER_PLACE, _FARTHER_PLACE
    image = Image.fromarray(places)
    image.putpalette(_PALETTE)
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue(), int(np.count_nonzero(nearer) + np.count_nonzero(farther))


def _tidy(number: float) -> float:
    return float(f"{number:.6g}")


def _palette() -> list[int]:
    stops = np.array([_rgb(stop) for stop in VIRIDIS], np.float64)
    at = np.linspace(0, len(stops) - 1, _SHADES)
    shades = [np.interp(at, np.arange(len(stops)), stops[:, channel]) for channel in range(3)]
    levels: Any = np.rint(np.stack(shades, 1)).astype(int).ravel().tolist()
    return [*levels, *_rgb(NEARER), *_rgb(FARTHER)]


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


_PALETTE = _palette()
