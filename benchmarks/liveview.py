"""This benchmark measures how soon a step is on the screen, the page's cost, and how fast a long run opens.

usage: python -m benchmarks liveview

It uses a real Mosquitto, bridge and page; two real Chromium browsers show the evidence charts; further browsers are
WebSocket clients that receive and do not render. Publish to pixel: from the wall clock before `publish()` to the
animation frame after ECharts reports that it has drawn the step, by the browser's clock, which is the same machine's.
Everything runs on the same cores: rendering, without a GPU, takes most of them.
"""

from __future__ import annotations

import contextlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Self

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.bridge import bridge_process, example_step, row
from benchmarks.liveview_run import EPISODES, STEPS, write_long_run
from monty_mqtt import ZmqBroadcaster
from monty_mqtt.wire import schema
from monty_mqtt_core.settings.ports import any_free
from monty_mqtt_core.settings.state_dir import StateDir
from monty_mqtt_stack.services.mosquitto import Mosquitto

__all__ = ["rows"]

Row = Dict[str, Any]


class Paint(NamedTuple):
    """Paint holds seconds since the address was entered: the first paint, and the evidence drawn."""

    first: float
    drawn: float


MODULES = 5
MOST_P99_MILLIS = 250.0
MOST_PAINT_SECS = 1.0
MOST_MEMORY_MIB = 500.0
PATIENCE_SECS = 120.0
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run")
CHART = "[data-testid='evidence-canvas']"
WATCH = f"""() => {{
  const element = document.querySelector("{CHART}");
  element.scrollIntoView({{ block: "center" }});
  const {{ chart }} = element;
  window.drawn = [];
  chart.on("rendered", () => {{
    const last = chart.getModel().getComponent("xAxis").option.max;
    requestAnimationFrame(() => window.drawn.push([last, Date.now()]));
  }});
}}"""
WAIT_DRAWN = f"""
new MutationObserver(() => {{
  if (!window.drawnAt && document.querySelectorAll("{CHART} canvas").length >= {MODULES})
    requestAnimationFrame(() => (window.drawnAt ??= performance.now()));
}}).observe(document, {{ subtree: true, childList: true }});"""
UNTIL_DRAWN = f"""() => new Promise((done, fail) => {{
  setTimeout(fail, {1000 * PATIENCE_SECS});
  const look = () => (window.drawnAt ? done() : requestAnimationFrame(look));
  look();
}})"""
PAINTS = """() => ({
  drawn: window.drawnAt,
  ...Object.fromEntries(performance.getEntriesByType("paint").map((one) => [one.name, one.startTime])),
})"""
RECEIVE = """
import asyncio, sys
import websockets

async def receive(url):
    async with websockets.connect(url, max_size=None) as socket:
        async for _ in socket:
            pass

async def main(url, count):
    tasks = [asyncio.create_task(receive(url)) for _ in range(count)]
    print("receiving", flush=True)
    await asyncio.gather(*tasks)

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def rows(*, quick: bool = False) -> List[Row]:
    """Return the page's figures; an empty list if Chromium is not installed."""
    program = chromium()
    if program is None:
        return []
    secs = 3.0 if quick else 20.0
    cases = [(25, 0)] if quick else [(25, 0), (25, 10), (25, 50), (200, 0), (200, 10)]
    with tempfile.TemporaryDirectory() as where, sync_playwright() as playwright:
        browsers = [playwright.chromium.launch(executable_path=program, args=list(QUIET)) for _ in range(2)]
        rows = live_rows(Path(where), browsers, cases, secs)
        rows += long_rows(Path(where), browsers[0], steps=2_000 if quick else STEPS)
        for browser in browsers:
            browser.close()
    return rows


def chromium() -> Optional[str]:
    """Return the browser's program, or say that it is not installed."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        print("not measured: Chromium is not installed (apt-get install chromium)")
    return program


def live_rows(where: Path, browsers: List[Browser], cases: List[Any], secs: float) -> List[Row]:
    """Measure publish to pixel, and the page's share of a core."""
    rows: List[Row] = []
    with Mosquitto(where / "broker") as broker, contextlib.ExitStack() as stack:
        zmq_port = any_free("127.0.0.1")
        stack.enter_context(bridge_process(broker, zmq_port, where / "journal.sqlite"))
        page = stack.enter_context(Server(broker, where / "state"))
        rows.append(row("server, idle", page.cores(secs) * 100, "% of a core", "", met=None))
        for rate, clients in cases:
            run = f"live-{rate}-{clients}"
            with ZmqBroadcaster(run_id=run, zmq_port=zmq_port) as broadcaster:
                rows += publish_to_pixel(page, broadcaster, browsers, rate=rate, clients=clients, secs=secs)
    return rows


