"""The pages that a browser opens. What moves on them is in `browser/`, ES modules over Vue, Quasar, ECharts and three.

Place in the flow: NiceGUI brings those libraries and serves them from this machine; the modules fetch from `api` and
listen to `live`.
"""

from __future__ import annotations

from nicegui import ui
from nicegui.element import Element

from monty_mqtt_liveview.answers import name_of

__all__ = ["make_pages"]

# NiceGUI offers its own copies of ECharts and three to the browser once their elements are known to it.
_LIBRARIES = (ui.echart, ui.scene)


class Page(Element, component="browser/page.js", esm={"monty-liveview": "browser"}):
    """The whole page; `browser/page.js` shows what `view` says.

    Args:
        view: `runs`, `run` or `workers`.
        run: Id of the run, for the other two.
    """

    def __init__(self, view: str, run: str = "") -> None:
        super().__init__()
        self._props["view"] = view
        self._props["run"] = run


def make_pages() -> None:
    """Add the pages to NiceGUI's app."""

    @ui.page("/", title="Monty runs")
    def runs() -> None:
        Page("runs")

    @ui.page("/run/{run}", title="Monty run")
    def run(run: str) -> None:
        Page("run", name_of(run))

    @ui.page("/run/{run}/workers", title="Monty workers")
    def workers(run: str) -> None:
        Page("workers", name_of(run))
