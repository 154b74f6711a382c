"""Makes the dashboard Results: what came out, with two or more runs side by side."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard

from monty_dashboards import palette
from monty_dashboards.board import Row, board, url, variable
from monty_dashboards.influxql import A_MODULE, NO_MODULE, Query, is_selected, where
from monty_dashboards.panels import bars, distribution, gauges, grid, hide, link, named, override, steps

__all__ = ["results"]

_RUN, _MODE = is_selected("run"), is_selected("mode")
_EPISODES = where(_RUN, _MODE, NO_MODULE)
_OBJECTS = where(_RUN, _MODE)
_LOOK = link("Look into it", url("experiment", **{"var-run": "${__data.fields.run:percentencode}"}))


def results() -> dashboard.Dashboard:
    """Return the dashboard."""
    return board(
        "results",
        "What came out: accuracy, confusions, rotation errors, steps and times, of the chosen runs side by side.",
        "now-24h",
        [
            variable("run", "Runs", 'SHOW TAG VALUES FROM "episode" WITH KEY = "run"', "Which runs are compared.",
                     several=True),
            variable("mode", "Mode", f'SHOW TAG VALUES FROM "episode" WITH KEY = "mode" WHERE {_RUN}',
                     "Evaluation or training: one of them, as they are never added up.", first="eval"),
            variable("learning_module", "Learning module",
                     f'SHOW TAG VALUES FROM "confusion" WITH KEY = "learning_module" WHERE {_RUN}',
                     "Whose confusions are counted.", several=True, all_of_them=True),
        ],
        [
            Row("Side by side", [_table(), _accuracy(), _outcomes()]),
            Row("Confusions", [_matrix()]),
            Row("By object", [_of_objects("Accuracy per object", "correct", "Which objects are recognised, which are "
                              "not, and in which run?", "percentunit"),
                              _of_objects("Rotation error per object", "rotation_error_degs", "How far off is the "
                              "rotation of each object, on average?", "degree"),
                              _of_objects("Steps per object", "steps", "Which objects take long?", "short")]),
            Row("Distributions", [_distribution("Steps", "steps", "short"),
                                  _distribution("Time", "elapsed_secs", "s"),
                                  _distribution("Rotation error", "rotation_error_degs", "degree")]),
        ],
    )  # fmt: skip


_ACCURACY = 'sum("correct") / count("episode")'
"""Monty's `percent_correct`: an episode without an outcome counts as not correct."""


def _table() -> object:
    of_episodes = (
        f'SELECT count("episode") AS "episodes", {_ACCURACY} AS "accuracy", mean("used_mlh") AS "after time-out", '
        'mean("steps") AS "mean steps", mean("matching_steps") AS "matching steps", median("steps") AS "median steps", '
        'mean("elapsed_secs") AS "mean time", sum("elapsed_secs") AS "time in all" '
        f'FROM "episode" {_EPISODES} GROUP BY "run"'
    )
    # Monty averages over all learning modules that have an error, not over the means of the episodes.
    errors = (
        f'SELECT mean("rotation_error_degs") AS "rotation error" FROM "episode" {where(_RUN, _MODE, A_MODULE)} '
        'GROUP BY "run"'
    )
    panel = grid("Runs side by side: $mode", "Which run is better: how accurate, how often only by its most likely "
                 "hypothesis after a time-out, how precise and how quick? By Monty's own rules, of one mode.",
                 [Query(of_episodes, table=True), Query(errors, table=True)], (24, 6), sort="accuracy",
                 transformations=[("organize", {"of": "A", "excludeByName": {"Time": True}}),
                                  ("organize", {"of": "B", "excludeByName": {"Time": True}}),
                                  ("joinByField", {"byField": "run", "mode": "outer"})], links=[_LOOK])  # fmt: skip
    for share in ("accuracy", "after time-out"):
        override(panel, share, unit="percentunit", decimals=1)
    override(panel, "rotation error", unit="degree", decimals=1)
    for count in ("mean steps", "matching steps", "median steps"):
        override(panel, count, decimals=1)
    for time in ("mean time", "time in all"):
        override(panel, time, unit="s")
    return panel


