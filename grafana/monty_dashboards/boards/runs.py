"""Makes the dashboard Runs: every run at a glance, with links to each."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard

from monty_dashboards import palette
from monty_dashboards.board import PAGE, Row, board, url
from monty_dashboards.influxql import MAIN, Query, where
from monty_dashboards.panels import conceal, grid, link, number, over_time, override, steps

__all__ = ["runs"]

_RUN = "${__data.fields.run:percentencode}"
_LIVE = {"from": "now-5m", "to": "now"}
_WHOLE = {"from": "${__data.fields.started.numeric}", "to": "now", "refresh": "1m"}
"""Refreshes once a minute: the whole of a long run is too much to query each second."""


def runs() -> dashboard.Dashboard:
    """Return the dashboard; it is Grafana's home page."""
    return board(
        "runs",
        "Every run: how many live, how far each is, how well it does, and whether anything of it was lost.",
        "now-24h",
        [],
        [
            Row("How many", [_count(*count) for count in _COUNTS]),
            Row("Each run", [_table()]),
            Row("Over time", _charts()),
        ],
    )


_COUNTS = (
    ("Running", "code", "< 4", "How many runs live (starting, running, paused or aborting)?",
     palette.STATUSES["running"]),
    ("Completed", "code", "= 4", "How many runs came to their end?", palette.GOOD),
    ("Aborted", "code", "= 5", "How many runs were ended by command or Ctrl+C?", palette.STATUSES["aborted"]),
    ("Error", "code", "= 6", "How many runs were ended by an exception?", palette.BAD),
    ("Stalled", "stalled", "= 1", "How many runs have a worker without a step for so long that it looks stuck?",
     palette.WARNING),
    ("Disconnected", "code", "= 7", "How many runs vanished: killed, or cut off?", palette.STATUSES["disconnected"]),
)  # fmt: skip


def _count(title: str, field: str, condition: str, question: str, colour: str) -> object:
    stored = {"code": "status_code"}.get(field, field)
    of_run = f'SELECT last("{stored}") AS "{field}" FROM "status" {where(MAIN)} GROUP BY "run"'
    if field == "stalled":  # the parent of a parallel run takes no steps; its workers may stall
        of_worker = f'SELECT last("{stored}") AS "{field}" FROM "status" {where()} GROUP BY "run", "worker"'
        of_run = f'SELECT max("{field}") AS "{field}" FROM ({of_worker}) GROUP BY "run"'
    query = Query(f'SELECT count("{field}") AS "runs" FROM ({of_run}) WHERE "{field}" {condition}')
    return number(title, question, query, none="0", thresholds=steps((None, "text"), (1, colour)))


_LOSSES = ("lost", "dropped", "too large")
_WAITING = "with the experiment"


