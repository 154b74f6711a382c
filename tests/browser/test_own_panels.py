"""Panels of the operator's own: the examples of the docs, those that do harm, `layout.toml`, title, style sheet."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from demo_on_screen import MODULES, Demo, at
from kit.machine.child_process import until
from kit.page.page_process import PageProcess
from playwright.sync_api import FrameLocator, Page, expect

from monty_mqtt.wire import schema

pytestmark = pytest.mark.timeout(120)

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "panels"
EPISODE, STEP = 5, 9
PANEL = 'export default {{ title: "{0}", where: "{1}", mount(element, run) {{ {2} }} }};'
HARMFUL = {
    "throws": (PANEL.format("throws", "below", "undefined.x"), "TypeError"),
    "throws_later": (PANEL.format("later", "below", 'setTimeout(() => { throw Error("later") })'), "later"),
    "rejects": (PANEL.format("rejects", "below", 'Promise.reject(Error("rejected"))'), "rejected"),
    "wrong": ("export const title = 1;", "must export by default"),
    "nowhere": (PANEL.format("nowhere", "middle", ""), '`where` one of "above"'),
    "no_module": ("export default {", "SyntaxError"),
    "floods": (
        PANEL.format("floods", "below", "setInterval(() => { for (let i = 0; i < 99; i++) run.select(0) })"),
        "300",
    ),
    "shouts": (
        PANEL.format(
            "shouts", "below", 'setInterval(() => { for (let i = 0; i < 99; i++) parent.postMessage(i, "*") })'
        ),
        "300",
    ),
    "leaves": (PANEL.format("leaves", "below", 'setTimeout(() => location.replace("about:blank"))'), "left its own"),
    "loops": (PANEL.format("loops", "right", "for (;;);"), "does not answer"),
}
"""Panels that do what they must not, and what their place says."""

REACHES = """
  const tried = {
    page: () => parent.document.title,
    cookie: () => document.cookie,
    storage: () => localStorage.length,
    answers: () => fetch("/api/runs"),
    metric: () => run.metric("../../x"),
    prototype: () => run.constructor.constructor("return parent.document")(),
    elsewhere: () => fetch("https://example.com/"),
    picture: () => new Promise((good, bad) => {
      const image = new Image();
      image.onload = good;
      image.onerror = () => bad(Error("not loaded"));
      image.src = "/assets/icon.svg";
    }),
    module: () => import("/assets/icon.svg"),
    code: () => eval("1"),
    window: () => { if (!open("/")) throw Error("not opened"); },
    away: () => { top.location = "/"; },
  };
  const reached = [];
  const all = Object.entries(tried).map(async ([name, what]) => {
    try { await what(); reached.push(name); } catch { /* as it must be */ }
  });
  element.textContent = "trying";
  Promise.all(all).then(() => { element.textContent = "reached: " + reached.join(" "); });
"""
UNMOUNTS = PANEL.format("ends", "below", "run.select(3); return () => run.select(7);")


@pytest.fixture
def own(demo) -> Iterator[Path]:
    """The state directory of the demo's page; what a test puts there goes with it."""
    state = demo.page.login_file.parent.parent
    (state / "panels").mkdir()
    yield state
    shutil.rmtree(state / "panels")
    for name in ("layout.toml", "page.css"):
        (state / name).unlink(missing_ok=True)


def add(own: Path, **panels: str) -> None:
    for name, text in panels.items():
        (own / "panels" / f"{name}.js").write_text(text)


def place(page: Page, name: str):
    return page.get_by_test_id(f"own-{name}")


def frame(page: Page, name: str) -> FrameLocator:
    return place(page, name).frame_locator("iframe")


def leads(demo: Demo, step: int, episode: int = EPISODE) -> list[str]:
    """What the first example shows at a step, as it was published."""
    (said,) = [one for one in demo.steps() if (one.episode, one.step) == (episode, step)]
    modules = {name: said.learning_modules[name] for name in MODULES}
    return [
        f"{name}: {module.most_likely.object}, {module.margin:.2f} ahead" if module.most_likely else f"{name}: nothing"
        for name, module in modules.items()
    ]


