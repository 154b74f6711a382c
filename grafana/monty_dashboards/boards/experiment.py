"""Makes the dashboard Experiment: one worker of one run, live."""

from __future__ import annotations

from functools import partial

from grafana_foundation_sdk.models import dashboard

from monty_dashboards import palette
from monty_dashboards.board import PAGE, Row, board, url, variable
from monty_dashboards.influxql import LOGS, NO_MODULE, Query, is_selected, where
from monty_dashboards.panels import (
    band,
    extremes,
    grid,
    hide,
    link,
    log_lines,
    named,
    number,
    numbers,
    over_time,
    override,
    states,
    steps,
)

__all__ = ["experiment"]

_RUN, _WORKER, _MODULE = is_selected("run"), is_selected("worker"), is_selected("learning_module")
_WHOLE = where(_RUN, _WORKER)
_OF_MODULES = where(_RUN, _WORKER, _MODULE)
_EACH = "GROUP BY time($__interval) fill(none)"
_EACH_MODULE = 'GROUP BY time($__interval), "learning_module" fill(none)'
_RESULTS = link("Results of this run", url("results", **{"var-run": "${run:percentencode}"}) + "&${__url_time_range}")


def experiment() -> dashboard.Dashboard:
    """Return the dashboard."""
    return board(
        "experiment",
        "One worker of a run: what it does now, what each learning module believes, and how its episodes ended.",
        "now-5m",
        [
            variable("run", "Run", 'SHOW TAG VALUES FROM "status" WITH KEY = "run"', "Which run."),
            variable("worker", "Worker", f'SHOW TAG VALUES FROM "status" WITH KEY = "worker" WHERE {_RUN}',
                     "Which process of it; `main` unless it is a parallel run.", first="main"),
            variable("learning_module", "Learning module",
                     f'SHOW TAG VALUES FROM "step" WITH KEY = "learning_module" WHERE {_RUN}',
                     "Which learning modules are shown.", several=True, all_of_them=True),
            variable("metric", "Metric", f'SHOW TAG VALUES FROM "metric" WITH KEY = "name" WHERE {_RUN} LIMIT 50',
                     "Which of your own metrics are shown, a panel each; the first 50 are offered.",
                     several=True, all_of_them=True),
        ],
        [
            Row("Now", _now()),
            Row("Camera", [_camera()]),
            Row("Episodes", _episodes()),
            Row("Learning modules", _modules()),
            Row("Evidence of each object", [_evidence()]),
            Row("Your metrics", [_metric()]),
            Row("The machine", _machine()),
            Row("Logs and events", [_logs(), _events()]),
        ],
    )  # fmt: skip


def _last(measurement: str, field: str, name: str | None = None) -> Query:
    return Query(f'SELECT last("{field}") AS "{name or field}" FROM "{measurement}" {_WHOLE}')


def _now() -> list[object]:
    stalled = steps((None, palette.GOOD), (1, palette.WARNING))
    accuracy = steps((None, palette.BAD), (0.5, palette.WARNING), (0.8, palette.GOOD))
    of_modes = Query(f'SELECT last("accuracy") FROM "mode_progress" {_WHOLE} GROUP BY "mode"', alias="$tag_mode")
    slow = steps((None, "text"), (10, palette.WARNING), (30, palette.BAD))
    status = f'SELECT last("status_code") AS "status_code", "page_url" AS "page" FROM "status" {_WHOLE}'
    return [
        number("Status", "What is the worker doing? Click it for the run on the page, step by step.",
               Query(status, table=True), (4, 4), mappings=[palette.status_codes()],
               links=[link("The run on the page, step by step", PAGE), _RESULTS]),
        number("Since last step", "Does it still take steps? Stalled is said after max(30 s, 20 median steps).",
               _last("run_health", "secs_since_step"), (3, 4), unit="s", thresholds=slow),
        number("Stalled", "Does the bridge think that it is stuck? 1 is yes.", _last("run_health", "stalled"), (2, 4),
               thresholds=stalled),
        number("Episodes done", "How many episodes are over?", _last("progress", "episodes_done"), (3, 4)),
        number("Progress", "Which share of the episodes is done, where it is known how many there are?",
               _last("progress", "done_ratio"), (3, 4), unit="percentunit"),
        numbers("Accuracy so far", "Which share of the finished episodes is correct, in evaluation and in training?",
               of_modes, (3, 4), unit="percentunit", decimals=1, thresholds=accuracy),
        number("Episodes per hour", "How fast is it, pauses left out?", _last("progress", "episodes_per_hour"), (3, 4),
               decimals=1),
        number("Time left", "How long will it take at the mean episode's pace?", _last("progress", "remaining_secs"),
               (3, 4), unit="s"),
    ]  # fmt: skip


