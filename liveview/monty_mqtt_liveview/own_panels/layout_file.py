"""Reads `layout.toml`: which panels a run of which experiment shows, in which order, and which of its metrics.

Called by `beside_the_page`::

    [[layout]]
    experiment = "evidence_*"
    panels = ["beliefs", "frames", "surprise"]
    metrics = ["loss*", "reward"]
"""

from __future__ import annotations

from collections.abc import Collection
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import msgspec
import tomllib

from monty_mqtt.errors import ConfigError, MontyMqttError
from monty_mqtt_liveview.own_panels.files_of_folder import read_text

__all__ = ["BUILT_IN", "LAYOUT_FILE", "Layout", "layout_for", "read_layouts"]

LAYOUT_FILE = "layout.toml"
BUILT_IN = ("timeline", "beliefs", "frames", "space", "closer", "details", "episodes", "tabs")
"""The page's own panels, by the names that they have in the front end (`layout/panels.ts`)."""

_MOST_BYTES = 65_536
_MOST_PATTERNS = 50
_TABLE = "layout"


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """Says what runs of an experiment show.

    Attributes:
        experiment: Pattern of the experiment's name, as in a shell: `*`, `?`, `[abc]`.
        panels: Panels that are shown, in their order; None: all.
        metrics: Patterns of the metrics that are shown, in their order; None: all.
    """

    experiment: str = "*"
    panels: tuple[str, ...] | None = None
    metrics: tuple[str, ...] | None = None


def layout_for(layouts: Collection[Layout], experiment: str) -> Layout:
    """Return the first layout whose pattern fits the experiment, else one that shows all."""
    return next((one for one in layouts if fnmatchcase(experiment, one.experiment)), Layout())


def read_layouts(folder: Path, own: Collection[str]) -> list[Layout]:
    """Return the layouts of the folder's `layout.toml`; none if there is no such file.

    Args:
        folder: The state directory.
        own: Names of the operator's own panels.

    Raises:
        ConfigError: The file is wrong; the text is one line that names the key, its value and what is allowed.
    """
    try:
        said = tomllib.loads(read_text(folder, LAYOUT_FILE, _MOST_BYTES))
    except FileNotFoundError:
        return []
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(LAYOUT_FILE, str(error), "TOML") from None
    except MontyMqttError as error:
        raise ConfigError(LAYOUT_FILE, str(error), "a file that can be read") from None
    _check_keys("", said, (_TABLE,))
    tables = said.get(_TABLE, [])
    if not isinstance(tables, list):
        raise ConfigError(f"{LAYOUT_FILE} {_TABLE}", tables, "tables, each headed [[layout]]")
    return [_layout(f"{_TABLE}[{number}]", table, own) for number, table in enumerate(tables)]


def _layout(where: str, table: Any, own: Collection[str]) -> Layout:
    if not isinstance(table, dict):
        raise ConfigError(f"{LAYOUT_FILE} {where}", table, "a table, headed [[layout]]")
    _check_keys(f"{where}.", table, Layout.__struct_fields__)
    for key, value in table.items():
        kind, allowed = (str, "text") if key == "experiment" else (list[str], "a list of texts")
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError:
            raise ConfigError(f"{LAYOUT_FILE} {where}.{key}", value, allowed) from None
    for name in table.get("panels", ()):
        if name not in (*BUILT_IN, *own):
            raise ConfigError(f"{LAYOUT_FILE} {where}.panels", name, f"one of {', '.join((*BUILT_IN, *own))}")
    if len(table.get("metrics", ())) > _MOST_PATTERNS:
        raise ConfigError(f"{LAYOUT_FILE} {where}.metrics", len(table["metrics"]), f"at most {_MOST_PATTERNS} patterns")
    return msgspec.convert(table, Layout)


def _check_keys(where: str, table: dict[str, Any], known: Collection[str]) -> None:
    for key in table:
        if key not in known:
            raise ConfigError.unknown(f"{LAYOUT_FILE} {where}{key}", known)