class Server:
    """Server is the page's process."""

    def __init__(self, broker: Mosquitto, state_dir: Path) -> None:
        self._port = any_free("127.0.0.1")
        self.url = f"http://127.0.0.1:{self._port}"
        self._command = [
            *(sys.executable, "-m", "monty_mqtt_liveview", f"--port={self._port}", f"--state-dir={state_dir}"),
            *(f"--mqtt-port={broker.port}", "--mqtt-username=liveview"),
            f"--mqtt-password-file={broker.password_file('liveview')}",
        ]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self._process.stdout.readline()
        self.measured = psutil.Process(self._process.pid)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)

    def cores(self, secs: float) -> float:
        """Return how many cores the page uses, as a mean over so many seconds."""
        before = self.measured.cpu_times()
        time.sleep(secs)
        after = self.measured.cpu_times()
        return (after.user + after.system - before.user - before.system) / secs

    def memory_mib(self) -> float:
        """Return its resident memory, MiB."""
        return float(self.measured.memory_info().rss) / 2**20

    @contextlib.contextmanager
    def receivers(self, run: str, count: int) -> Iterator[None]:
        """Run so many clients that receive and do not render."""
        if not count:
            yield
            return
        url = f"{self.url.replace('http', 'ws')}/live?run={run}&worker=main&rows=0&generation=0"
        with subprocess.Popen([sys.executable, "-c", RECEIVE, url, str(count)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            try:
                yield
            finally:
                process.kill()


def publish_to_pixel(
    page: Server, broadcaster: ZmqBroadcaster, browsers: List[Browser], *, rate: int, clients: int, secs: float
) -> List[Row]:
    """Measure publish to pixel at a rate, with two browsers and so many further clients."""
    published: List[float] = []
    over = threading.Event()

    def publish() -> None:
        began = time.monotonic()
        while not over.wait(max(0.0, began + len(published) / rate - time.monotonic())):
            published.append(time.time() * 1000)
            broadcaster.publish(schema.Step, **example_step(len(published) - 1, MODULES))

    publisher = threading.Thread(target=publish)
    publisher.start()
    try:
        with page.receivers(broadcaster.run, clients), opened(browsers, f"{page.url}/run/{broadcaster.run}") as pages:
            first = len(published)
            cores = page.cores(secs)
            last = len(published)
            pages[0].wait_for_timeout(1000)
            drawn = [page_drawn.evaluate("window.drawn") for page_drawn in pages]
    finally:
        over.set()
        publisher.join(PATIENCE_SECS)
    millis = sorted(lag for frames in drawn for lag in lags(frames, published[first:last], first))
    name = f"publish to pixel, {rate} steps/s, 2 browsers" + (f" and {clients} clients" if clients else "")
    p50, p99 = statistics.median(millis), millis[int(len(millis) * 0.99)]
    is_target = (rate, clients) == (25, 10)
    target, met = (f"<= {MOST_P99_MILLIS:.0f}", p99 <= MOST_P99_MILLIS) if is_target else ("", None)
    return [
        row(f"{name}, p50", p50, "ms", "", met=None),
        row("  p99", p99, "ms", target, met=met),
        row("  server", cores * 100, "% of a core", "", met=None),
    ]


def lags(drawn: List[Any], published: List[float], first: int) -> List[float]:
    """Return for each step the time until the first drawing that contains it, milliseconds."""
    lags_found, place = [], 0
    for number, at in enumerate(published, first):
        while place < len(drawn) and drawn[place][0] < number:
            place += 1
        if place < len(drawn):
            lags_found.append(drawn[place][1] - at)
    return lags_found


@contextlib.contextmanager
def opened(browsers: List[Browser], url: str) -> Iterator[List[Page]]:
    """Open a page in each browser, with its evidence charts in sight and watched."""
    pages = [browser.new_page(viewport={"width": 1280, "height": 900}) for browser in browsers]
    for tab in pages:
        tab.goto(url)
        tab.wait_for_selector(f"{CHART} canvas", timeout=PATIENCE_SECS * 1000)
        tab.evaluate(WATCH)
    yield pages
    for tab in pages:
        tab.close()


def long_rows(where: Path, browser: Browser, steps: int) -> List[Row]:
    """Measure how a long run that is over opens: its first paint, and the page's memory for it."""
    state = StateDir(where / "long")
    run = write_long_run(state, steps)
    with Mosquitto(where / "other") as broker, Server(broker, state.path) as page:
        began = time.monotonic()
        wait_restored(page, run)
        restored = time.monotonic() - began
        paints = [first_paint(browser, f"{page.url}/run/{run}") for _ in range(5)]
        memory = page.memory_mib()
    name = f"a run of {EPISODES * steps // STEPS:,} episodes and {steps:,} steps"
    paint, drawn = (
        statistics.median(paint.first for paint in paints),
        statistics.median(paint.drawn for paint in paints),
    )
    return [
        row(f"{name}: restored after", restored, "s", "", met=None),
        row("  first contentful paint, median of 5", paint, "s", "<= 1", met=paint <= MOST_PAINT_SECS),
        row("  evidence of all learning modules drawn", drawn, "s", "", met=None),
        row("  memory of the server", memory, "MiB", "<= 500", met=memory <= MOST_MEMORY_MIB),
    ]


def wait_restored(page: Server, run: str) -> None:
    """Return when the page has read the run's recording."""
    deadline = time.monotonic() + PATIENCE_SECS
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{page.url}/api/runs", timeout=5) as answer:
            if run.encode() in answer.read():
                return
        if time.monotonic() > deadline:
            raise TimeoutError(run)
        time.sleep(0.05)


def first_paint(browser: Browser, url: str) -> Paint:
    """Return when the browser first painted the page, and when it had drawn the evidence of all modules."""
    tab = browser.new_page(viewport={"width": 1280, "height": 1600})
    tab.add_init_script(WAIT_DRAWN)
    tab.goto(url, wait_until="commit")
    tab.evaluate(UNTIL_DRAWN)
    painted: Dict[str, float] = tab.evaluate(PAINTS)
    tab.close()
    return Paint(painted["first-contentful-paint"] / 1000, painted["drawn"] / 1000)