def _accuracy() -> object:
    query = Query(f'SELECT {_ACCURACY} FROM "episode" {_EPISODES} GROUP BY "run"', alias="$tag_run")
    limits = steps((None, palette.BAD), (0.5, palette.WARNING), (0.8, palette.GOOD))
    return gauges("Accuracy: $mode", "Which share of the episodes of each run is correct?", query, (12, 8),
                  unit="percentunit", limits=(0, 1), decimals=1, thresholds=limits)  # fmt: skip


def _outcomes() -> object:
    query = Query(f'SELECT count("episode") AS "episodes" FROM "outcome" {_OBJECTS} GROUP BY "run", "name"', table=True)
    panel = bars("Outcomes: $mode", "How did the episodes of each run end, in Monty's words?", [query], (12, 8),
                 stacked=True, decimals=0,
                 transformations=_matrix_of("episodes", row="run", column="name"))  # fmt: skip
    return named(panel, palette.OUTCOMES)


def _matrix_of(value: str, *, row: str, column: str) -> list[tuple[str, dict[str, object]]]:
    """Return the transformations that turn three columns into a matrix."""
    grouped = {"operation": "groupby", "aggregations": []}
    # Grouped only to drop the name that the data source has given: all cells of the matrix would inherit it.
    fields = {row: grouped, column: grouped, value: {"operation": "aggregate", "aggregations": ["lastNotNull"]}}
    matrix: dict[str, object] = {
        "rowField": row,
        "columnField": column,
        "valueField": f"{value} (lastNotNull)",
        "emptyValue": "null",
    }
    return [("groupBy", {"fields": fields}), ("groupingToMatrix", matrix)]


def _matrix() -> object:
    where_cells = where(_RUN, _MODE, is_selected("learning_module"))
    query = Query(f'SELECT sum(*) FROM "confusion" {where_cells} GROUP BY "name"', table=True)
    panel = grid(
        "Confusion matrix: $run, $mode",
        "What was each object (row) taken for (column), and how often? Counted over the chosen learning modules; an "
        "episode without a recognised object is counted under Monty's word for its outcome.",
        [query],
        (24, 10),
        repeat="run",
        decimals=0,
        thresholds=steps((None, "transparent"), (1, "#56B4E9"), (10, "#0072B2")),
        transformations=[
            ("organize", {"excludeByName": {"Time": True}, "renameByName": {"name": "object"}}),
            ("renameByRegex", {"regex": "^sum_(.*)$", "renamePattern": "$1"}),
        ],
    )
    cells = {"type": "color-background", "mode": "basic"}
    panel.override_by_field_type("number", _cells(cells))
    shown = {"viz": False, "legend": False, "tooltip": False}
    return override(hide(panel), "object", custom__hideFrom=shown, custom__hidden=False)  # text counts as empty


def _cells(options: dict[str, str]) -> list[dashboard.DynamicConfigValue]:
    return [dashboard.DynamicConfigValue("custom.cellOptions", options)]


def _of_objects(title: str, field: str, question: str, unit: str) -> object:
    shown = _ACCURACY if field == "correct" else f'mean("{field}")'
    query = Query(f'SELECT {shown} AS "value" FROM "object" {_OBJECTS} GROUP BY "run", "name"', table=True)
    is_share = unit == "percentunit"
    return bars(f"{title}: $mode", question, [query], (8, 10), unit=unit, limits=(0, 1 if is_share else None),
                decimals=0 if is_share else 1,
                transformations=_matrix_of("value", row="name", column="run"))  # fmt: skip


def _distribution(title: str, field: str, unit: str) -> object:
    query = Query(f'SELECT "{field}" FROM "episode" {_EPISODES} GROUP BY "run"', alias="$tag_run")
    question = {
        "steps": "How are the steps per episode distributed; how many run into the limit?",
        "elapsed_secs": "How is the time per episode distributed?",
        "rotation_error_degs": "How are the rotation errors distributed: small ones, or symmetries (90, 180 degrees)?",
    }[field]
    return distribution(f"{title} per episode: $mode", question, query, (8, 9), unit=unit)
