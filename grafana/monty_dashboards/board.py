"""Makes a dashboard: what all of them have in common, and its panels on the grid.

A refresh each second needs three settings to agree: the dashboard's `refresh`, the intervals that its time picker
allows, and the server's `min_refresh_interval` (grafana.ini).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

from grafana_foundation_sdk.models import dashboard

from monty_dashboards.influxql import source

with warnings.catch_warnings():  # Grafana 11 to 13 all load the classic format
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import dashboard as builders

__all__ = ["BOARDS", "FOLDER", "PAGE", "REFRESH", "Row", "board", "url", "variable"]

FOLDER = "Monty"
REFRESH = "1s"
_INTERVALS = ["1s", "5s", "10s", "30s", "1m", "5m"]

BOARDS = {
    "runs": "Runs",
    "experiment": "Experiment",
    "results": "Results",
    "parallel": "Parallel",
    "health": "Health",
}
"""Titles by name, in the order of the links; the uid is `monty_` and the name."""


PAGE = "${__data.fields.page:raw}"
"""Address of a run on the page, if a table has it as column `page`: only the bridge knows where the page is."""


class Row(NamedTuple):
    """Holds a heading and the panels under it."""

    title: str
    panels: Sequence[Any]


def url(name: str, **variables: str) -> str:
    """Return the link to another dashboard, with its variables set."""
    return f"/d/monty_{name}?" + "&".join(f"{key}={value}" for key, value in variables.items())


def variable(
    name: str, label: str, query: str, description: str, *, several: bool = False, all_of_them: bool = False,
    first: str | None = None,
) -> builders.QueryVariable:  # fmt: skip
    """Return a variable whose values come from InfluxDB.

    Args:
        name: Its name in queries.
        label: Its name on the dashboard.
        query: InfluxQL that lists its values.
        description: What the viewer chooses with it.
        several: Whether more than one value may be chosen.
        all_of_them: Whether all values are chosen at first.
        first: Value that is chosen at first; if None, the first in the list.
    """
    made = builders.QueryVariable(name).label(label).query(query).description(description).datasource(source())
    made.refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED).multi(several).include_all(several)
    made.sort(dashboard.VariableSort.NATURAL_DESC if name == "run" else dashboard.VariableSort.NATURAL_ASC)
    if all_of_them:
        made.current(dashboard.VariableOption(selected=True, text=["All"], value=["$__all"]))
    elif first:
        made.current(dashboard.VariableOption(selected=True, text=first, value=first))
    model = made.build()
    model.auto = model.auto_min = model.auto_count = None  # settings of another type of variable
    model.allow_custom_value = None  # its default; Grafana 11 does not know the key
    return made


def board(
    name: str, description: str, since: str, variables: Sequence[builders.QueryVariable], rows: Sequence[Row],
) -> dashboard.Dashboard:  # fmt: skip
    """Return a dashboard.

    Args:
        name: A key of `BOARDS`.
        description: Its purpose.
        since: Start of its first time range, which ends now.
        variables: What the viewer can choose.
        rows: Its panels; those of each row fill whole lines of the grid, which is 24 columns wide.
    """
    made = builders.Dashboard(f"Monty: {BOARDS[name]}").uid(f"monty_{name}").description(description).tags(["monty"])
    made.time(since, "now").refresh(REFRESH).timezone("browser").readonly()
    made.timepicker(builders.TimePicker().refresh_intervals(_INTERVALS))
    made.tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
    for shown_variable in variables:
        made.with_variable(shown_variable)
    for other, title in BOARDS.items():
        if other != name:
            link = (
                builders.DashboardLink(title).type(dashboard.DashboardLinkType.LINK).url(url(other)).icon("dashboard")
            )
            made.link(
                link.tooltip(f"Monty: {title}").keep_time(keep_time=other != "runs").include_vars(include_vars=True)
            )
    for row in rows:
        made.with_row(builders.Row(row.title))
        for panel in row.panels:
            made.with_panel(panel)
    built = made.build()
    for to_other in built.links or []:
        to_other.placement = None  # type: ignore[assignment] # beside the variables, not in a menu
    for number, panel in enumerate(built.panels or [], start=1):
        panel.id_val = number
    return built
