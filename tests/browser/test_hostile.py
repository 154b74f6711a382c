"""Hostile names and values, floods and long runs: nothing executes, leaves its directory, freezes or grows for ever."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest
from kit.bridge import make
from kit.machine.child_process import until
from kit.page.page_process import PageProcess
from kit.page.teller import HOSTILE
from long_recording import write_long
from playwright.sync_api import expect

from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.message_pieces import (
    Hypothesis,
    LearningModuleEpisode,
    LearningModuleStep,
    SensorModuleStep,
    Target,
)
from monty_mqtt_core.payloads.frame_images import encode_frame

pytestmark = pytest.mark.timeout(240)

MIB = 1 << 20
TABS = ("results", "logs", "events", "metrics", "graphs", "hypotheses", "media", "data", "machine")
RUN = quote(topics.escape(HOSTILE))
MOST_MIB = {"server": 900, "browser": 250}
FROZEN_SECS = 5
"""So long without an answer is frozen, also on a machine that is busy; how long it took is printed."""


def tell_everything(voice) -> None:
    """A run in which everything that has a name has a hostile one."""
    voice.say(schema.Info, experiment=HOSTILE, experiment_class=HOSTILE, host=HOSTILE, command_line=[HOSTILE])
    voice.say(schema.Status, status="running", reason=HOSTILE)
    module = LearningModuleStep(
        evidence={HOSTILE: 2.0, "__proto__": 1.0},
        most_likely=Hypothesis(object=HOSTILE, evidence=2.0, location=[0.0, 1e30, -1e30]),
        possible_matches=[HOSTILE],
        terminal_state=HOSTILE,
        target_object=HOSTILE,
        hypothesis_counts={HOSTILE: 2**62, "__proto__": 2**62},
        hypotheses_added=2**62,
        hypotheses_removed=-(2**62),
        hypothesis_age_median=1e300,
        hypothesis_age_max=2**62,
        evidence_slope_max=-1e300,
    )
    sensor = SensorModuleStep(location=[1e300, 0.0, -1e300], on_object=True)
    target = Target(object=HOSTILE)
    voice.say(schema.EpisodeStarted, episode=0, target=target)
    for step in range(3):
        parts = {"learning_modules": {HOSTILE: module}, "sensor_modules": {HOSTILE: sensor}}
        voice.say(schema.Step, episode=0, step=step, target_object=HOSTILE, **parts)
    judged = LearningModuleEpisode(outcome=HOSTILE, most_likely_object=HOSTILE)
    words = {"outcome": HOSTILE, "learning_modules": {HOSTILE: judged}}
    words["graph_nodes"] = {HOSTILE: {HOSTILE: 2**62, "__proto__": -1}}
    words["graphs_made"] = words["graphs_extended"] = {HOSTILE: [HOSTILE], "__proto__": [HOSTILE]}
    words["graph_targets"] = {HOSTILE: {"__proto__": [HOSTILE]}}
    voice.say(schema.EpisodeEnded, episode=0, correct=0, steps=3, target=target, **words)
    voice.say(schema.Log, level=HOSTILE, message=HOSTILE, logger=HOSTILE)
    voice.say(schema.Event, event=HOSTILE, source=HOSTILE, fields={HOSTILE: HOSTILE})
    voice.say(schema.Metric, name=HOSTILE, value=1.0, metadata={HOSTILE: HOSTILE})
    voice.say(schema.Data, stream=HOSTILE, data={HOSTILE: [HOSTILE]})
    voice.say(schema.State, state={HOSTILE: HOSTILE})
    voice.say(schema.Machine, process=schema.ProcessUse(cpu_percent=1e308, threads=-1), host=schema.HostUse(load=1e300))
    voice.say(schema.Histogram, name=HOSTILE, counts=[1.0], edges=[0.0, 1.0])
    voice.say(schema.Table, name=HOSTILE, columns=[HOSTILE], rows=[[HOSTILE]], metadata={"step": HOSTILE})
    voice.say(schema.Status, status="error", error_type=HOSTILE, error_message=HOSTILE, error_traceback=HOSTILE)


def publish_no_images(teller) -> None:
    """Frames of a hostile sensor: script, an image cut off, one that says it is larger than it is."""
    place = {"run": HOSTILE, "worker": HOSTILE, "episode": 0, "step": 1, "height": 8, "width": 8}
    for number, (sensor, modality) in enumerate(((HOSTILE, "rgba"), ("cut", "rgba"), ("depth", "depth"))):
        place["time_unix_nanos"] = time.time_ns()
        message = make(schema.Frame, number, sensor=sensor, modality=modality, **place)
        payload = encode_frame(message, bytes(8 * 8 * 4)).payload
        payload = payload[: len(payload) // 2] + (b"<script>alert(1)</script>" if sensor == HOSTILE else b"")
        teller.publish(topics.of_message(message).topic, payload, retain=False)
    topic = topics.build(HOSTILE, HOSTILE, "frame", "svg", "rgba")
    teller.publish(topic, b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", retain=False)


def test_hostile_names_and_images_neither_execute_nor_leave_the_state_directory(
    chromium, broker, teller, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    errors: list[str] = []
    with PageProcess(broker, tmp_path / "a" / "b" / "state") as server:
        server.ready()
        tell_everything(teller.voice(HOSTILE, HOSTILE, secs_ago=60))
        publish_no_images(teller)
        teller.done()
        server.until_json("/api/runs", lambda runs: any(run_head["steps"] == 3 for run_head in runs))
        context = chromium.new_context(viewport={"width": 390, "height": 844})
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("dialog", lambda dialog: errors.append(dialog.message))
        page.on(
            "request",
            lambda request: errors.append(request.url) if not request.url.startswith((server.url, "data:")) else None,
        )
        page.on("console", lambda line: errors.append(line.text) if "Content Security Policy" in line.text else None)
        for path in ("/", f"/run/{RUN}/workers", f"/run/{RUN}"):
            page.goto(server.url + path)
            expect(page.locator("h1, main a").get_by_text(HOSTILE).first).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
        for tab in TABS:
            page.locator(f"#tab-{tab}").click()
            expect(page.get_by_role("tabpanel").get_by_text(HOSTILE).first).to_be_attached()
        for part in ("frames", "space", "timeline", "agreement"):
            page.get_by_test_id(part).scroll_into_view_if_needed()
        page.wait_for_load_state("networkidle")
        assert page.locator("img[src='x'], script:not([src]):has-text('alert')").count() == 0
        context.close()
    assert [error for error in errors if "blob:" not in error] == []
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["state"]
    recorded = [path for path in (tmp_path / "a/b/state/recordings").rglob("*") if path.suffix == ".mcap"]
    assert len(recorded) == 1
    assert recorded[0].parent.name == topics.escape(HOSTILE)


WATCH = """async () => {
  globalThis.longest = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) globalThis.longest = Math.max(globalThis.longest, entry.duration);
  }).observe({ type: "longtask" });
  const chart = document.querySelector("[data-testid='evidence-canvas']").chart;
  globalThis.drawn = [];
  chart.on("rendered", () => {
    const last = chart.getModel().getComponent("xAxis").option.max;
    requestAnimationFrame(() => globalThis.drawn.push([last, Date.now()]));
  });
}"""


def heap_mib(page) -> float:
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    figures = {figure["name"]: figure["value"] for figure in session.send("Performance.getMetrics")["metrics"]}
    session.detach()
    return figures["JSHeapUsedSize"] / MIB


def lateness(server: PageProcess, drawn: list, first: int) -> list[float]:
    """Return of each step that came live the milliseconds until a chart that has it was drawn."""
    rows = server.json(f"/api/run/flood/worker/main/steps?first={first}&points=10000")
    late = []
    for row, at in zip(rows["row"], rows["time_unix_millis"], strict=True):
        seen = next((then for last, then in drawn if last >= row), None)
        late += [seen - at] if seen else []
    return sorted(late)


@pytest.mark.parametrize(
    ("steps", "secs"), [(10_000, 8), pytest.param(100_000, 60, marks=[pytest.mark.long, pytest.mark.timeout(600)])]
)
def test_a_flood_on_a_telephone_neither_freezes_the_page_nor_grows_for_ever(
    chromium, broker, tmp_path, capsys, steps, secs
):
    write_long(tmp_path / "state" / "recordings", "flood", steps)
    command = [
        sys.executable,
        "-m",
        "kit.programs.page_flood",
        broker.port,
        broker.password("bridge"),
        "flood",
        steps,
        secs,
    ]
    with PageProcess(broker, tmp_path / "state") as server:
        server.ready()
        server.until_json("/api/run/flood", lambda run: run["run"]["steps"] == steps, 120)
        context = chromium.new_context(viewport={"width": 390, "height": 844})
        page = context.new_page()
        began = time.monotonic()
        page.goto(f"{server.url}/run/flood?tab=metrics")
        page.get_by_test_id("evidence-LM_0").scroll_into_view_if_needed()
        page.locator("[data-testid='evidence-canvas'] canvas").first.wait_for()
        opened = time.monotonic() - began
        page.evaluate(WATCH)
        memory = psutil.Process(server.pid).memory_info
        with subprocess.Popen(
            [str(word) for word in command], cwd=Path(__file__).parent.parent, stdout=subprocess.PIPE, text=True
        ) as flood:
            until(lambda: page.evaluate("globalThis.drawn.length") > 5)
            clicks = []
            half = (memory().rss / MIB, heap_mib(page))
            while flood.poll() is None:
                asked = time.monotonic()
                page.get_by_test_id("live").click()
                page.evaluate("new Promise(requestAnimationFrame)")
                clicks.append(time.monotonic() - asked)
                half = (memory().rss / MIB, heap_mib(page)) if len(clicks) < 5 else half
            sent = json.loads(flood.stdout.read())
        expect(page.get_by_role("tab", name="Logs")).to_contain_text(f"{sent['logs']:,}", timeout=90_000)
        server.until_json("/api/run/flood", lambda run: run["run"]["steps"] == steps + sent["steps"], 60)
        end = (memory().rss / MIB, heap_mib(page))
        late = lateness(server, page.evaluate("globalThis.drawn"), steps)
        longest = page.evaluate("globalThis.longest") / 1000
        lines = [
            f"a run of {steps:,} steps opened at 390 pixels in {opened:.2f} s; sent in {sent['secs']} s: {sent}",
            f"evidence late: median {late[len(late) // 2]:.0f} ms, 99 % {late[int(len(late) * 0.99)]:.0f} ms",
            f"longest task {longest:.2f} s; {len(clicks)} clicks, the slowest {max(clicks):.2f} s",
            f"memory of the server {half[0]:.0f} -> {end[0]:.0f} MiB, of the browser {half[1]:.0f} -> {end[1]:.0f} MiB",
        ]
        with capsys.disabled():
            print("\n" + "\n".join(lines))  # noqa: T201 - figures for the report; what they may be is not asserted tightly
        context.close()
    assert longest < FROZEN_SECS
    assert max(clicks) < 2 * FROZEN_SECS
    assert end[0] < MOST_MIB["server"]
    assert end[1] < MOST_MIB["browser"]
    assert len(late) == sent["steps"]


def test_a_page_of_another_site_gets_nothing(chromium, page_server):
    context = chromium.new_context()
    page = context.new_page()
    page.goto("data:text/html,<title>elsewhere</title>")
    tried = page.evaluate(
        """async (url) => {
          const read = await fetch(`${url}/api/runs`).then((answer) => answer.status, () => "refused");
          const socket = new WebSocket(`${url.replace("http", "ws")}/live_runs`);
          const heard = await new Promise((done) => {
            socket.onmessage = () => done("heard");
            socket.onclose = () => done("refused");
          });
          const image = new Image();
          const drawn = await new Promise((done) => {
            image.onload = () => done("loaded");
            image.onerror = () => done("refused");
            image.src = `${url}/assets/icon.svg`;
          });
          return [read, heard, drawn];
        }""",
        page_server.url,
    )
    assert tried == ["refused", "refused", "refused"]
    context.close()
