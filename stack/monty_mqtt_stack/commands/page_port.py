"""Finds the page's port in an experiment's configuration, before Hydra composes it.

Called by `monty-mqtt run`, which starts the page before the experiment, in a Python that may lack Hydra. So this module
reads what the user writes: an override on the command line, else the experiment's own file on the search path.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Iterator, Sequence

from monty_mqtt.conf_files import conf_dir
from monty_mqtt_stack.services.table import LIVEVIEW_PORT

__all__ = ["page_port"]

_HIGHEST = 65535
_OVERRIDE = re.compile(r"\+{0,2}experiment\.config\.liveview_port=(\d{1,5})")
_LINE = re.compile(r"^ +liveview_port: *(\d{1,5}) *(?:#.*)?$", re.MULTILINE)
_EXPERIMENT = re.compile(r"\+{0,2}experiment=(.+)")
_SEARCH_PATH = re.compile(r"\+{0,2}hydra\.searchpath=\[(.*)\]", re.DOTALL)


def page_port(overrides: Sequence[str]) -> int:
    """Return the page's port; the default if neither the overrides nor the experiment's file name one.

    Args:
        overrides: Hydra's overrides: `experiment=NAME`, and changes to it.
    """
    named = _said(_OVERRIDE, overrides)
    for file in _files(overrides) if not named else ():
        named += _LINE.findall(_text(file))
    port = int(named[-1]) if named else LIVEVIEW_PORT
    return port if 0 < port <= _HIGHEST else LIVEVIEW_PORT


def _files(overrides: Sequence[str]) -> Iterator[Path]:
    names = _said(_EXPERIMENT, overrides)
    for folder in (*_folders(overrides), conf_dir()):
        for name in names:
            yield folder / "experiment" / f"{name}.yaml"


def _folders(overrides: Sequence[str]) -> Iterator[Path]:
    for paths in _said(_SEARCH_PATH, overrides):
        for part in paths.split(","):
            folder = part.strip().strip("'\"").removeprefix("file://")
            if folder:
                yield Path(folder)


def _said(pattern: re.Pattern[str], overrides: Sequence[str]) -> list[str]:
    return [match[1] for word in overrides if (match := pattern.fullmatch(word))]


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