def _camera() -> object:
    query = Query(
        'SELECT last("rgba_url") AS "colour", last("depth_url") AS "depth", last("episode") AS "episode", '
        f'last("step") AS "step" FROM "frame" {_WHOLE} GROUP BY "name"',
        table=True,
    )
    panel = grid("Latest images", "What does each sensor see? The page has the images, and they are shown where the "
                 "browser reaches it; click one to see it in its full size.", [query], (24, 7), tall=True,
                 transformations=[("organize", {"excludeByName": {"Time": True}, "renameByName": {"name": "sensor"}})],
                 )  # fmt: skip
    for image in ("colour", "depth"):
        shown = {"type": "image", "alt": f"{image} image", "title": f"{image} image"}
        whole = [{"title": f"The {image} image", "url": f"${{__data.fields.{image}:raw}}", "targetBlank": True}]
        override(panel, image, custom__cellOptions=shown, links=whole)
    return panel


def _episodes() -> list[object]:
    timeline = Query(f'SELECT "state" FROM "timeline" {_WHOLE} GROUP BY "worker"', alias="$tag_worker")
    length = Query(f'SELECT "steps" FROM "episode" {where(_RUN, _WORKER, NO_MODULE)} GROUP BY "mode"',
                   alias="steps, $tag_mode")  # fmt: skip
    step_secs = Query(
        'SELECT mean("step_secs") AS "step", min("step_secs") AS "shortest", max("step_secs") AS "longest", '
        'mean("monitor_micros") / 1000000 AS "of it monitor", max("monitor_micros") / 1000000 AS "monitor at most" '
        f'FROM "step" {where(_RUN, _WORKER, NO_MODULE)} {_EACH}',
        alias="$col",
    )
    pace = over_time(
        "Time per step",
        "How long does a step take, and how much of it is the monitor's own cost? The mean of each interval, and how "
        "far it reaches.",
        [step_secs],
        (6, 8),
        unit="s",
        limits=(0, None),
    )
    episode_list = Query(
        'SELECT "mode", "episode", "target_object" AS "target", "outcome", "steps", "elapsed_secs" AS "took", '
        f'"rotation_error_degs" AS "rotation error" FROM "episode" {where(_RUN, _WORKER, NO_MODULE)} '
        "ORDER BY time DESC LIMIT 200",
        table=True,
    )
    panel = grid("Finished episodes", "What was shown, how did it end, and how long did it take? The latest 200.",
                 [episode_list], (12, 8), links=[_RESULTS])  # fmt: skip
    override(panel, "outcome", mappings=[palette.mapping(palette.OUTCOMES)], custom__cellOptions={"type": "color-text"})
    override(panel, "took", unit="s", decimals=1)
    override(panel, "rotation error", unit="degree", decimals=1)
    return [
        states("Outcomes of the episodes", "How did each episode end, in Monty's words, and when was it?", [timeline],
               (24, 4), mappings=[palette.mapping(palette.OUTCOMES)], merge=False),
        panel,
        over_time("Steps per episode", "How many steps does an episode take; does it run into the limit?", [length],
                  (6, 8), points=True, limits=(0, None)),
        band(pace, "shortest", "longest"),
    ]  # fmt: skip


def _modules() -> list[object]:
    def by_module(field: str, of: str) -> Query:
        return Query(f'SELECT {of}("{field}") FROM "step" {_OF_MODULES} {_EACH_MODULE}', alias="$tag_learning_module")

    target = Query(
        f'SELECT last("target_object") FROM "step" {where(_RUN, _WORKER, NO_MODULE)} {_EACH}', alias="target"
    )
    now = Query(
        'SELECT last("episode") AS "episode", "target_object" AS "target", "most_likely_name" AS "most likely", '
        '"is_correct" AS "is it right", '
        '"evidence", "second_object" AS "second", "margin", "possible_matches" AS "possible", '
        '"rotation_error_degs" AS "rotation error", "hypotheses", "terminal_state" AS "state" '
        f'FROM "step" {_OF_MODULES} GROUP BY "learning_module"',
        table=True,
    )
    panel = grid("What each learning module believes", "What is shown, what does each learning module take it for, by "
                 "which margin over the second, and how far off is the rotation?", [now], (24, 7),
                 transformations=[("organize", {"excludeByName": {"Time": True}})])  # fmt: skip
    override(panel, "is it right", mappings=[palette.verdicts()], custom__cellOptions={"type": "color-text"})
    override(panel, "rotation error", unit="degree", decimals=1)
    for column in ("evidence", "margin"):
        override(panel, column, decimals=2)
    return [
        panel,
        states("Target and most likely object", "What is shown, what does each learning module take it for, and since "
               "when?", [target, by_module("most_likely_name", "last")], (24, 7)),
        states("Right or wrong", "Does what each learning module believes in stand for the target, as Monty says it?",
               [by_module("is_correct", "last")], (24, 5), mappings=[palette.verdicts()]),
        extremes("Margin", "By how much does the evidence of the winner exceed that of the second?",
                 partial(by_module, "margin"), (8, 8), decimals=2),
        extremes("Possible matches", "How many objects are still possible?", partial(by_module, "possible_matches"),
                 (8, 8), limits=(0, None), decimals=0),
        extremes("Rotation error", "How far is the most likely rotation from the true one, where the object is right?",
                 partial(by_module, "rotation_error_degs"), (8, 8), unit="degree", limits=(0, 180), span=False),
    ]  # fmt: skip


