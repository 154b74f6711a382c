"""Holds colours and words: one colour per status and outcome, which colour-blind viewers can tell apart, too.

Source of the colours: Okabe and Ito, "Color Universal Design", https://jfly.uni-koeln.de/color/.
"""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.models import dashboard

from monty_mqtt.wire.vocabulary import STATUS_CODES
from monty_mqtt_core.influx.episode_points import UNDER_WAY

__all__ = ["BAD", "GOOD", "NEUTRAL", "OUTCOMES", "STATUSES", "WARNING", "mapping", "status_codes", "verdicts"]

GOOD = "#009E73"  # bluish green
WARNING = "#E69F00"  # orange
BAD = "#D55E00"  # vermillion
NEUTRAL = "#999999"
_SKY_BLUE, _BLUE, _PURPLE, _YELLOW, _DARK = "#56B4E9", "#0072B2", "#CC79A7", "#F0E442", "#666666"

STATUSES = {
    "initializing": NEUTRAL,
    "running": _SKY_BLUE,
    "paused": _YELLOW,
    "aborting": WARNING,
    "completed": GOOD,
    "aborted": _PURPLE,
    "error": BAD,
    "disconnected": _DARK,
}
"""Colour of each status word."""

OUTCOMES = {
    "correct": GOOD,
    "correct_mlh": _SKY_BLUE,
    "confused": BAD,
    "confused_mlh": WARNING,
    "no_match": _BLUE,
    "time_out": _PURPLE,
    "pose_time_out": _YELLOW,
    "patch_off_object": NEUTRAL,
    "no_label": "#BBBBBB",
    "no_outcome": "#DDDDDD",
    UNDER_WAY: "transparent",
}
"""Colour of each of Monty's outcome words, and of the two words that stand for no outcome."""

_PLAIN = {UNDER_WAY: " ", "no_outcome": "no outcome"}


def mapping(colours: Mapping[str, str]) -> dashboard.ValueMap:
    """Return the value mapping that gives each word its colour, and shows the word as Monty writes it."""
    return dashboard.ValueMap(
        {
            word: dashboard.ValueMappingResult(text=_PLAIN.get(word, word), color=colour, index=index)
            for index, (word, colour) in enumerate(colours.items())
        }
    )


def status_codes() -> dashboard.ValueMap:
    """Return the value mapping that gives each `status_code` its word and colour."""
    return dashboard.ValueMap(
        {
            str(code): dashboard.ValueMappingResult(text=word, color=STATUSES[word], index=code)
            for word, code in STATUS_CODES.items()
        }
    )


def verdicts() -> dashboard.ValueMap:
    """Return the value mapping that gives each value of `is_correct` its word and colour."""
    words = {"1": ("right", GOOD), "0": ("wrong", BAD)}
    return dashboard.ValueMap(
        {code: dashboard.ValueMappingResult(text=word, color=colour) for code, (word, colour) in words.items()}
    )
