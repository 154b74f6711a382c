"""Reads the operator's own panels: the JavaScript modules that lie directly in one folder.

Called by `beside_the_page`. The page never runs them itself: a browser does, in a frame that can reach nothing else.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from monty_mqtt.errors import ServiceError
from monty_mqtt_liveview.own_panels.files_of_folder import read_text
from monty_mqtt_liveview.own_panels.layout_file import BUILT_IN

__all__ = ["PanelFiles", "read_panels"]

_ENDING = ".js"
_MOST_PANELS = 32
_MOST_BYTES = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")


class PanelFiles(NamedTuple):
    """Holds what is in the folder.

    Attributes:
        sources: The modules' text by name, in order of the names.
        problems: Which files are left out and why, a line each.
    """

    sources: dict[str, str]
    problems: list[str]


def read_panels(folder: Path) -> PanelFiles:
    """Return the panels of a folder; there are none where there is no folder."""
    try:
        names = sorted(path.name for path in folder.iterdir() if path.name.endswith(_ENDING))
    except FileNotFoundError:
        names = []
    except OSError as error:
        return PanelFiles({}, [f"panels: {error.strerror}"])
    sources: dict[str, str] = {}
    problems = []
    for file in names[:_MOST_PANELS]:
        name, text, problem = _read(folder, file)
        if problem:
            problems.append(f"panels: {problem}")
        else:
            sources[name] = text
    if len(names) > _MOST_PANELS:
        problems.append(f"panels: only the first {_MOST_PANELS} of {len(names)} are shown")
    return PanelFiles(sources, problems)


def _read(folder: Path, file: str) -> tuple[str, str, str]:
    """Return a panel's name and its text, or as the third why it cannot be used."""
    try:
        return _name(file), read_text(folder, file, _MOST_BYTES), ""
    except FileNotFoundError:
        return "", "", f"{file!r}: a link that leads nowhere"
    except ServiceError as error:
        return "", "", str(error)


def _name(file: str) -> str:
    """Return the panel's name.

    Raises:
        ServiceError: It cannot be one.
    """
    name = file.removesuffix(_ENDING)
    if not _NAME.fullmatch(name):
        raise ServiceError(f"{file!r}: a name has 1 to 40 letters, digits, - and _ before {_ENDING}")
    if name in BUILT_IN:
        raise ServiceError(f"{file!r}: the page has a panel of that name; rename the file")
    return name