def _evidence() -> object:
    panel = extremes(
        "Evidence: $learning_module",
        "How much speaks for each object? Who leads, who catches up?",
        lambda of: Query(f'SELECT {of}(*) FROM "evidence" {_OF_MODULES} {_EACH}', alias="$col"),
        (24, 9),
        decimals=2,
        repeat="learning_module",
        transformations=[("renameByRegex", {"regex": "^(?:max|min)_(.*)$", "renamePattern": "$1"})],
    )
    return hide(panel)


def _metric() -> object:
    is_chosen = is_selected("name", "metric")
    clause = f'{where(_RUN, _WORKER, is_chosen)} GROUP BY time($__interval), "name" fill(none)'
    value = Query(
        f'SELECT mean("value") AS "mean", min("value") AS "least", max("value") AS "greatest" FROM "metric" {clause}',
        alias="$col",
    )
    not_finite = Query(f'SELECT count("not_finite") AS "NaN or infinite" FROM "metric" {clause}', alias="$col")
    panel = over_time(
        "$metric",
        "How does a number develop that you publish yourself (`publish_metric`)? The mean of each interval and how far "
        "it reaches, and how often it was NaN or infinite (bars, right).",
        [value, not_finite],
        (24, 8),
        repeat="metric",
    )
    override(panel, "NaN or infinite", custom__drawStyle="bars", custom__axisPlacement="right", custom__fillOpacity=40,
             color={"mode": "fixed", "fixedColor": palette.WARNING}, unit="short", decimals=0)  # fmt: skip
    return band(named(panel, dict.fromkeys(("mean", "least", "greatest"), "blue")), "least", "greatest")


def _machine() -> list[object]:
    def of(unit: str, *named_fields: tuple[str, str]) -> list[Query]:
        chosen = ", ".join(f'max("{field}"){unit} AS "{name}"' for field, name in named_fields)
        return [Query(f'SELECT {chosen} FROM "machine" {_WHOLE} {_EACH}', alias="$col")]

    from_zero = {"limits": (0, None)}
    return [
        over_time("Processor", "How much processor time does the worker take, of one processor, and how busy are the "
                  "GPUs that it uses?", of(" / 100", ("cpu_percent", "processor"), ("gpu_percent", "GPUs")), (6, 8),
                  unit="percentunit", **from_zero),
        over_time("Memory", "How much memory does the worker take, and how much of the GPUs'? What grows without end "
                  "is ended by the system.", of("", ("memory_bytes", "memory"), ("gpu_memory_bytes", "GPU memory")),
                  (6, 8), unit="bytes", **from_zero),
        over_time("Host", "Do more threads want to run than the host has processors?",
                  of("", ("load", "load"), ("cpus", "processors"), ("threads", "threads of the worker")),
                  (6, 8), **from_zero),
        over_time("Disk", "How much room is left on the disk with Monty's results?",
                  of("", ("disk_free_bytes", "free"), ("disk_total_bytes", "size")), (6, 8), unit="bytes", **from_zero),
    ]  # fmt: skip


def _logs() -> object:
    query = Query(
        f'SELECT "message", "name" AS "level", "logger", "metadata" FROM {LOGS} {_WHOLE} ORDER BY time DESC LIMIT 500',
        table=True,
    )
    question = "What do Monty and your own code say? The latest 500 records."
    return log_lines("Logs", question, query, (12, 12))


def _events() -> object:
    query = Query(
        f'SELECT "name" AS "event", "source", "fields", "level" FROM "event" {_WHOLE} ORDER BY time DESC LIMIT 200',
        table=True,
    )
    return grid("Events", "Which telemetry events did Monty emit? The latest 200.", [query], (12, 12))
