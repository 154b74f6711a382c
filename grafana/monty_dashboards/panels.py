"""Makes the kinds of panels, each in the same way on every dashboard.

Called by each dashboard's module with title, question and queries; `board` puts the panels on the grid. A panel's
description is the question that it answers: Grafana and docs/grafana.md show it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from grafana_foundation_sdk.builders import (
    barchart,
    bargauge,
    histogram,
    logs,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models import table as table_model

from monty_dashboards.influxql import Query, source

__all__ = [
    "band", "bars", "conceal", "distribution", "extremes", "gauges", "grid", "hide", "link", "log_lines", "named",
    "number", "numbers", "over_time", "override", "states", "steps",
]  # fmt: skip

_POINTS = 200
"""Most intervals in the time range: InfluxDB's cost grows with them, and each viewer queries each second."""

EMPTY = dashboard.MatcherConfig("byValue", {"reducer": "allIsNull", "op": "gte", "value": 0})
"""Matches columns without any value: a wildcard in a query also finds the fields of other runs."""

_HIDDEN = {"custom__hideFrom": {"viz": True, "legend": True, "tooltip": True}, "custom__hidden": True}
"""Hides a series or a column: charts read the first property, tables the second."""

_SHOWN = {"viz": False, "legend": False, "tooltip": False}


def number(title: str, question: str, query: Query, size: tuple[int, int] = (4, 4), **look: Any) -> Any:
    """Return a panel with one big number: the last value of a query."""
    panel = stat.Panel().reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
    panel.color_mode(common.BigValueColorMode.VALUE).graph_mode(common.BigValueGraphMode.NONE)
    panel.no_value(look.pop("none", "-"))
    look.setdefault("colour", "thresholds")
    return _described(panel, title, question, [query], size, **look)


def numbers(title: str, question: str, query: Query, size: tuple[int, int], **look: Any) -> Any:
    """Return a panel with the last value of each series, side by side."""
    panel = number(title, question, query, size, **look)
    return panel.text_mode(common.BigValueTextMode.VALUE_AND_NAME)


def gauges(title: str, question: str, query: Query, size: tuple[int, int], **look: Any) -> Any:
    """Return a panel with a horizontal bar for each series."""
    panel = bargauge.Panel().orientation(common.VizOrientation.HORIZONTAL)
    panel.display_mode(common.BarGaugeDisplayMode.BASIC).show_unfilled(show_unfilled=True)
    panel.reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
    return _described(panel, title, question, [query], size, **look)


def over_time(title: str, question: str, queries: Sequence[Query], size: tuple[int, int], **look: Any) -> Any:
    """Return a panel with lines over time; with `points=True`, points without lines."""
    panel = timeseries.Panel().line_width(1).fill_opacity(0).span_nulls(look.pop("span", True))
    panel.max_data_points(_POINTS)
    if look.pop("points", False):
        panel.draw_style(common.GraphDrawStyle.POINTS).point_size(5)
    else:
        panel.show_points(common.VisibilityMode.AUTO)
    panel.legend(_legend()).tooltip(_tooltip())
    return _described(panel, title, question, queries, size, **look)


def extremes(title: str, question: str, query: Callable[[str], Query], size: tuple[int, int], **look: Any) -> Any:
    """Return a panel with lines over time that lose no spike: greatest and least value of each interval, in one colour.

    Args:
        title: Title of the panel.
        question: The question that it answers.
        query: Returns the query for a function, `max` or `min`.
        size: Width and height on the grid.
        look: Options, as for `over_time`.
    """
    description = f"{question} The greatest and the least of each interval: zoom in for each value."
    panel = over_time(title, description, [query("max"), query("min")], size, **look)
    return panel.override_by_query("B", _properties({"custom__hideFrom": {**_SHOWN, "legend": True}}))


def band(panel: Any, least: str, greatest: str) -> Any:
    """Fill the area between the two series that hold the least and the greatest values of a third."""
    override(panel, least, custom__lineWidth=0)
    return override(panel, greatest, custom__lineWidth=1, custom__fillBelowTo=least, custom__fillOpacity=25)


def states(title: str, question: str, queries: Sequence[Query], size: tuple[int, int], **look: Any) -> Any:
    """Return a panel with words over time, one row for each series."""
    panel = statetimeline.Panel().show_value(common.VisibilityMode.AUTO).merge_values(look.pop("merge", True))
    panel.max_data_points(_POINTS)
    panel.row_height(0.85).fill_opacity(90).line_width(0).per_page(look.pop("per_page", 20))
    panel.legend(_legend(shown=False)).tooltip(_tooltip())
    return _described(panel, title, question, queries, size, **look)


def grid(title: str, question: str, queries: Sequence[Query], size: tuple[int, int], **look: Any) -> Any:
    """Return a table; `sort` names the column that sorts it, descending; `tall=True` makes room for images."""
    look.setdefault("colour", "thresholds")
    panel = table.Panel().show_header(show_header=True).filterable(filterable=True)
    panel.cell_options(common.TableAutoCellOptions())
    options = panel.build().options
    assert isinstance(options, table_model.Options)  # noqa: S101 - for mypy
    options.footer = None  # no longer an option of the whole table
    if look.pop("tall", False):
        panel.cell_height(common.TableCellHeight.LG)
    sort = look.pop("sort", None)
    if sort:
        panel.sort_by([common_builders.TableSortByFieldState().display_name(sort).desc(desc=True)])
    return _described(panel, title, question, queries, size, **look)