def _table() -> object:
    so_far = (
        'SELECT last("episodes_done") AS "episodes", "episodes_expected" AS "expected", "done_ratio" AS "progress", '
        '"eval_accuracy" AS "eval accuracy", "train_accuracy" AS "train accuracy", '
        '"episodes_per_hour" AS "per hour", "remaining_secs" AS "left", '
        '"estimated_end_unix_millis" AS "estimated end" FROM "progress" ' + where(MAIN) + ' GROUP BY "run"'
    )
    status = f'SELECT last("status_code") AS "status", "page_url" AS "page" FROM "status" {where(MAIN)} GROUP BY "run"'
    started = f'SELECT first("status_code") AS "first" FROM "status" {where(MAIN)} GROUP BY "run"'
    of_worker = (
        'SELECT last("lost") AS "lost", last("dropped") AS "dropped", last("too_large") AS "too large", '
        f'last("spooled") AS "{_WAITING}" FROM "run_health" ' + where() + ' GROUP BY "run", "worker"'
    )
    # From the bridge's health, each second; a status carries these counts only when it changes.
    sums = ", ".join(f'sum("{count}") AS "{count}"' for count in (*_LOSSES, _WAITING))
    losses = f'SELECT {sums} FROM ({of_worker}) GROUP BY "run"'
    columns = ("run", "status", "episodes", "expected", "progress", "eval accuracy", "train accuracy", "per hour",
               "left", "estimated end", *_LOSSES, _WAITING, "started", "seen", "page")  # fmt: skip
    panel = grid(
        "Runs",
        "Which runs are there, how far and how accurate is each, when will it end, and is its record whole? "
        "What is with the experiment, in its spool, may still come. "
        "Click a run to look into it.",
        [Query(text, table=True) for text in (so_far, status, started, losses)],
        (24, 12),
        sort="started",
        transformations=[
            ("organize", {"of": "A", "renameByName": {"Time": "seen"}}),
            ("organize", {"of": "B", "excludeByName": {"Time": True}}),
            ("organize", {"of": "C", "excludeByName": {"first": True}, "renameByName": {"Time": "started"}}),
            ("organize", {"of": "D", "excludeByName": {"Time": True}}),
            ("joinByField", {"byField": "run", "mode": "outer"}),
            ("organize", {"indexByName": {name: at for at, name in enumerate(columns)}}),
        ],
        links=[
            link("Watch it", url("experiment", **{"var-run": _RUN, "var-worker": "main"}, **_LIVE)),
            link("The whole of it", url("experiment", **{"var-run": _RUN, "var-worker": "main"}, **_WHOLE)),
            link("Its results", url("results", **{"var-run": _RUN}, **_WHOLE)),
            link("Its workers", url("parallel", **{"var-run": _RUN}, **_WHOLE)),
            link("It on the page, step by step", PAGE),
        ],
    )
    override(panel, "status", mappings=[palette.status_codes()], custom__cellOptions={"type": "color-text"})
    gauge = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
    fixed = {"mode": "fixed", "fixedColor": palette.STATUSES["running"]}
    override(panel, "progress", unit="percentunit", min=0, max=1, custom__cellOptions=gauge, color=fixed)
    for mode in ("eval", "train"):
        override(panel, f"{mode} accuracy", unit="percentunit", decimals=1)
    override(panel, "per hour", decimals=1)
    override(panel, "left", unit="s")
    override(panel, "estimated end", unit="dateTimeAsLocal")
    override(panel, "run", custom__width=380)
    conceal(panel, "page")
    for count, colour in (*((loss, palette.BAD) for loss in _LOSSES), (_WAITING, palette.WARNING)):
        limits = {"mode": "absolute", "steps": [{"value": None, "color": "text"}, {"value": 1, "color": colour}]}
        override(panel, count, thresholds=limits, custom__cellOptions={"type": "color-text"},
                 color={"mode": "thresholds"})  # fmt: skip
    return panel


def _charts() -> list[object]:
    def by_run(field: str) -> Query:
        clause = f'{where(MAIN)} GROUP BY time($__interval), "run" fill(none)'
        return Query(f'SELECT last("{field}") FROM "progress" {clause}', alias="$tag_run")

    clause = f'{where(MAIN)} GROUP BY time($__interval), "run", "mode" fill(none)'
    accuracy = f'SELECT last("accuracy") FROM "mode_progress" {clause}'
    lost = (
        'SELECT max("lost") + max("dropped") + max("too_large") FROM "run_health" '
        f'{where()} GROUP BY time($__interval), "run" fill(none)'
    )
    return [
        over_time(
            "Accuracy so far",
            "How does the share of correct episodes of each run develop, in training and in evaluation?",
            [Query(accuracy, alias="$tag_run, $tag_mode")],
            (8, 8),
            unit="percentunit",
            limits=(0, 1),
        ),
        over_time("Episodes done", "How far is each run, and does it still move?", [by_run("episodes_done")], (8, 8)),
        over_time(
            "Lost and dropped",
            "Is anything missing from the record of a run, lost, dropped or too large for the broker? "
            "The most of any of its workers; 0 is right.",
            [Query(lost, alias="$tag_run")],
            (8, 8),
            unit="short",
            limits=(0, None),
            thresholds=steps((None, palette.GOOD), (1, palette.BAD)),
            colour="palette-classic-by-name",
        ),
    ]
