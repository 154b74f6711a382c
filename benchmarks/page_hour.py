"""This benchmark measures the memory that an hour's worth of steps takes: of a browser that follows, and of the page.

usage: python -m benchmarks page_hour

The steps are those of an hour at 25 a second, sent twenty times as fast. The browser's memory is what is reachable in
its JavaScript heap, after a collection; the page's is its resident set.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List

from playwright.sync_api import Page, sync_playwright

from benchmarks.bridge import bridge_process, example_step, row
from benchmarks.liveview import CHART, MODULES, PATIENCE_SECS, QUIET, Server, chromium
from monty_mqtt import ZmqBroadcaster
from monty_mqtt.wire import schema
from monty_mqtt_core.settings.ports import any_free
from monty_mqtt_stack.services.mosquitto import Mosquitto

__all__ = ["rows"]

HOUR_STEPS = 3_600 * 25
STEPS_PER_SEC = 500
DRAWN_LAST = f"""document.querySelector("{CHART}").chart.getModel().getComponent("xAxis").option.max"""


def rows(*, quick: bool = False) -> List[Dict[str, Any]]:
    """Return the memory before and after the hour; an empty list if Chromium is not installed."""
    program = chromium()
    if program is None:
        return []
    steps = HOUR_STEPS // 60 if quick else HOUR_STEPS
    with tempfile.TemporaryDirectory() as where, sync_playwright() as playwright, contextlib.ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(Path(where) / "broker"))
        port = any_free("127.0.0.1")
        stack.enter_context(bridge_process(broker, port, Path(where) / "journal.sqlite"))
        server = stack.enter_context(Server(broker, Path(where) / "state"))
        broadcaster = stack.enter_context(ZmqBroadcaster(run_id="hour", zmq_port=port))
        publish(broadcaster, 0, STEPS_PER_SEC)
        tab = playwright.chromium.launch(executable_path=program, args=list(QUIET)).new_page()
        tab.goto(f"{server.url}/run/hour")
        tab.wait_for_selector(f"{CHART} canvas", timeout=PATIENCE_SECS * 1000)
        before, served_before = heap_mib(tab), server.memory_mib()
        publish(broadcaster, STEPS_PER_SEC, steps)
        wait_drawn(tab, steps - 1)
        after, served_after = heap_mib(tab), server.memory_mib()
    name = f"{steps:,} steps of {MODULES} learning modules"
    return [
        row(f"browser at the first second of {name}", before, "MiB", "", met=None),
        row("  and at the end", after, "MiB", "", met=None),
        row("server at the first second", served_before, "MiB", "", met=None),
        row("  and at the end", served_after, "MiB", "", met=None),
    ]


def publish(broadcaster: ZmqBroadcaster, first: int, end: int) -> None:
    """Publish steps evenly."""
    began = time.monotonic()
    for number in range(first, end):
        broadcaster.publish(schema.Step, **example_step(number, MODULES))
        time.sleep(max(0.0, began + (number - first + 1) / STEPS_PER_SEC - time.monotonic()))


def wait_drawn(tab: Page, last: int) -> None:
    """Return when the browser has drawn the last step."""
    deadline = time.monotonic() + PATIENCE_SECS
    while tab.evaluate(DRAWN_LAST) < last:
        if time.monotonic() > deadline:
            raise TimeoutError(f"step {last} was not drawn within {PATIENCE_SECS} s")
        tab.wait_for_timeout(200)


def heap_mib(tab: Page) -> float:
    """Return what is reachable in the heap of the browser's page, MiB."""
    session = tab.context.new_cdp_session(tab)
    session.send("HeapProfiler.collectGarbage")
    used: float = session.send("Runtime.getHeapUsage")["usedSize"]
    return used / 2**20