def test_the_examples_show_the_step_and_lead_to_an_episode(shown, demo, own):
    for example in EXAMPLES.iterdir():
        shutil.copy(example, own / "panels")
    shown.page.set_viewport_size({"width": 1440, "height": 900})
    page = at(shown, demo.recognising, EPISODE, STEP)
    lines = frame(page, "lead").locator("#panel > div")
    expect(lines).to_have_text(leads(demo, STEP))
    expect(place(page, "lead")).to_be_in_viewport(ratio=1)
    page.keyboard.press("ArrowLeft")
    expect(lines).to_have_text(leads(demo, STEP - 1))
    bars = frame(page, "rotation_errors").get_by_role("button")
    expect(bars).to_have_count(len(demo.ended()))
    bars.nth(2).click()
    expect(page.get_by_test_id("scrub")).to_have_attribute("data-episode", "2")
    expect(page.get_by_test_id("scrub")).to_have_attribute("data-step", "0")


def test_a_panel_that_does_harm_is_shown_with_its_error_and_the_page_goes_on(shown, demo, own):
    add(own, **{name: text for name, (text, _) in HARMFUL.items()}, good=(EXAMPLES / "lead.js").read_text())
    page = at(shown, demo.recognising, EPISODE, STEP)
    page.keyboard.press("ArrowLeft")  # while they do what they do
    for name, (_, reason) in HARMFUL.items():
        expect(place(page, name).get_by_role("alert")).to_contain_text(reason, timeout=40_000)
        expect(place(page, name).locator("iframe")).to_have_count(0)
    expect(place(page, "throws").get_by_role("alert")).to_have_text(
        re.compile(r"TypeError: .*throws\.js:1:\d+\)$", re.DOTALL)
    )
    page.get_by_role("button", name="next episode").click()  # some have led the page to its first
    expect(page.get_by_test_id("scrub")).to_have_attribute("data-episode", "1")
    expect(frame(page, "good").locator("#panel > div")).to_have_text(leads(demo, 0, 1))


def test_a_panel_that_loops_does_not_hold_up_the_page(shown, demo, own):
    add(own, loops=HARMFUL["loops"][0])
    page = at(shown, demo.recognising, EPISODE, STEP)
    expect(place(page, "loops").locator("iframe")).to_have_count(1)
    longest = page.evaluate(
        """async () => {
          let longest = 0;
          for (let i = 0, before = performance.now(); i < 100; i++, before = performance.now()) {
            await new Promise((done) => setTimeout(done, 10));
            longest = Math.max(longest, performance.now() - before);
          }
          return longest;
        }"""
    )
    assert place(page, "loops").locator("iframe").count() == 1, "it was stopped before it was looked at"
    assert longest < 3000


def test_a_panel_reaches_neither_the_page_nor_the_network(chromium, demo, own):
    add(own, reaches=PANEL.format("reaches", "below", REACHES))
    context = chromium.new_context()
    page = context.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{demo.page.url}/run/{demo.recognising}")
    expect(frame(page, "reaches").locator("#panel")).to_have_text("reached: ")
    assert not [url for url in asked if "example.com" in url]
    assert f"/run/{demo.recognising}" in page.url
    alone = page.goto(f"{demo.page.url}/panel_frame")
    assert "sandbox allow-scripts" in alone.headers["content-security-policy"]
    context.close()


def test_a_panel_that_goes_is_ended(shown, demo, own):
    add(own, ends=UNMOUNTS)
    page = at(shown, demo.recognising, EPISODE, STEP)
    expect(page.get_by_test_id("scrub")).to_have_attribute("data-row", "3")
    page.get_by_role("button", name="Hide: ends").click()
    expect(place(page, "ends")).to_have_count(0)


