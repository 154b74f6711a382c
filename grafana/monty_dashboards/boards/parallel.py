"""Makes the dashboard Parallel: all workers of one run, and the whole."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard

from monty_dashboards import palette
from monty_dashboards.board import PAGE, Row, board, url, variable
from monty_dashboards.influxql import MAIN, TIME, Query, is_selected, where
from monty_dashboards.panels import conceal, grid, link, number, numbers, over_time, override, states, steps

__all__ = ["parallel"]

_RUN = is_selected("run")
_WORKERS = "\"worker\" != 'main'"
_WHOLE = where(_RUN, MAIN)
_LOOK = link(
    "Look into this worker",
    url("experiment", **{"var-run": "${run:percentencode}", "var-worker": "${__data.fields.worker:percentencode}"})
    + "&${__url_time_range}",
)
_LIVE = '"status_code" < 4'
_LIVE_SECS = 10
_DROP_TIME = ("organize", {"excludeByName": {"Time": True}})


def parallel() -> dashboard.Dashboard:
    """Return the dashboard."""
    return board(
        "parallel",
        "All workers of a run: where each is, how fast, which one everybody waits for, and when the whole will end.",
        "now-6h",
        [variable("run", "Run", 'SHOW TAG VALUES FROM "status" WITH KEY = "run"', "Which run.")],
        [
            Row("The whole", _whole()),
            Row("Each worker", [_table(), _stragglers()]),
            Row("Over time", _over_time()),
        ],
    )


def _count(condition: str) -> Query:
    of_worker = f'SELECT last("status_code") AS "code" FROM "status" {where(_RUN, _WORKERS)} GROUP BY "worker"'
    return Query(f'SELECT count("code") AS "workers" FROM ({of_worker}) WHERE {condition}')


def _whole() -> list[object]:
    def last(field: str) -> Query:
        return Query(f'SELECT last("{field}") AS "{field}" FROM "progress" {_WHOLE}')

    of_modes = Query(f'SELECT last("accuracy") FROM "mode_progress" {_WHOLE} GROUP BY "mode"', alias="$tag_mode")
    bad = steps((None, palette.GOOD), (1, palette.BAD))
    return [
        number("Workers running", "How many workers live now?", _count('"code" < 4'), (3, 4), none="0"),
        number("Workers done", "How many workers came to their end?", _count('"code" = 4'), (3, 4), none="0"),
        number("Workers failed", "How many workers were aborted, failed or vanished?", _count('"code" > 4'), (3, 4),
               none="0", thresholds=bad),
        number("Progress", "Which share of all episodes is done?", last("done_ratio"), (3, 4), unit="percentunit"),
        numbers("Accuracy so far", "Which share of all finished episodes is correct, in evaluation or in training?",
               of_modes, (3, 4), unit="percentunit", decimals=1),
        number("Episodes per hour", "How fast are all workers together?", last("episodes_per_hour"), (3, 4),
               decimals=1),
        number("Time left", "How long will the whole take?", last("remaining_secs"), (3, 4), unit="s"),
        number("Estimated end", "When will the whole be done?", last("estimated_end_unix_millis"), (3, 4),
               unit="dateTimeAsLocal"),
    ]  # fmt: skip


def _table() -> object:
    progress = (
        'SELECT last("episodes_done") AS "done", "episode", "step", "steps_per_sec" AS "steps/s", '
        f'"elapsed_secs" AS "running for" FROM "progress" {where(_RUN, _WORKERS)} GROUP BY "worker"'
    )
    accuracy = (
        f'SELECT last("accuracy") AS "accuracy", "mode" FROM "mode_progress" {where(_RUN, _WORKERS)} GROUP BY "worker"'
    )
    status = (
        'SELECT last("status_code") AS "status", "page_url" AS "page" FROM "status" '
        f'{where(_RUN, _WORKERS)} GROUP BY "worker"'
    )
    columns = ("worker", "status", "done", "episode", "step", "steps/s", "running for", "accuracy", "mode", "page")
    panel = grid(
        "Workers",
        "Where is each worker, how fast is it, and how did it end? Click one to look into it.",
        [Query(text, table=True) for text in (progress, status, accuracy)],
        (16, 14),
        sort="running for",
        links=[_LOOK, link("All workers on the page", f"{PAGE}/workers")],
        transformations=[
            ("organize", {"of": "A", "excludeByName": {"Time": True}}),
            ("organize", {"of": "B", "excludeByName": {"Time": True}}),
            ("organize", {"of": "C", "excludeByName": {"Time": True}}),
            ("joinByField", {"byField": "worker", "mode": "outer"}),
            ("organize", {"indexByName": {name: at for at, name in enumerate(columns)}}),
        ],
    )
    override(panel, "status", mappings=[palette.status_codes()], custom__cellOptions={"type": "color-text"})
    override(panel, "steps/s", decimals=1)
    override(panel, "running for", unit="s", decimals=0)
    override(panel, "accuracy", unit="percentunit", decimals=0)
    return conceal(panel, "page")


def _stragglers() -> object:
    query = Query(
        f'SELECT last("running_secs") AS "running for", "secs_since_step" AS "since step" FROM "run_health" '
        f'{where(_RUN, _WORKERS, _LIVE)} GROUP BY "worker"',
        table=True,
    )
    panel = grid(
        "Stragglers",
        f"Which live workers have been running longest, and do they still take steps? Heard of within {_LIVE_SECS} s.",
        [query],
        (8, 14),
        sort="running for",
        since=f"{_LIVE_SECS}s",
        links=[_LOOK],
        transformations=[_DROP_TIME],
    )
    fixed = {"mode": "fixed", "fixedColor": palette.STATUSES["running"]}
    gauge = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
    override(panel, "running for", unit="s", decimals=0, custom__cellOptions=gauge, color=fixed)
    override(panel, "since step", unit="s", decimals=1)
    return panel


def _over_time() -> list[object]:
    timeline = Query(f'SELECT "state" FROM "timeline" {where(_RUN, _WORKERS)} GROUP BY "worker"', alias="$tag_worker")
    done = Query(
        f'SELECT last("episodes_done") AS "done", last("correct") AS "correct" FROM "mode_progress" {_WHOLE} '
        'GROUP BY time($__interval), "mode" fill(none)',
        alias="$col, $tag_mode",
    )
    of_worker = (
        f'SELECT last("steps_per_sec") AS "rate" FROM "progress" {where(_RUN, _WORKERS)} '
        'GROUP BY time($__interval), "worker" fill(none)'
    )
    in_all = f'SELECT sum("rate") AS "steps/s" FROM ({of_worker}) WHERE {TIME}'
    rate = Query(f"{in_all} GROUP BY time($__interval) fill(none)",
                 alias="$col")  # fmt: skip
    return [
        states("Episodes of each worker", "When did each worker run, and how did its episodes end?", [timeline],
               (24, 12), mappings=[palette.mapping(palette.OUTCOMES)], merge=False),
        over_time("Episodes done", "Does the whole move, and how much of it is correct?", [done], (12, 8),
                  limits=(0, None)),
        over_time("Steps per second of all workers", "Do the workers keep their pace together?", [rate], (12, 8),
                  limits=(0, None)),
    ]  # fmt: skip