def bars(title: str, question: str, queries: Sequence[Query], size: tuple[int, int], **look: Any) -> Any:
    """Return a panel with bars side by side, or on top of each other with `stacked=True`."""
    panel = barchart.Panel().orientation(common.VizOrientation.HORIZONTAL).show_value(common.VisibilityMode.AUTO)
    panel.stacking(common.StackingMode.NORMAL if look.pop("stacked", False) else common.StackingMode.NONE)
    panel.fill_opacity(80).line_width(0).bar_width(0.9).group_width(0.8)
    panel.legend(_legend()).tooltip(_tooltip())
    return _described(panel, title, question, queries, size, **look)


def distribution(title: str, question: str, query: Query, size: tuple[int, int], **look: Any) -> Any:
    """Return a histogram, one series for each run."""
    panel = histogram.Panel().fill_opacity(30).line_width(1).combine(combine=False)
    panel.legend(_legend()).tooltip(_tooltip())
    return _described(panel, title, question, [query], size, **look)


def log_lines(title: str, question: str, query: Query, size: tuple[int, int], **look: Any) -> Any:
    """Return a panel with log records, newest first."""
    panel = logs.Panel().show_time(show_time=True).wrap_log_message(wrap_log_message=True)
    panel.enable_log_details(enable_log_details=True).sort_order(common.LogsSortOrder.DESCENDING)
    return _described(panel, title, question, [query], size, **look)


def link(title: str, url: str) -> builders.DashboardLink:
    """Return a link for the cells of a panel."""
    return builders.DashboardLink(title).url(url)


def steps(*limits: tuple[float | None, str]) -> builders.ThresholdsConfig:
    """Return thresholds: pairs of the value from which a colour applies, and the colour; the first value is None."""
    steps = [dashboard.Threshold(value=value, color=colour) for value, colour in limits]
    return builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps)


def override(panel: Any, column: str, **properties: object) -> Any:
    """Give one column properties of its own; `__` in a keyword stands for the dot in the property's name."""
    return panel.override_by_name(column, _properties(properties))


def conceal(panel: Any, column: str) -> Any:
    """Hide a column whose values are used only in links."""
    return override(panel, column, **_HIDDEN)


def named(panel: Any, colours: Mapping[str, str]) -> Any:
    """Give the series with these names their colours."""
    for name, colour in colours.items():
        panel.override_by_name(name, _properties({"color": {"mode": "fixed", "fixedColor": colour}}))
    return panel


def hide(panel: Any) -> Any:
    """Hide series and columns without any value."""
    return panel.with_override(EMPTY, _properties(_HIDDEN))


def _properties(properties: Mapping[str, object]) -> list[dashboard.DynamicConfigValue]:
    return [dashboard.DynamicConfigValue(name.replace("__", "."), value) for name, value in properties.items()]


def _described(  # noqa: PLR0913 - what every panel has
    panel: Any,
    title: str,
    question: str,
    queries: Sequence[Query],
    size: tuple[int, int],
    *,
    unit: str | None = None,
    decimals: int | None = None,
    limits: tuple[float | None, float | None] = (None, None),
    thresholds: builders.ThresholdsConfig | None = None,
    mappings: Sequence[dashboard.ValueMapping] = (),
    links: Sequence[builders.DashboardLink] = (),
    transformations: Sequence[tuple[str, Mapping[str, object]]] = (),
    colour: str | None = None,
    repeat: str | None = None,
    since: str | None = None,
) -> Any:
    width, height = size
    panel.title(title).description(question).datasource(source()).span(width).height(height)
    panel.targets([Query(asked.text, asked.table, asked.alias, "ABCDEF"[at]) for at, asked in enumerate(queries)])
    for set_to, value in (
        (panel.unit, unit or "none"),
        (panel.decimals, decimals),
        (panel.min, limits[0]),
        (panel.max, limits[1]),
        (panel.mappings, list(mappings) or None),
        (panel.data_links, list(links) or None),
        (panel.time_from, since),
    ):
        if value is not None:
            set_to(value)
    _colour(panel, thresholds, colour)
    if repeat:
        panel.repeat(repeat).repeat_direction("h").max_per_row(2)
    panel.transformations([_transformation(name, dict(options)) for name, options in transformations])
    return panel


def _colour(panel: Any, thresholds: builders.ThresholdsConfig | None, mode: str | None) -> None:
    panel.thresholds(thresholds or steps((None, "text")))
    mode = mode or ("thresholds" if thresholds else "palette-classic-by-name")
    panel.color_scheme(builders.FieldColor().mode(dashboard.FieldColorModeId(mode)))


def _transformation(name: str, options: dict[str, object]) -> dashboard.DataTransformerConfig:
    only = options.pop("of", None)
    matcher = dashboard.MatcherConfig("byRefId", only) if only else None
    return dashboard.DataTransformerConfig(id_val=name, options=options, filter_val=matcher)


def _legend(*, shown: bool = True) -> common_builders.VizLegendOptions:
    legend = common_builders.VizLegendOptions().display_mode(common.LegendDisplayMode.LIST)
    return legend.placement(common.LegendPlacement.BOTTOM).show_legend(show_legend=shown).calcs([])


def _tooltip() -> common_builders.VizTooltipOptions:
    options = common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI)
    return options.sort(common.SortOrder.DESCENDING)