def test_a_panel_is_hidden_moved_and_enlarged_as_every_other(shown, demo, own):
    add(own, lead=(EXAMPLES / "lead.js").read_text())
    shown.page.set_viewport_size({"width": 1440, "height": 900})
    page = at(shown, demo.recognising, EPISODE, STEP)
    expect(place(page, "lead")).to_be_visible()
    menu = page.get_by_test_id("panels-menu")
    menu.get_by_text("Panels", exact=True).click()
    menu.get_by_role("button", name="Up: Lead over the second").click()
    senses = page.locator(".senses > [data-testid]")
    order = ["frames", "space", "own-lead", "closer-look"]
    until(lambda: senses.evaluate_all("(all) => all.map((one) => one.dataset.testid)") == order)
    page.reload()
    until(lambda: senses.evaluate_all("(all) => all.map((one) => one.dataset.testid)") == order)
    page.get_by_role("button", name="Enlarge: Lead over the second").click()
    until(lambda: place(page, "lead").bounding_box()["width"] > 1300)
    frame(page, "lead").locator("#panel").click()
    page.keyboard.press("Escape")
    until(lambda: place(page, "lead").bounding_box()["width"] < 900)
    page.get_by_role("button", name="Hide: Lead over the second").click()
    expect(place(page, "lead")).to_have_count(0)
    assert "~lead" in unquote(page.url)


def test_layout_toml_chooses_panels_for_an_experiment_and_the_menu_brings_others_back(shown, demo, own):
    add(own, bars=(EXAMPLES / "rotation_errors.js").read_text())
    (own / "layout.toml").write_text('[[layout]]\nexperiment = "*recognise*"\npanels = ["bars", "space", "beliefs"]\n')
    page = at(shown, demo.recognising, EPISODE, STEP)
    expect(place(page, "bars")).to_be_visible()
    for name in ("timeline", "frames", "episode-table"):
        expect(page.get_by_test_id(name)).to_have_count(0)
    expect(page.get_by_test_id("space")).to_be_visible()
    menu = page.get_by_test_id("panels-menu")
    menu.get_by_text("Panels", exact=True).click()
    menu.get_by_label("Sensors", exact=True).check()
    expect(page.get_by_test_id("frames")).to_be_visible()
    menu.get_by_role("button", name="All of them, as they were").click()
    expect(page.get_by_test_id("frames")).to_have_count(0)
    page = shown.open(f"/run/{demo.learning}")
    expect(page.get_by_test_id("timeline")).to_be_visible()


def test_a_wrong_layout_is_one_line_and_shows_everything(shown, demo, own):
    (own / "layout.toml").write_text('[[layout]]\npanels = ["evidence"]\n')
    page = at(shown, demo.recognising, EPISODE, STEP)
    expect(page.get_by_test_id("own-problems").get_by_role("listitem")).to_have_text(
        "layout.toml layout[0].panels: 'evidence' is not allowed; it must be one of "
        "timeline, beliefs, frames, space, closer, details, episodes, tabs"
    )
    expect(page.get_by_test_id("timeline")).to_be_visible()


def test_title_and_style_are_the_operators(chromium, broker, tmp_path, teller):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "page.css").write_text(".brand { text-transform: uppercase; }")
    (tmp_path / "state" / "layout.toml").write_text('[[layout]]\nmetrics = ["reward", "loss*"]\n')
    with PageProcess(broker, tmp_path / "state", "--title", "Touch <b> lab") as process:
        process.ready()
        voice = teller.voice("named", secs_ago=60)
        voice.say(schema.Status, status="running")
        for name in ("loss/train", "speed", "reward", "loss/eval"):
            voice.say(schema.Metric, name=name, value=1.0)
        teller.done()
        page = chromium.new_context().new_page()
        page.goto(process.url)
        expect(page).to_have_title("▶ (1) Touch <b> lab")
        brand = page.locator(".brand")
        expect(brand).to_contain_text("Touch <b> lab")
        expect(brand).to_have_css("text-transform", "uppercase")
        page.goto(f"{process.url}/run/named?tab=metrics")
        names = page.locator(".metric-name")
        expect(names).to_have_text(["reward", "loss/train", "loss/eval"])
        page.get_by_label("also those that are not reward, loss*").check()
        expect(names).to_have_count(4)
        page.context.close()
