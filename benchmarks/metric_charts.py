"""This benchmark measures how fast a metric of a million values opens, and how fast it is zoomed into.

usage: python -m benchmarks metric_charts

It uses a real Mosquitto, a page on a recording, and a real Chromium. Opening: from the click on the tab Metrics to the
frame in which its chart is drawn. Zooming: from the first of the keys that lead to a thousandth of the metric, to the
frame in which every value of that is drawn. Beside each, in the same browser: the same answer fetched alone, and plain
ECharts that is given every value.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, List

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.bridge import row
from benchmarks.liveview import PATIENCE_SECS, QUIET, Server, wait_restored
from benchmarks.liveview_run import BEGAN_UNIX_NANOS, STEP_NANOS, Writing
from monty_mqtt.wire import schema, topics
from monty_mqtt_core.recordings.mcap_file import RecordingWriter
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.services.mosquitto import Mosquitto

__all__ = ["rows"]

Row = Dict[str, Any]
RUN, NAME = "many-values", "loss"
VALUES, QUICK_VALUES = 1_000_000, 50_000
TURNS = 5
ZOOM_KEYS = 10
"""Each halves what is shown: a thousandth of it is left."""

MOST_OPEN_SECS, MOST_ZOOM_SECS = 0.5, 0.3
ECHARTS = Path("liveview", "web", "node_modules", "echarts", "dist", "echarts.min.js")
DRAWN = f"""
window.drawn = (begun, isDrawn) => new Promise((done, fail) => {{
  setTimeout(fail, {1000 * PATIENCE_SECS});
  const count = () => {{
    const chart = document.querySelector("[data-testid='metric-canvas']")?.chart;
    return chart?.getModel()?.getSeriesByName("{NAME}")[0]?.getData().count() ?? 0;
  }};
  const look = () => {{
    if (!isDrawn(count())) requestAnimationFrame(look);
    else requestAnimationFrame(() => requestAnimationFrame(() => done((performance.now() - begun) / 1000)));
  }};
  look();
}});"""
OPEN = """() => {
  const begun = performance.now();
  document.getElementById("tab-metrics").click();
  return window.drawn(begun, (count) => count > 0);
}"""
ZOOM = f"""([least, most]) => {{
  const plot = document.querySelector(".metric-plot");
  const begun = performance.now();
  for (let i = 0; i < {ZOOM_KEYS}; i += 1) plot.dispatchEvent(new KeyboardEvent("keydown", {{ key: "+" }}));
  const shown = () => document.querySelector("[data-testid='shown']").textContent;
  return window.drawn(begun, (count) => count >= least && count <= most && shown().includes("every value"));
}}"""
FETCH = """async (path) => {
  const begun = performance.now();
  await (await fetch(path, { cache: "no-store" })).json();
  return (performance.now() - begun) / 1000;
}"""
PLAIN = """async (values) => {
  const data = Array.from({ length: values }, (_, i) => [i, Math.sin(i / 1000)]);
  const place = document.body.appendChild(document.createElement("div"));
  Object.assign(place.style, { width: "400px", height: "130px" });
  const begun = performance.now();
  const chart = echarts.init(place);
  const axes = { xAxis: { type: "value" }, yAxis: { type: "value" } };
  const drawn = new Promise((done) => chart.on("finished", () => requestAnimationFrame(done)));
  chart.setOption({ animation: false, ...axes, series: [{ type: "line", showSymbol: false, data }] });
  await drawn;
  const taken = (performance.now() - begun) / 1000;
  chart.dispose();
  return taken;
}"""


def rows(*, quick: bool = False) -> List[Row]:
    """Return the figures; an empty list if Chromium is not installed."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("not measured: Chromium is not installed (apt-get install chromium)")
        return []
    values = QUICK_VALUES if quick else VALUES
    with tempfile.TemporaryDirectory() as where, Mosquitto(Path(where) / "broker") as broker:
        state = StateDir(Path(where) / "state")
        write_run(state, values)
        with Server(broker, state.path) as server, sync_playwright() as playwright:
            wait_restored(server, RUN)
            browser = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
            measured = [turn(browser, server, values) for _ in range(TURNS)]
            plain = [all_of_them(browser, values) for _ in range(TURNS)] if ECHARTS.exists() else []
            browser.close()
    secs = {what: statistics.median(one[what] for one in measured) for what in measured[0]}
    opened, zoomed = secs["opened"], secs["zoomed"]
    return [
        row(
            f"a metric of {values:,} values opens, median of {TURNS}", opened, "s", f"<= {MOST_OPEN_SECS}",
            met=opened <= MOST_OPEN_SECS,
        ),
        row("  its answer alone, fetched", secs["fetched whole"], "s", "", met=None),
        *([row("  plain ECharts, given all values", statistics.median(plain), "s", "", met=None)] if plain else []),
        row(
            f"zoom to {values >> ZOOM_KEYS:,} of them", zoomed, "s", f"<= {MOST_ZOOM_SECS}",
            met=zoomed <= MOST_ZOOM_SECS,
        ),
        row("  its answer alone, fetched", secs["fetched part"], "s", "", met=None),
    ]  # fmt: skip


def turn(browser: Browser, server: Server, values: int) -> Dict[str, float]:
    """Open the metric once and zoom into it; return how long each took, and each answer alone, seconds."""
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    tab.add_init_script(DRAWN)
    tab.goto(f"{server.url}/run/{RUN}?tab=logs")
    tab.locator("#tab-metrics").scroll_into_view_if_needed()
    tab.wait_for_load_state("networkidle")
    inside = values >> ZOOM_KEYS
    measured = {"opened": tab.evaluate(OPEN), "zoomed": tab.evaluate(ZOOM, [inside - 10, inside + 10])}
    place = f"/api/run/{RUN}/metric?worker=main&name={NAME}"
    middle, width = (BEGAN_UNIX_NANOS + values * STEP_NANOS // 2) // 10**6, inside * STEP_NANOS // 10**6
    part = f"{place}&first={middle}&last={middle + width}"
    measured |= {"fetched whole": tab.evaluate(FETCH, place), "fetched part": tab.evaluate(FETCH, part)}
    tab.close()
    return measured


def all_of_them(browser: Browser, values: int) -> float:
    """Return how long plain ECharts takes to draw so many values in an empty page, seconds."""
    tab: Page = browser.new_page()
    tab.add_script_tag(path=ECHARTS)
    secs: float = tab.evaluate(PLAIN, values)
    tab.close()
    return secs


def write_run(state: StateDir, values: int) -> None:
    """Record a run that is over, of one metric with so many values and their steps."""
    folder = state.path / "recordings" / topics.escape(RUN)
    folder.mkdir(parents=True)
    started = datetime.fromtimestamp(BEGAN_UNIX_NANOS // 10**9, timezone.utc)
    with RecordingWriter(folder / f"{started:%Y%m%dT%H%M%SZ}-0.mcap") as writer:
        writing = Writing(writer, RUN)
        writing.add(schema.Info, schema_version=schema.SCHEMA_VERSION, experiment="many values")
        for number in range(values):
            writing.add(schema.Metric, name=NAME, value=float(number % 997), metadata={"step": number})
        writing.add(schema.Status, status="completed")
        writing.add(schema.End, status="completed")
