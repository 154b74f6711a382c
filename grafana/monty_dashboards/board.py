"""A dashboard: what all of them have in common, and its panels on the grid.

Refresh each second needs three things to agree: the dashboard's `refresh`, the intervals that its time picker allows,
and the server's `min_refresh_interval` (grafana.ini).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

from grafana_foundation_sdk.models import dashboard

from monty_dashboards.influxql import source

with warnings.catch_warnings():  # the classic format is what Grafana 11 to 13 all load
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
"""Title by name, in the order in which they are linked; the uid is `monty_` and the name."""


PAGE = "${__data.fields.page:raw}"
"""Address of a run on the page, where a table has it as column `page`: only the bridge knows where the page is."""


class Row(NamedTuple):
    """A heading and the panels under it."""

    title: str
    panels: Sequence[Any]


def url(name: str, **variables: str) -> str:
    """Return the link to another dashboard, its variables set."""
    return f"/d/monty_{name}?" + "&".join(f"{key}={value}" for key, value in variables.items())


def variable(
    name: str, label: str, query: str, description: str, *, several: bool = False, all_of_them: bool = False,
    first: str | None = None,
) -> builders.QueryVariable:  # fmt: skip
    """Return a variable whose values InfluxDB knows.

    Args:
        name: How queries call it.
        label: How the dashboard calls it.
        query: InfluxQL that lists its values.
        description: What it chooses.
        several: Whether more than one may be chosen.
        all_of_them: Whether all are chosen at first.
        first: What is chosen at first; else the first in the list.
    """
    one = builders.QueryVariable(name).label(label).query(query).description(description).datasource(source())
    one.refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED).multi(several).include_all(several)
    one.sort(dashboard.VariableSort.NATURAL_DESC if name == "run" else dashboard.VariableSort.NATURAL_ASC)
    if all_of_them:
        one.current(dashboard.VariableOption(selected=True, text=["All"], value=["$__all"]))
    elif first:
        one.current(dashboard.VariableOption(selected=True, text=first, value=first))
    model = one.build()
    model.auto = model.auto_min = model.auto_count = None  # settings of another type of variable
    model.allow_custom_value = None  # as it is by default; Grafana 11 does not know it
    return one


def board(
    name: str, description: str, since: str, variables: Sequence[builders.QueryVariable], rows: Sequence[Row],
) -> dashboard.Dashboard:  # fmt: skip
    """Return a dashboard.

    Args:
        name: One of `BOARDS`.
        description: What it is for.
        since: Time range at first, up to now.
        variables: What the viewer chooses.
        rows: Its panels; each row's fill whole lines of the grid, 24 columns wide.
    """
    made = builders.Dashboard(f"Monty: {BOARDS[name]}").uid(f"monty_{name}").description(description).tags(["monty"])
    made.time(since, "now").refresh(REFRESH).timezone("browser").readonly()
    made.timepicker(builders.TimePicker().refresh_intervals(_INTERVALS))
    made.tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
    for one in variables:
        made.with_variable(one)
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
