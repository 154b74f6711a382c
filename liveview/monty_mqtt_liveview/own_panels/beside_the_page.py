"""Knows the operator's own files beside the page, and reads them anew each time: a change is there after a reload.

Called by `web` at each request, and by `app` once at the start, so that what is wrong stands in the log.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from monty_mqtt.errors import ConfigError, ServiceError
from monty_mqtt_liveview.own_panels.files_of_folder import read_text
from monty_mqtt_liveview.own_panels.layout_file import LAYOUT_FILE, Layout, layout_for, read_layouts
from monty_mqtt_liveview.own_panels.panel_files import read_panels

__all__ = ["BesideThePage"]

_PANELS, _STYLESHEET = "panels", "page.css"
_MOST_BYTES = 1 << 20
_MOST_CHARACTERS = 500


class BesideThePage:
    """Knows where the operator's own files are.

    Args:
        state_dir: Directory of `layout.toml` and `page.css`.
        panels: Directory of the panels; empty: `panels/` of the state directory.

    Raises:
        ConfigError: The directory of the panels was named, and is none.
    """

    def __init__(self, state_dir: Path, panels: str = "") -> None:
        self._state_dir = state_dir
        self._panels = Path(panels).expanduser() if panels else state_dir / _PANELS
        if panels and not self._panels.is_dir():
            raise ConfigError("panels", panels, "a directory")

    @property
    def is_anything_there(self) -> bool:
        """Whether there is a layout, or anything in the directory of the panels."""
        layout = self._state_dir / LAYOUT_FILE
        return layout.exists() or (self._panels.is_dir() and any(self._panels.iterdir()))

    def shown(self, experiment: str) -> dict[str, Any]:
        """Return what a run of this experiment shows, as JSON: see `answers.own_panels`."""
        sources, problems = read_panels(self._panels)
        layout = Layout()
        try:
            layout = layout_for(read_layouts(self._state_dir, sources), experiment)
        except ConfigError as error:
            problems.append(str(error)[:_MOST_CHARACTERS])
        return {
            "own": [{"name": name, "source": source} for name, source in sources.items()],
            "panels": layout.panels,
            "metrics": layout.metrics,
            "problems": problems,
        }

    def stylesheet(self) -> str:
        """Return the text of `page.css`; empty without one.

        Raises:
            ServiceError: It cannot be used.
        """
        try:
            return read_text(self._state_dir, _STYLESHEET, _MOST_BYTES)
        except FileNotFoundError:
            return ""

    def problems(self) -> list[str]:
        """Return what is wrong with these files, a line each."""
        lines: list[str] = self.shown("")["problems"]
        try:
            self.stylesheet()
        except ServiceError as error:
            lines.append(str(error))
        return lines
