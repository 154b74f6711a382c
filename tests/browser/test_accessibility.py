"""Everybody can use the page: axe-core finds nothing, at both widths, light and dark; and the keyboard is enough."""

from __future__ import annotations

from pathlib import Path

import pytest
from kit.machine.node import node_modules
from kit.messages.message_examples import EXAMPLES
from kit.messages.told_modes import evaluated
from kit.page.page_process import replay
from kit.page.teller import HOSTILE
from playwright.sync_api import expect

from monty_mqtt.wire import schema
from monty_mqtt.wire.vocabulary import STATUS_CODES

pytestmark = pytest.mark.timeout(240)

VIEWS = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]
TABS = ("results", "logs", "events", "metrics", "graphs", "hypotheses", "data", "machine")


@pytest.fixture(scope="session")
def axe() -> str:
    return (node_modules(Path(__file__).parent) / "node_modules/axe-core/axe.min.js").read_text()


@pytest.fixture
def demo(bridge, page_server):
    """The recognising run of the demo, as it ended."""
    _, run = replay(bridge.zmq_port)
    page_server.until_json(
        "/api/runs", lambda heads: {"completed"} <= {run_head["status"] for run_head in heads if run_head["run"] == run}
    )
    return run


def show(watched, path: str, width: int, scheme: str):
    watched.page.set_viewport_size({"width": width, "height": 844})
    watched.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    return watched.open(path)


def faults(page, axe: str) -> list[str]:
    """What axe-core finds, one line each."""
    page.evaluate(axe)
    report = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['impact']} {violation['id']}: {node['target']} {node['failureSummary']}"
        for violation in report["violations"]
        for node in violation["nodes"]
    ]


def fits(page, width: int) -> bool:
    return page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_the_list_of_runs(watched, teller, axe, width, scheme):
    for status in STATUS_CODES:
        voice = teller.voice(f"a-{status}", secs_ago=60)
        voice.say(schema.Info, experiment="x", episodes_expected={"eval": 10})
        voice.say(schema.Status, status=status, stalled=status == "running", lost=1)
        voice.say(schema.Progress, episodes_done=4, episodes_expected=10, modes=evaluated(correct=3, confused=1))
    teller.done()
    page = show(watched, "/", width, scheme)
    page.get_by_role("link", name="a-running").wait_for()
    assert faults(page, axe) == []
    assert fits(page, width)


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_a_run(watched, demo, axe, width, scheme):
    page = show(watched, f"/run/{demo}", width, scheme)
    page.get_by_role("group", name="Confusion matrix").wait_for()
    page.get_by_text("Configuration and machine").click()
    assert faults(page, axe) == []
    assert fits(page, width)


def test_the_lower_parts_of_a_run(watched, teller, axe):
    voice = teller.voice("parts", secs_ago=60)
    voice.say(
        schema.Status, status="error", error_type="ValueError", error_message=HOSTILE, error_traceback="x = 1\n" * 40
    )
    for level in ("debug", "info", "warning", "error", "critical"):
        voice.say(schema.Log, level=level, message=f"{level} " * 60, logger="tbp.monty", suppressed=3)
    voice.say(schema.Event, event="Kind", fields={"x": 1})
    voice.say(schema.Metric, name="loss", value=0.5, metadata={"epoch": 1})
    voice.say(schema.Data, stream="stream", data={"a": [1, 2]})
    voice.say(schema.State, state={"phase": "x" * 500})
    voice.say(schema.Step, episode=0, step=0, learning_modules={"LM_0": EXAMPLES["step"].learning_modules["LM_0"]})
    graphs = {"graph_nodes": {"LM_0": {"mug": 5, "x" * 99: 7}}, "graphs_made": {"LM_0": ["mug"]}}
    voice.say(schema.EpisodeEnded, mode="train", episode=0, graphs_extended={"LM_0": ["x" * 99]}, **graphs)
    for number in range(3):
        process, host = schema.ProcessUse(cpu_percent=50.0 * number, threads=4), schema.HostUse(load=2.0, cpus=8)
        voice.say(schema.Machine, after_secs=2, process=process, host=host)
    teller.done()
    for width, scheme in VIEWS:
        page = show(watched, "/run/parts", width, scheme)
        for tab in TABS:
            page.locator(f"#tab-{tab}").click()
            page.wait_for_load_state("networkidle")
            assert faults(page, axe) == [], (tab, width, scheme)
            assert fits(page, width), (tab, width)


@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_the_workers(watched, teller, axe, width, scheme):
    for number, status in enumerate(STATUS_CODES):
        voice = teller.voice("axe workers", f"parallel_eval_episode_{number}", secs_ago=60)
        voice.say(schema.Status, status=status, stalled=status == "running", lost=2)
        voice.say(schema.EpisodeEnded, episode=number, steps=3, elapsed_secs=2.0, outcome="confused_mlh", correct=0)
    teller.done()
    page = show(watched, "/run/axe%2520workers/workers", width, scheme)
    expect(page.locator(".tile")).to_have_count(len(STATUS_CODES))
    assert faults(page, axe) == []
    assert fits(page, width)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_login(watched, teller, axe, scheme):
    voice = teller.voice("login", secs_ago=60)
    voice.say(schema.Status, status="running")
    teller.done()
    page = show(watched, "/run/login", 390, scheme)
    page.get_by_text("Commands", exact=True).click()
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("dialog").get_by_label("Password")).to_be_focused()
    assert faults(page, axe) == []
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_tabs_are_operated_by_keyboard(watched, teller):
    voice = teller.voice("keys", secs_ago=60)
    voice.say(schema.Status, status="running")
    voice.say(schema.Log, level="info", message="hello")
    teller.done()
    page = watched.open("/run/keys")
    page.locator("#tab-results").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", selected=True)).to_contain_text("Logs")
    expect(page.locator(".log-line")).to_have_count(1)
    page.wait_for_url("**tab=logs*")
    page.reload()
    expect(page.get_by_role("tab", selected=True)).to_contain_text("Logs")


def test_the_bar_is_skipped_by_keyboard(watched):
    page = watched.open("/")
    page.get_by_role("heading", level=1).wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
